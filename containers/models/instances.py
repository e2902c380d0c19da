"""Container instances: the containers that we asked for, each with who owns it."""

from django.db import models
from django.db.models import Q

from containers.choices import INSTANCE_ACTIVE, InstanceStatus
from devops.models import Lifecycle


class ContainerInstance(Lifecycle):
    """One container that we asked for: on which host, for whom, and what became of it.

    Attributes:
        owner: who wants it, as its app names itself; here it is text alone.
        ordinal: which of its owner's containers this is, from 1.
        holder: the process that proves to be alive for the owner.
        fence: of the owner's lease; a lower one may write no more.
        digest: of what the owner asked for; a container of something else is not gone on with.
        log_offset: where in the owner's log the container's own output begins.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    docker_host = models.ForeignKey(
        "containers.DockerHost", on_delete=models.RESTRICT, related_name="instances"
    )
    execution_id = models.CharField(max_length=40, unique=True)
    image_name = models.CharField(max_length=300)
    command = models.TextField(blank=True)
    services = models.JSONField(default=list)
    status = models.CharField(
        max_length=12, choices=InstanceStatus.choices, default=InstanceStatus.PENDING
    )
    owner = models.CharField(max_length=120)
    ordinal = models.PositiveIntegerField(default=1)
    holder = models.CharField(max_length=40, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    owner_lease_until = models.DateTimeField()
    attachments = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64)
    container_id = models.CharField(max_length=64, blank=True)
    is_shared_folder = models.BooleanField(default=True)
    folder_host = models.CharField(max_length=255, blank=True)
    log_offset = models.BigIntegerField(null=True)
    memory_mb = models.PositiveIntegerField()
    cpu_millicores = models.PositiveIntegerField()
    pids_limit = models.PositiveIntegerField()
    exit_code = models.IntegerField(null=True)
    error_message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "ordinal"], name="instance_owner_once"),
            models.CheckConstraint(
                condition=Q(status__in=InstanceStatus.values), name="instance_status"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "status", "-id"], name="instance_by_status"),
            models.Index(
                fields=["owner_lease_until"],
                condition=Q(status__in=sorted(INSTANCE_ACTIVE)),
                name="instance_lease",
            ),
            models.Index(
                fields=["docker_host"], condition=Q(removed_at=None), name="instance_unremoved"
            ),
        ]

    def __str__(self) -> str:
        return self.execution_id

    @property
    def is_active(self) -> bool:
        """Whether its container may still run."""
        return self.status in INSTANCE_ACTIVE

    @property
    def container_name(self) -> str:
        """What it is called on its host: the same whoever asks, so none is made twice."""
        return f"powernode-{self.pk.hex}"
