"""Registers the app."""

from django.apps import AppConfig


class DevopsConfig(AppConfig):
    """The kernel."""

    name = "devops"
    verbose_name = "Kernel"

    def ready(self) -> None:
        from devops import rotation  # noqa: PLC0415
        from devops.api import checks  # noqa: F401, PLC0415  (registers itself)

        rotation.register("devops.WebhookDelivery", "encrypted_secret", "secret")
        rotation.register("devops.AiConfig", "encrypted_api_key", "api_key")
