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


class HostEnvironment(TextChoices):
    """What a Docker host is for."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
    CUSTOM = "custom"


class HostStatus(TextChoices):
    """What is known of a Docker host's Engine."""

    PENDING = "pending"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ERROR = "error"
    MAINTENANCE = "maintenance"


class InstanceStatus(TextChoices):
    """The life of one container that we asked for."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


INSTANCE_ACTIVE = frozenset(
    {InstanceStatus.PENDING, InstanceStatus.PROVISIONING, InstanceStatus.RUNNING}
)
# Failures in a row after which a host is believed to be in error.
HOST_FAILURES_MAX = 5
# An owner that proves nothing for so long is gone, and its containers with it.
OWNER_LEASE_SECONDS = 45
