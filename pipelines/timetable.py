"""What starts by the clock: the schedules of an account, their times, and how late they came."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from devops.access import Actor, visible
from devops.cron import next_times
from devops.errors import NotFound
from pipelines.models import Schedule, ScheduleFire

READ = "devops.schedules.read"
SHOWN_TIMES = 10
# Percentiles are of the last times: enough to be true, few enough to be fast.
SAMPLE = 200
# What is due for so long, and nothing has acted on it, is late.
LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lateness:
    """How long after their moment the last times were acted on, in milliseconds."""

    count: int
    p50_ms: int | None
    p99_ms: int | None


def schedules(actor: Actor) -> QuerySet[Schedule]:
    """The account's schedules with their pipelines, newest first."""
    return (
        visible(actor, Schedule, READ)
        .filter(pipeline__deleted_at=None)
        .select_related("pipeline")
        .order_by("-id")
    )


def schedule(actor: Actor, pk: uuid.UUID | str) -> Schedule:
    """One schedule.

    Raises:
        NotFound: no such schedule in the actor's account.
    """
    row = schedules(actor).filter(pk=pk).first()
    if row is None:
        raise NotFound("No schedule with that identifier.")
    return row


def fires(actor: Actor, row: Schedule) -> QuerySet[ScheduleFire]:
    """What came of a schedule's times, the newest first."""
    rows = visible(actor, ScheduleFire, READ).filter(schedule=row)
    return rows.select_related("run").order_by("-id")


def coming(row: Schedule, count: int = SHOWN_TIMES) -> list[datetime]:
    """The next times of the expression, without jitter."""
    if not row.is_active:
        return []
    return next_times(row.cron_expression, row.timezone, timezone.now(), count)


def is_due(row: Schedule) -> bool:
    """Whether its moment has come and nothing has acted on it yet."""
    return row.is_active and row.next_run_at is not None and row.next_run_at <= timezone.now()


def lateness(actor: Actor) -> Lateness:
    """Of the account's last times that started something."""
    rows = visible(actor, ScheduleFire, READ).exclude(outcome="missed").order_by("-id")
    return _measured(list(rows.values_list("lateness_ms", flat=True)[:SAMPLE]))


def lateness_of(actor: Actor, keys: Collection[uuid.UUID]) -> dict[uuid.UUID, Lateness]:
    """Of the last times of several schedules, in one query."""
    ranked = (
        visible(actor, ScheduleFire, READ)
        .filter(schedule_id__in=keys)
        .exclude(outcome="missed")
        .annotate(rank=Window(RowNumber(), partition_by=F("schedule_id"), order_by=F("id").desc()))
    )
    found: dict[uuid.UUID, list[int]] = {key: [] for key in keys}
    for key, late in ranked.filter(rank__lte=SAMPLE).values_list("schedule_id", "lateness_ms"):
        found[key].append(late)
    return {key: _measured(values) for key, values in found.items()}


def _measured(values: list[int]) -> Lateness:
    ordered = sorted(values)
    if not ordered:
        return Lateness(0, None, None)
    return Lateness(len(ordered), _at(ordered, 50), _at(ordered, 99))


def _at(ordered: list[int], percent: int) -> int:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
