"""Plain constants of the containers app."""

from django.db.models import TextChoices


class SecretBackend(TextChoices):
    """Where a secret's value is kept."""

    BUILTIN = "builtin"
    VAULT = "vault"


class SecretType(TextChoices):
    """What a secret is used for."""

    ENVIRONMENT = "environment"
    FILE = "file"
    REGISTRY = "registry"
    PIPELINE = "pipeline"
