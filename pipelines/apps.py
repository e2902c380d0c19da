"""Registers the app."""

from django.apps import AppConfig


class PipelinesConfig(AppConfig):
    """Pipelines."""

    name = "pipelines"
    verbose_name = "Pipelines"
