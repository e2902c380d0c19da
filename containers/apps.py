"""Registers the app."""

from django.apps import AppConfig


class ContainersConfig(AppConfig):
    """Containers."""

    name = "containers"
    verbose_name = "Containers"
