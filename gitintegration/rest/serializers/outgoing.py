"""Receivers of git events, their deliveries, and workflow triggers as JSON."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, ScopedKey, StrictSerializer
from devops.models import WebhookDelivery
from gitintegration import selectors
from gitintegration.choices import BranchFilterType, RetryBackoff
from gitintegration.models import AccountGitWebhookConfig, GitWorkflowTrigger
from gitintegration.operations import account_webhooks


class AccountWebhookSerializer(serializers.ModelSerializer[AccountGitWebhookConfig]):
    """A receiver of the account's git events."""

    event_types = serializers.ListField(child=serializers.CharField())
    success_rate = serializers.SerializerMethodField()
    health_status = serializers.SerializerMethodField()

    class Meta:
        model = AccountGitWebhookConfig
        fields = [
            "id", "name", "url", "description", "is_active", "disabled_reason", "event_types",
            "branch_filter", "branch_filter_type", "content_type", "timeout_seconds",
            "retry_limit", "retry_backoff", "success_count", "failure_count",
            "consecutive_failures", "success_rate", "health_status", "last_delivery_at",
            "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_success_rate(self, config: AccountGitWebhookConfig) -> float:
        """Percent of the deliveries that arrived."""
        return account_webhooks.health_of(config)[0]

    def get_health_status(self, config: AccountGitWebhookConfig) -> str:
        """`unknown`, `excellent`, `good`, `warning` or `critical`."""
        return account_webhooks.health_of(config)[1]


class AccountWebhookDetailSerializer(AccountWebhookSerializer):
    """A receiver with its headers and the ends of its secret."""

    masked_secret = serializers.SerializerMethodField()
    custom_headers = serializers.DictField()
    created_by = serializers.SerializerMethodField()

    class Meta(AccountWebhookSerializer.Meta):
        fields = [
            *AccountWebhookSerializer.Meta.fields, "masked_secret", "previous_secret_until",
            "custom_headers", "created_by",
        ]  # fmt: skip
        read_only_fields = fields

    def get_masked_secret(self, config: AccountGitWebhookConfig) -> str:
        """To recognise it by."""
        return account_webhooks.masked_secret(config)

    def get_created_by(self, config: AccountGitWebhookConfig) -> str | None:
        """Who entered it."""
        return str(config.created_by) if config.created_by else None


class AccountWebhookSecretsSerializer(AccountWebhookDetailSerializer):
    """A new receiver with its secrets, shown this once."""

    secret_key = serializers.SerializerMethodField()
    signature_secret = serializers.SerializerMethodField()

    class Meta(AccountWebhookDetailSerializer.Meta):
        fields = [*AccountWebhookDetailSerializer.Meta.fields, "secret_key", "signature_secret"]
        read_only_fields = fields

    def get_secret_key(self, config: AccountGitWebhookConfig) -> str:
        """Checks the `webhook-signature` header (Standard Webhooks)."""
        return account_webhooks.secret_key(config)

    def get_signature_secret(self, config: AccountGitWebhookConfig) -> str:
        """Checks the `X-Powernode-Signature` header."""
        return account_webhooks.signature_secret(config)


class AccountWebhookChanges(StrictSerializer):
    """What can be said about a receiver."""

    name = serializers.CharField(max_length=255)
    url = serializers.CharField(max_length=500)
    description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    is_active = serializers.BooleanField(required=False)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=50, required=False
    )
    branch_filter = serializers.CharField(max_length=500, allow_blank=True, required=False)
    branch_filter_type = serializers.ChoiceField(choices=BranchFilterType.choices, required=False)
    content_type = serializers.CharField(max_length=40, required=False)
    custom_headers = JSONObject(required=False)
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=300, required=False)
    retry_limit = serializers.IntegerField(min_value=0, max_value=10, required=False)
    retry_backoff = serializers.ChoiceField(choices=RetryBackoff.choices, required=False)


class ReceiverSecretSerializer(serializers.Serializer[Any]):
    """A new secret, shown this once."""

    secret_key = serializers.CharField()
    previous_secret_until = serializers.DateTimeField(
        help_text="Until then the old one signs beside it."
    )


class EventGroupSerializer(serializers.Serializer[Any]):
    """Events of one subject."""

    group = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())


class DeliveryTrySerializer(serializers.Serializer[Any]):
    """One try to deliver."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """What was sent to a receiver."""

    payload = serializers.DictField()
    tries = DeliveryTrySerializer(many=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id", "event_name", "status", "attempts", "response_status", "last_error", "tries",
            "payload", "next_attempt_at", "delivered_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class WorkflowTriggerSerializer(serializers.ModelSerializer[GitWorkflowTrigger]):
    """A rule that calls an automation."""

    repository_id = serializers.UUIDField(allow_null=True)
    target = serializers.DictField()
    event_filters = serializers.DictField()
    payload_mapping = serializers.DictField()
    metadata = serializers.DictField()

    class Meta:
        model = GitWorkflowTrigger
        fields = [
            "id", "name", "repository_id", "target", "event_type", "branch_pattern",
            "path_pattern", "event_filters", "payload_mapping", "is_active", "status",
            "trigger_count", "last_triggered_at", "metadata", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class WorkflowTriggerChanges(StrictSerializer):
    """What can be said about such a rule."""

    name = serializers.CharField(max_length=255)
    target = JSONObject()
    event_type = serializers.CharField(max_length=40)
    repository_id = ScopedKey(
        rows=selectors.git_repositories, required=False, allow_null=True, source="repository"
    )
    branch_pattern = serializers.CharField(max_length=255, required=False)
    path_pattern = serializers.CharField(max_length=255, allow_blank=True, required=False)
    event_filters = JSONObject(required=False)
    payload_mapping = JSONObject(required=False)
    metadata = JSONObject(required=False)
    is_active = serializers.BooleanField(required=False)


class SamplePayload(StrictSerializer):
    """A host's body to try a rule with; a usual one of its event without a word."""

    sample_payload = JSONObject(required=False)


class TriggerTestSerializer(serializers.Serializer[Any]):
    """Whether the rule would fire."""

    matched = serializers.BooleanField()
    reason = serializers.CharField()
    extracted_variables = serializers.DictField()
    sample_event = serializers.DictField()
