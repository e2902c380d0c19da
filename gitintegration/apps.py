"""Registers the app."""

from django.apps import AppConfig


class GitIntegrationConfig(AppConfig):
    """Git integration."""

    name = "gitintegration"
    verbose_name = "Git integration"
