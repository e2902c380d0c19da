"""Registers the app."""

from django.apps import AppConfig


class ContainersConfig(AppConfig):
    """Containers."""

    name = "containers"
    verbose_name = "Containers"

    def ready(self) -> None:
        from devops import rotation  # noqa: PLC0415

        rotation.register("containers.SecretReference", "encrypted_value", "value")
        rotation.register("containers.DockerHost", "encrypted_tls_credentials", "tls")
