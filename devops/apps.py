"""Registers the app."""

from django.apps import AppConfig


class DevopsConfig(AppConfig):
    """The kernel."""

    name = "devops"
    verbose_name = "Kernel"
