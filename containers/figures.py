"""The figures of the overview: containers of the last days, and the Docker hosts."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from containers import selectors
from containers.choices import INSTANCE_ACTIVE, HostStatus, InstanceStatus
from containers.models import ContainerInstance, DockerHost
from devops import periods
from devops.access import Actor, visible

SPAN_DAYS = 30
_UNREACHABLE = (HostStatus.ERROR, HostStatus.DISCONNECTED)
_NAMED = 5


def container_figures(actor: Actor) -> dict[str, Any]:
    """`{days, total, active, completed, failed, finished, success_rate}` of the last days.

    `finished` are those that ended by themselves; `success_rate` is in percent of them.
    """
    since = periods.days(SPAN_DAYS)[0].first
    rows = visible(actor, ContainerInstance, selectors.READ_HOSTS).filter(
        # Named, all of them, so that the index is read from the first day on only.
        status__in=InstanceStatus.values, pk__gte=since,
    )  # fmt: skip
    found = dict(rows.order_by().values_list("status").annotate(number=Count("pk")))
    completed = found.get(InstanceStatus.COMPLETED, 0)
    failed = found.get(InstanceStatus.FAILED, 0) + found.get(InstanceStatus.TIMEOUT, 0)
    finished = completed + failed
    return {
        "days": SPAN_DAYS,
        "total": sum(found.values()),
        "active": sum(found.get(status, 0) for status in INSTANCE_ACTIVE),
        "completed": completed,
        "failed": failed,
        "finished": finished,
        "success_rate": round(100 * completed / finished, 1) if finished else None,
    }


def containers_lost_today(actor: Actor) -> int:
    """How many failed today, by UTC, without an exit code: never started, or lost.

    What ended with a code was its step's own failure, which the run tells.
    """
    rows = visible(actor, ContainerInstance, selectors.READ_HOSTS)
    return rows.filter(
        status=InstanceStatus.FAILED, pk__gte=periods.made_today(), exit_code=None
    ).count()


@dataclass(frozen=True, slots=True)
class HostFigures:
    """How many Docker hosts there are; `unreachable` names the first few with their errors."""

    hosts: int
    connected: int
    unreachable_count: int
    unreachable: list[DockerHost]


def host_figures(actor: Actor) -> HostFigures:
    """The Docker hosts, in two queries."""
    rows = visible(actor, DockerHost, selectors.READ_HOSTS).order_by()
    counts = rows.aggregate(
        hosts=Count("pk"),
        connected=Count("pk", filter=Q(status=HostStatus.CONNECTED)),
        unreachable=Count("pk", filter=Q(status__in=_UNREACHABLE)),
    )
    silent = rows.filter(status__in=_UNREACHABLE).only("id", "name", "last_error", "last_seen_at")
    return HostFigures(
        counts["hosts"], counts["connected"], counts["unreachable"],
        list(silent.order_by("-id")[:_NAMED]),
    )  # fmt: skip
