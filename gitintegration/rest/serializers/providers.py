"""Hosts and credentials as JSON; what a credential holds is never shown."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, StrictSerializer
from gitintegration.choices import AuthType, ProviderType, SyncKind, SyncStatus
from gitintegration.models import GitProvider, GitProviderCredential, GitSync
from gitintegration.operations import credentials as rules
from gitintegration.operations.providers import (
    effective_api_url,
    effective_web_url,
    is_self_hosted,
)
from gitintegration.selectors import provider_status


class GitProviderSerializer(serializers.ModelSerializer[GitProvider]):
    """A git host."""

    status = serializers.SerializerMethodField()
    credentials_count = serializers.IntegerField()
    repositories_count = serializers.IntegerField()
    webhooks_count = serializers.IntegerField()
    organizations_count = serializers.IntegerField()
    effective_api_base_url = serializers.SerializerMethodField()
    effective_web_base_url = serializers.SerializerMethodField()
    self_hosted = serializers.SerializerMethodField()
    capabilities = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = GitProvider
        fields = [
            "id", "name", "slug", "provider_type", "description", "api_base_url", "web_base_url",
            "effective_api_base_url", "effective_web_base_url", "self_hosted", "is_active",
            "supports_oauth", "supports_pat", "supports_webhooks", "supports_devops",
            "capabilities", "priority_order", "status", "last_contact_at", "last_error",
            "retry_at", "credentials_count", "repositories_count", "webhooks_count",
            "organizations_count", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_status(self, provider: GitProvider) -> str:
        """`connected`, `error` or `disconnected`."""
        return provider_status(provider)

    def get_effective_api_base_url(self, provider: GitProvider) -> str:
        """Where its API is."""
        return effective_api_url(provider)

    def get_effective_web_base_url(self, provider: GitProvider) -> str:
        """Where people find it."""
        return effective_web_url(provider)

    def get_self_hosted(self, provider: GitProvider) -> bool:
        """Whether this is not the vendor's own service."""
        return is_self_hosted(provider)


class GitProviderDetailSerializer(GitProviderSerializer):
    """A git host with its settings; the OAuth secret stays here."""

    oauth_config = serializers.DictField()
    webhook_config = serializers.DictField()
    devops_config = serializers.DictField()
    metadata = serializers.DictField()
    has_oauth_secret = serializers.SerializerMethodField()

    class Meta(GitProviderSerializer.Meta):
        fields = [
            *GitProviderSerializer.Meta.fields, "oauth_config", "has_oauth_secret",
            "webhook_config", "devops_config", "metadata",
        ]  # fmt: skip
        read_only_fields = fields

    def get_has_oauth_secret(self, provider: GitProvider) -> bool:
        """Whether a client secret is stored."""
        return bool(provider.encrypted_oauth_secret)


class AvailableProviderSerializer(serializers.Serializer[Any]):
    """A kind of host that can be connected."""

    provider_type = serializers.CharField()
    name = serializers.CharField()
    configured = serializers.BooleanField()
    api_base_url = serializers.CharField()
    web_base_url = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    token_hint = serializers.CharField()


class GitProviderChanges(StrictSerializer):
    """What can be said about a host."""

    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=10_000, allow_blank=True, required=False)
    api_base_url = serializers.CharField(max_length=500, allow_blank=True, required=False)
    web_base_url = serializers.CharField(max_length=500, allow_blank=True, required=False)
    is_active = serializers.BooleanField(required=False)
    supports_oauth = serializers.BooleanField(required=False)
    supports_pat = serializers.BooleanField(required=False)
    supports_webhooks = serializers.BooleanField(required=False)
    supports_devops = serializers.BooleanField(required=False)
    capabilities = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=50, required=False
    )
    oauth_config = JSONObject(required=False)
    webhook_config = JSONObject(required=False)
    devops_config = JSONObject(required=False)
    metadata = JSONObject(required=False)
    priority_order = serializers.IntegerField(min_value=0, max_value=100_000, required=False)


class NewGitProvider(GitProviderChanges):
    """A host to be connected; its kind stays."""

    provider_type = serializers.ChoiceField(choices=ProviderType.choices)
    slug = serializers.CharField(max_length=50, required=False, allow_blank=True)


class CredentialStats(serializers.Serializer[Any]):
    """How often a credential worked."""

    success_count = serializers.IntegerField()
    failure_count = serializers.IntegerField()
    consecutive_failures = serializers.IntegerField()
    success_rate = serializers.FloatField()
    repositories_count = serializers.IntegerField()


class CredentialSerializer(serializers.ModelSerializer[GitProviderCredential]):
    """A credential without what it holds."""

    provider_id = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField())
    healthy = serializers.SerializerMethodField()
    can_be_used = serializers.SerializerMethodField()
    expires_soon = serializers.SerializerMethodField()
    encryption_key_id = serializers.SerializerMethodField()
    stats = serializers.SerializerMethodField()

    class Meta:
        model = GitProviderCredential
        fields = [
            "id", "provider_id", "name", "auth_type", "scopes", "is_active", "is_default",
            "expires_at", "expires_soon", "external_username", "external_user_id",
            "external_avatar_url", "last_used_at", "last_test_at", "last_test_status",
            "last_error", "healthy", "can_be_used", "encryption_key_id", "stats", "created_at",
            "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_healthy(self, credential: GitProviderCredential) -> bool:
        """Active, not expired, at most two failures in a row."""
        return rules.is_healthy(credential)

    def get_can_be_used(self, credential: GitProviderCredential) -> bool:
        """Active, and not expired without a way to renew itself."""
        return rules.can_be_used(credential)

    def get_expires_soon(self, credential: GitProviderCredential) -> bool:
        """Within thirty days."""
        return rules.expires_soon(credential)

    def get_encryption_key_id(self, credential: GitProviderCredential) -> str:
        """Which key protects it."""
        return rules.key_id(credential)

    def get_stats(self, credential: GitProviderCredential) -> CredentialStats:
        """How often it worked."""
        total = credential.success_count + credential.failure_count
        rate = round(100 * credential.success_count / total, 2) if total else 0.0
        facts = {
            "success_count": credential.success_count,
            "failure_count": credential.failure_count,
            "consecutive_failures": credential.consecutive_failures,
            "success_rate": rate,
            "repositories_count": getattr(credential, "repositories_count", 0),
        }
        return CredentialStats(facts).data  # type: ignore[return-value]


class CredentialChanges(StrictSerializer):
    """What can be said about a credential; a new secret is tested at once."""

    name = serializers.CharField(max_length=255, required=False)
    is_active = serializers.BooleanField(required=False)
    is_default = serializers.BooleanField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    credentials = JSONObject(required=False)


class NewCredential(CredentialChanges):
    """A credential to be added; its kind stays. It is tested at once."""

    auth_type = serializers.ChoiceField(choices=AuthType.choices)
    credentials = JSONObject()


class CredentialTestSerializer(serializers.Serializer[Any]):
    """What a test found."""

    success = serializers.BooleanField()
    check = serializers.CharField()
    username = serializers.CharField(required=False)
    user_id = serializers.CharField(required=False)
    avatar_url = serializers.CharField(required=False)
    email = serializers.CharField(required=False)
    scopes = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    provider_type = serializers.CharField()
    response_time_ms = serializers.IntegerField()
    rate_limit = serializers.DictField(required=False)
    webhook_count = serializers.IntegerField(required=False)
    can_manage_webhooks = serializers.BooleanField(required=False)
    ci_cd_enabled = serializers.BooleanField(required=False)
    recent_runs = serializers.IntegerField(required=False)
    error = serializers.CharField(required=False)
    error_code = serializers.CharField(required=False)


class AvailableRepositorySerializer(serializers.Serializer[Any]):
    """A repository that could be imported."""

    external_id = serializers.CharField()
    name = serializers.CharField()
    full_name = serializers.CharField()
    owner = serializers.CharField()
    description = serializers.CharField()
    default_branch = serializers.CharField()
    web_url = serializers.CharField()
    is_private = serializers.BooleanField()
    is_fork = serializers.BooleanField()
    is_archived = serializers.BooleanField()
    stars_count = serializers.IntegerField()
    primary_language = serializers.CharField()
    already_imported = serializers.BooleanField()


class UsageSerializer(serializers.Serializer[Any]):
    """The account's quota of mirrored repositories."""

    current = serializers.IntegerField()
    limit = serializers.IntegerField()
    available = serializers.IntegerField()


class AvailableRepositoriesSerializer(serializers.Serializer[Any]):
    """One page of them."""

    repositories = AvailableRepositorySerializer(many=True)
    next_page = serializers.CharField(allow_blank=True)
    usage = UsageSerializer()


class ImportBody(StrictSerializer):
    """Which repositories to import."""

    external_ids = serializers.ListField(
        child=serializers.CharField(max_length=255), min_length=1, max_length=10_000
    )
    include_forks = serializers.BooleanField(required=False)
    include_archived = serializers.BooleanField(required=False)


class SyncErrorSerializer(serializers.Serializer[Any]):
    """What went wrong with one repository."""

    external_id = serializers.CharField()
    error = serializers.CharField()


class GitSyncSerializer(serializers.ModelSerializer[GitSync]):
    """An import or a synchronisation, and how far it came."""

    credential_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=SyncKind.choices)
    status = serializers.ChoiceField(choices=SyncStatus.choices)
    problems = SyncErrorSerializer(many=True, source="errors")

    class Meta:
        model = GitSync
        fields = [
            "id", "credential_id", "kind", "status", "total", "done_count", "imported_count",
            "error_count", "problems", "error_message", "created_at", "completed_at",
        ]  # fmt: skip
        read_only_fields = fields


class AuthorizeBody(StrictSerializer):
    """Where the host is to send the person back."""

    redirect_uri = serializers.CharField(max_length=500)


class AuthorizationSerializer(serializers.Serializer[Any]):
    """Where to send the person."""

    authorization_url = serializers.CharField()


class CallbackBody(StrictSerializer):
    """What the host gave the person on the way back."""

    code = serializers.CharField(max_length=2000)
    state = serializers.CharField(max_length=200)


class SyncBody(StrictSerializer):
    """Whose mirrors to bring up to date."""

    credential_id = serializers.UUIDField()
