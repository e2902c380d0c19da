"""The rows of container instances: claimed, moved on, kept alive, given up.

Every write of an owner carries its fence: once another process has taken the owner over, the
earlier one writes nothing more.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from containers.choices import INSTANCE_ACTIVE, OWNER_LEASE_SECONDS, InstanceStatus
from containers.clients.docker.spec import ContainerSpec, Limits
from containers.models import ContainerInstance, DockerHost
from containers.states import instance_states
from devops.clock import DbIn, DbNow
from devops.errors import Fenced

_MESSAGE_MAX = 4000


@dataclass(frozen=True, slots=True)
class Owner:
    """Who asks for containers, and the lease under which it may.

    Attributes:
        key: the owner's own name for itself, for example `pipelines.step:<id>`.
        holder: the process that proves to be alive for it.
        labels: what the container's labels say of it, for people who look at the host.
    """

    account_id: uuid.UUID
    key: str
    holder: str
    fence: int
    labels: Mapping[str, str] = field(default_factory=dict)


def default_limits() -> Limits:
    """What a container may take unless somebody says otherwise: the operator's settings."""
    return Limits(
        memory_mb=settings.POWERNODE_CONTAINER_MEMORY_MB,
        cpu_millicores=settings.POWERNODE_CONTAINER_CPU_MILLICORES,
        pids=settings.POWERNODE_CONTAINER_PIDS,
    )


def find_instance(owner: str, ordinal: int) -> ContainerInstance | None:
    """What an owner asked for under this number, if it did."""
    rows = ContainerInstance.objects.select_related("docker_host")
    return rows.filter(owner=owner, ordinal=ordinal).first()


@transaction.atomic(durable=True)
def claim_instance(
    owner: Owner, ordinal: int, digest: str, spec: ContainerSpec, host: DockerHost
) -> ContainerInstance:
    """The row of an owner's container: a new one, or the one to re-attach to.

    Raises:
        Fenced: a later holder of the owner's lease has it.
    """
    instance, is_new = ContainerInstance.objects.select_for_update().get_or_create(
        owner=owner.key,
        ordinal=ordinal,
        defaults={
            "account_id": owner.account_id,
            "docker_host": host,
            "execution_id": f"exec-{uuid.uuid4().hex[:8]}-{int(timezone.now().timestamp())}",
            "image_name": spec.image,
            "command": " ".join(spec.argv)[:_MESSAGE_MAX],
            "services": [{"name": each.name, "image": each.image} for each in spec.services],
            "holder": owner.holder,
            "fence": owner.fence,
            "owner_lease_until": DbIn(OWNER_LEASE_SECONDS),
            "digest": digest,
            "memory_mb": spec.limits.memory_mb,
            "cpu_millicores": spec.limits.cpu_millicores,
            "pids_limit": spec.limits.pids,
        },
    )
    if is_new:
        return ContainerInstance.objects.select_related("docker_host").get(pk=instance.pk)
    if instance.fence > owner.fence:
        raise Fenced("Another worker has taken this container over.")
    if instance.fence < owner.fence:
        ContainerInstance.objects.filter(pk=instance.pk).update(
            fence=owner.fence,
            holder=owner.holder,
            attachments=F("attachments") + 1,
            owner_lease_until=DbIn(OWNER_LEASE_SECONDS),
        )
    return ContainerInstance.objects.select_related("docker_host").get(pk=instance.pk)


@transaction.atomic(durable=True)
def move_instance(instance: ContainerInstance, to: str, fence: int, **changes: Any) -> None:
    """Move an instance on under its owner's lease.

    Raises:
        Fenced: another process has taken the owner over.
    """
    message = changes.get("error_message")
    if isinstance(message, str):
        changes["error_message"] = message.replace("\0", "\ufffd")[:_MESSAGE_MAX]
    instance_states.transition(instance, to, fence=fence, **changes)


def note_on(instance: ContainerInstance, fence: int, **changes: object) -> None:
    """Keep what was learnt of an instance, under its owner's lease.

    Raises:
        Fenced: another process has taken the owner over.
    """
    rows = ContainerInstance.objects.filter(pk=instance.pk, fence=fence)
    if rows.update(**changes) != 1:
        raise Fenced("Another worker has taken this container over.")
    instance.refresh_from_db(fields=list(changes))


def is_held(instance: ContainerInstance, fence: int) -> bool:
    """Whether the lease that goes with this fence still holds."""
    return ContainerInstance.objects.filter(pk=instance.pk, fence=fence).exists()


def renew_leases(holder: str) -> int:
    """Prove that a process is alive for the owners of its containers; one write for all."""
    return ContainerInstance.objects.filter(holder=holder, status__in=INSTANCE_ACTIVE).update(
        owner_lease_until=DbIn(OWNER_LEASE_SECONDS)
    )


def release_owners(owners: Iterable[str]) -> int:
    """Say that nobody goes on with what these owners asked for: the reaper takes it at once."""
    rows = ContainerInstance.objects.filter(owner__in=list(owners), status__in=INSTANCE_ACTIVE)
    return rows.update(owner_lease_until=DbIn(-1))


def attachable_owners(owners: Iterable[str], *, attachments_below: int) -> set[str]:
    """Of these owners, those whose latest container may be re-attached to by a successor.

    One that was re-attached to as often as `attachments_below` says is no longer trusted.
    """
    rows = ContainerInstance.objects.filter(owner__in=list(owners)).order_by("ordinal")
    latest = {row.owner: row for row in rows}
    return {
        owner
        for owner, row in latest.items()
        if row.attachments < attachments_below and _is_attachable(row)
    }


def _is_attachable(row: ContainerInstance) -> bool:
    # One that is over tells its end again; one that never came to be is made anew.
    return row.is_active or row.status == InstanceStatus.COMPLETED or row.exit_code is not None


@transaction.atomic(durable=True)
def give_up_instance(instance: ContainerInstance, message: str) -> bool:
    """End an instance whose owner is gone; false when the owner came back meanwhile."""
    rows = ContainerInstance.objects.select_for_update().filter(
        pk=instance.pk, owner_lease_until__lt=DbNow(), status__in=INSTANCE_ACTIVE
    )
    row = rows.first()
    if row is None:
        return False
    instance_states.transition(
        row, InstanceStatus.FAILED, takeover=True, error_message=message,
        completed_at=timezone.now(),
    )  # fmt: skip
    return True
