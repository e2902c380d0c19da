"""Containers that nobody owns any more are removed: from the rows, and from what hosts report.

It asks nobody outside this app: an owner proves that it lives by its lease.
"""

import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from containers.choices import INSTANCE_ACTIVE, HostStatus
from containers.clients.docker.engine import Engine
from containers.clients.docker.errors import EngineError, EngineUnreachable
from containers.clients.docker.spec import LABEL
from containers.models import ContainerInstance, DockerHost
from containers.operations.docker_hosts import ask_host, endpoint_of
from containers.operations.instances import give_up_instance
from devops.clock import DbNow
from devops.connections import release_connection
from devops.lanes import ENGINES

logger = logging.getLogger(__name__)
_BATCH = 200
ABANDONED = "Its owner was lost and nobody took it over."


def give_up_abandoned() -> int:
    """End every instance whose owner's lease ran out; returns how many that were."""
    rows = ContainerInstance.objects.filter(
        status__in=INSTANCE_ACTIVE, owner_lease_until__lt=DbNow()
    )
    return sum(give_up_instance(row, ABANDONED) for row in list(rows[:_BATCH]))


def sweep_hosts() -> int:
    """Have every host on which something may be left looked at; returns how many those are."""
    give_up_abandoned()
    left = ContainerInstance.objects.filter(removed_at=None)
    used = list(left.order_by().values_list("docker_host", flat=True).distinct())
    for pk in used:
        ENGINES.submit(("containers", pk), partial(sweep_host, pk))
    return len(used)


def sweep_host(host_id: uuid.UUID) -> int:
    """Remove what is left on one host; returns how many containers that were."""
    host = DockerHost.objects.filter(pk=host_id).first()
    if host is None:
        return 0
    endpoint = endpoint_of(host)
    release_connection()
    try:
        with Engine(endpoint) as engine:
            return _remove_unowned(engine, host)
    except EngineError as error:
        logger.warning("nothing was removed: %s", error)
        return 0


def remove_old_instances() -> int:
    """Forget what ended and was removed before the logs of its time were; how many that were."""
    oldest = timezone.now() - timedelta(days=settings.POWERNODE_LOG_RETENTION_DAYS)
    rows = ContainerInstance.objects.filter(completed_at__lt=oldest).exclude(removed_at=None)
    gone, _ = rows.delete()
    return gone


def look_at_hosts() -> None:
    """Ask every host how it is, and remove what is left there, each in a thread of its own."""
    for host in DockerHost.objects.exclude(status=HostStatus.MAINTENANCE):
        ENGINES.submit(("docker-host", host.pk), partial(_look_at, host.pk))


def _look_at(host_id: uuid.UUID) -> None:
    host = DockerHost.objects.filter(pk=host_id).first()
    if host is None:
        return
    try:
        ask_host(host)
    except EngineError as error:
        # The host's row says it.
        logger.info("%s", error)
        return
    sweep_host(host_id)


def _remove_unowned(engine: Engine, host: DockerHost) -> int:
    found = engine.labelled("host", str(host.pk))
    networks = engine.labelled_networks("host", str(host.pk))
    # What is created from here on has a row that is not in the lists; it was not reported either.
    live = set(
        ContainerInstance.objects.filter(docker_host=host, status__in=INSTANCE_ACTIVE).values_list(
            "pk", flat=True
        )
    )
    over = ContainerInstance.objects.filter(docker_host=host, removed_at=None)
    gone = set(over.exclude(status__in=INSTANCE_ACTIVE).values_list("pk", flat=True))
    release_connection()
    containers = [row for row in found if _instance_of(row) not in live]
    strays = [row for row in networks if _instance_of(row) not in live]
    stuck = [row for row in containers if not _is_removed(engine.remove, row)]
    removed = len(containers) - len(stuck)
    stuck += [row for row in strays if not _is_removed(engine.remove_network, row)]
    kept = {_instance_of(row) for row in stuck}
    ContainerInstance.objects.filter(pk__in=gone - kept).update(removed_at=DbNow())
    return removed


def _is_removed(remove: Callable[[str], None], row: Mapping[str, Any]) -> bool:
    """Whether something went; what the Engine keeps holds nothing else up.

    Raises:
        EngineUnreachable: nothing more can be asked of it now.
    """
    try:
        remove(row["Id"])
    except EngineUnreachable:
        raise
    except EngineError as error:
        logger.warning("%s is left to the next pass: %s", row["Id"], error)
        return False
    return True


def _instance_of(row: dict[str, object]) -> uuid.UUID | None:
    labels = row.get("Labels")
    text = labels.get(f"{LABEL}.instance", "") if isinstance(labels, dict) else ""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
