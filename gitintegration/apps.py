"""Registers the app."""

from django.apps import AppConfig

_ENCRYPTED = {
    "WebhookEndpoint": ("token", "secret"),
    "GitProvider": ("oauth_secret",),
    "GitProviderCredential": ("credentials",),
    "OAuthState": ("verifier",),
    "AccountGitWebhookConfig": ("secret_key", "signature_secret", "previous_secret"),
}


class GitIntegrationConfig(AppConfig):
    """Git integration."""

    name = "gitintegration"
    verbose_name = "Git integration"

    def ready(self) -> None:
        from devops import outbox, rotation  # noqa: PLC0415
        from gitintegration.jobs import NOTE_DELIVERY  # noqa: PLC0415

        for model, fields in _ENCRYPTED.items():
            for field in fields:
                rotation.register(f"gitintegration.{model}", f"encrypted_{field}", field)
        outbox.subscribe("webhook_delivery_ended", NOTE_DELIVERY)
