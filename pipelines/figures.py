"""The figures of the overview: counts and percentiles over bounded spans, never over everything."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from devops.access import Actor, visible
from devops.ids import first_uuid7
from pipelines import selectors
from pipelines.choices import RUN_LIVE, RunStatus
from pipelines.models import PipelineRun

SPAN_DAYS = 30
CHART_DAYS = 14
# Percentiles are of the newest runs: enough to be true, few enough to be fast at a million.
SAMPLE = 500


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """How runs went; None where there was none."""

    runs: int
    success_percent: int | None
    median_duration_ms: int | None
    queue_p95_ms: int | None


def run_statistics(actor: Actor) -> RunStatistics:
    """The newest finished runs of the last thirty days."""
    since = timezone.now() - timedelta(days=SPAN_DAYS)
    newest = selectors.runs(actor).filter(completed_at__gte=since)[:SAMPLE]
    rows = list(newest.values_list("status", "duration_ms", "queued_at", "started_at"))
    ended = [row for row in rows if row[0] in {RunStatus.SUCCESS, RunStatus.FAILURE}]
    green = sum(1 for row in ended if row[0] == RunStatus.SUCCESS)
    durations = [row[1] for row in ended if row[1] is not None]
    waits = [
        round((started - queued).total_seconds() * 1000)
        for _, _, queued, started in rows
        if queued and started
    ]
    return RunStatistics(
        len(rows),
        round(100 * green / len(ended)) if ended else None,
        _percentile(durations, 50),
        _percentile(waits, 95),
    )


@dataclass(frozen=True, slots=True)
class Day:
    """How the runs of one day, by UTC, went; those still under way are not counted."""

    date: date
    success: int = 0
    failure: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.success + self.failure + self.cancelled


def runs_by_day(actor: Actor) -> list[Day]:
    """The last fourteen days, oldest first, today included.

    Runs are counted on the day on which they were made: their keys are in that order, so that
    one index answers without a look at any run.
    """
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [today - timedelta(days=back) for back in range(CHART_DAYS - 1, -1, -1)]
    keys = [first_uuid7(start) for start in [*starts, today + timedelta(days=1)]]
    ended = visible(actor, PipelineRun, selectors.READ_RUNS).filter(
        pk__gte=keys[0], status__in=[RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELLED]
    )
    counts = {
        f"day{number}": Count("pk", filter=Q(pk__gte=keys[number], pk__lt=keys[number + 1]))
        for number in range(CHART_DAYS)
    }
    columns = ("status", *counts)
    rows = ended.order_by().values("status").annotate(**counts).values_list(*columns)
    found = {status: numbers for status, *numbers in rows}
    return [
        Day(start.date(), **{status: numbers[place] for status, numbers in found.items()})
        for place, start in enumerate(starts)
    ]


def live_runs(actor: Actor) -> QuerySet[PipelineRun]:
    """What is going on now."""
    return selectors.runs(actor).filter(status__in=RUN_LIVE)


def recent_failures(actor: Actor) -> QuerySet[PipelineRun]:
    """What failed of late."""
    return selectors.runs(actor).filter(status=RunStatus.FAILURE)


def _percentile(values: list[int], percent: int) -> int | None:
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
