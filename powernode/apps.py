"""Registers the composition: the Celery application becomes the one that wake-ups go through."""

from django.apps import AppConfig


class PowernodeConfig(AppConfig):
    """The product."""

    name = "powernode"
    verbose_name = "Powernode"

    def ready(self) -> None:
        from powernode.celery import app  # noqa: PLC0415

        app.set_default()
