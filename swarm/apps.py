"""Registers the app."""

from django.apps import AppConfig


class SwarmConfig(AppConfig):
    """Swarm."""

    name = "swarm"
    verbose_name = "Swarm"
