"""Registers the app."""

from django.apps import AppConfig


class GitIntegrationConfig(AppConfig):
    """Git integration."""

    name = "gitintegration"
    verbose_name = "Git integration"

    def ready(self) -> None:
        from devops import rotation  # noqa: PLC0415

        for field in ("token", "secret"):
            rotation.register("gitintegration.WebhookEndpoint", f"encrypted_{field}", field)
