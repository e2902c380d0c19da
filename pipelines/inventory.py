"""How many pipelines, repositories, schedules and workers there are: one query each."""

from collections.abc import Collection
from typing import Any

from django.db.models import Count, Min, Q
from django.utils import timezone

from devops.access import Actor, visible
from devops.models import Repository
from pipelines import selectors, timetable
from pipelines.choices import WorkerStatus
from pipelines.models import Worker

READ_REPOSITORIES = "devops.repositories.read"
READ_WORKERS = "devops.workers.read"


def repository_counts(actor: Actor) -> dict[str, int]:
    """`{total, active, with_webhook}` of the repositories that pipelines can attach to."""
    rows = visible(actor, Repository, READ_REPOSITORIES).order_by()
    return rows.aggregate(
        total=Count("pk"),
        active=Count("pk", filter=Q(is_active=True)),
        with_webhook=Count("webhook_endpoint"),
    )


def pipeline_counts(actor: Actor) -> dict[str, int]:
    """`{total, active}`."""
    rows = selectors.plain_pipelines(actor).order_by()
    return rows.aggregate(total=Count("pk"), active=Count("pk", filter=Q(is_active=True)))


def schedule_counts(actor: Actor) -> dict[str, Any]:
    """`{total, active, late}`, and the name of one that is due and that nothing acted on."""
    late = Q(is_active=True, next_run_at__lt=timezone.now() - timetable.LATE)
    return timetable.schedules(actor).order_by().aggregate(
        total=Count("pk"),
        active=Count("pk", filter=Q(is_active=True)),
        late=Count("pk", filter=late),
        late_name=Min("name", filter=late),
    )  # fmt: skip


def worker_counts(rows: Collection[Worker]) -> dict[str, int]:
    """`{total, online, capacity, busy}` of what `selectors.workers` gave."""
    online = [row for row in rows if row.status == WorkerStatus.ONLINE]
    return {
        "total": len(rows),
        "online": len(online),
        "capacity": sum(row.capacity for row in online),
        "busy": sum(getattr(row, "busy", 0) for row in online),
    }
