"""The figures of the overview: counts and percentiles over bounded spans, never over everything."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from devops.access import Actor
from pipelines import selectors
from pipelines.choices import RUN_LIVE, RunStatus
from pipelines.models import PipelineRun

SPAN_DAYS = 30
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
