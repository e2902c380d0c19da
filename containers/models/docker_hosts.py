"""Docker hosts: Engines on which an account's containers run."""

from django.db import models
from django.db.models import Q

from containers.choices import HostEnvironment, HostStatus
from devops.models import Row


class DockerHost(Row):
    """One Docker Engine of an account, and what it last said of itself."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    api_endpoint = models.CharField(max_length=500)
    # What the Engine answered when it was last asked; never what a person wrote.
    api_version = models.CharField(max_length=20, blank=True)
    environment = models.CharField(
        max_length=12, choices=HostEnvironment.choices, default=HostEnvironment.DEVELOPMENT
    )
    status = models.CharField(max_length=12, choices=HostStatus.choices, default=HostStatus.PENDING)
    is_default = models.BooleanField(default=False)
    tls_verify = models.BooleanField(default=True)
    encrypted_tls_credentials = models.TextField(blank=True)
    docker_version = models.CharField(max_length=80, blank=True)
    os_type = models.CharField(max_length=120, blank=True)
    architecture = models.CharField(max_length=40, blank=True)
    kernel_version = models.CharField(max_length=120, blank=True)
    memory_bytes = models.BigIntegerField(null=True)
    cpu_count = models.PositiveIntegerField(null=True)
    container_count = models.PositiveIntegerField(default=0)
    image_count = models.PositiveIntegerField(default=0)
    consecutive_failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="docker_host_name_once"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_default=True), name="docker_host_default_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=HostStatus.values), name="docker_host_status"
            ),
            models.CheckConstraint(
                condition=Q(environment__in=HostEnvironment.values), name="docker_host_environment"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_tls_credentials(self) -> bool:
        """Whether certificates are kept for it; they cannot be read."""
        return bool(self.encrypted_tls_credentials)
