"""Hosts and the credentials that speak to them."""

from django.conf import settings
from django.db import models

from devops.models import Row
from gitintegration.choices import AuthType, ProviderType


class GitProvider(Row):
    """A git host of one account."""

    EDITED = (
        "name", "description", "api_base_url", "web_base_url", "is_active", "supports_oauth",
        "supports_pat", "supports_webhooks", "supports_devops", "capabilities", "webhook_config",
        "devops_config", "metadata", "priority_order", "oauth_config",
    )  # fmt: skip

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    slug = models.CharField(max_length=50)
    provider_type = models.CharField(max_length=12, choices=ProviderType.choices)
    description = models.TextField(blank=True)
    api_base_url = models.CharField(max_length=500, blank=True)
    web_base_url = models.CharField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    supports_oauth = models.BooleanField(default=True)
    supports_pat = models.BooleanField(default=True)
    supports_webhooks = models.BooleanField(default=True)
    supports_devops = models.BooleanField(default=False)
    capabilities = models.JSONField(default=list)
    # The client's id, addresses and scopes; its secret stands encrypted beside them.
    oauth_config = models.JSONField(default=dict)
    encrypted_oauth_secret = models.TextField(blank=True)
    webhook_config = models.JSONField(default=dict)
    devops_config = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    priority_order = models.PositiveIntegerField(default=1000)
    # What the last contact was like: reachable or not, and when the next try is due.
    last_contact_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=1000, blank=True)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["priority_order", "name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "slug"], name="git_provider_slug_once"),
            models.CheckConstraint(
                condition=models.Q(provider_type__in=ProviderType.values), name="git_provider_type"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GitProviderCredential(Row):
    """A token, an app or a key for one host; what it holds never leaves encrypted storage."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(GitProvider, on_delete=models.CASCADE, related_name="credentials")
    # The account's connection that pipelines use, where this credential serves one.
    provider_link = models.ForeignKey(
        "devops.Provider", on_delete=models.SET_NULL, null=True, related_name="git_credentials"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=255)
    auth_type = models.CharField(max_length=30, choices=AuthType.choices)
    encrypted_credentials = models.TextField()
    scopes = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True)
    # Whoever renews the tokens just now; a renewal token can be used once only.
    refresh_claimed_until = models.DateTimeField(null=True)
    expiry_warned_at = models.DateTimeField(null=True)
    external_username = models.CharField(max_length=255, blank=True)
    external_user_id = models.CharField(max_length=255, blank=True)
    external_avatar_url = models.CharField(max_length=500, blank=True)
    last_used_at = models.DateTimeField(null=True)
    last_test_at = models.DateTimeField(null=True)
    last_test_status = models.CharField(max_length=30, blank=True)
    last_error = models.CharField(max_length=1000, blank=True)
    success_count = models.PositiveBigIntegerField(default=0)
    failure_count = models.PositiveBigIntegerField(default=0)
    consecutive_failures = models.PositiveIntegerField(default=0)
    metadata = models.JSONField(default=dict)

    class Meta:
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "provider"],
                condition=models.Q(is_default=True),
                name="git_credential_default_once",
            ),
            models.CheckConstraint(
                condition=models.Q(auth_type__in=AuthType.values), name="git_credential_auth_type"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OAuthState(Row):
    """One started authorisation; used once, by the person who started it."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(GitProvider, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    encrypted_verifier = models.TextField()
    redirect_uri = models.CharField(max_length=500)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"OAuth with {self.provider_id}"
