"""The figures of the overview: counts and percentiles over bounded spans, never over everything."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Value
from django.utils import timezone

from devops import periods
from devops.access import Actor, system_actor, visible
from devops.periods import Period
from pipelines import selectors
from pipelines.choices import RunStatus, StepStatus, TriggerType, Trust, WaitingFor
from pipelines.models import PipelineRun, StepExecution

SPAN_DAYS = 30
# Percentiles are of the newest runs: enough to be true, few enough to be fast at a million.
SAMPLE = 500
# How many points the line of a figure has.
TREND = 10
# How many attached repositories are looked at for failing branches, the newest first.
LINKS = 300
# How many waiting runs are looked at for labels that nobody has.
WAITING = 50
DEPLOY = "deploy"
_ENDED = (RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELLED)
_LIVE = (RunStatus.PENDING, RunStatus.QUEUED, RunStatus.RUNNING)
_PEOPLE = (WaitingFor.APPROVAL, WaitingFor.TRUST, WaitingFor.DECISION)


@dataclass(frozen=True, slots=True)
class RunStatistics:
    """How long the newest runs took and waited, in milliseconds; None where there was none.

    The trends are the same figure of equal parts of the runs, the oldest part first.
    """

    runs: int
    median_duration_ms: int | None
    duration_p95_ms: int | None
    queue_p95_ms: int | None
    duration_trend: Sequence[int]
    queue_trend: Sequence[int]


def run_statistics(actor: Actor) -> RunStatistics:
    """The newest finished runs of the last thirty days."""
    since = periods.days(SPAN_DAYS)[0].first
    newest = selectors.runs(actor).filter(pk__gte=since, completed_at__isnull=False)[:SAMPLE]
    rows = list(newest.values_list("status", "duration_ms", "queued_at", "started_at"))
    rows.reverse()
    durations = [
        took for status, took, _, _ in rows if status != RunStatus.CANCELLED and took is not None
    ]
    waits = [
        round((started - queued).total_seconds() * 1000)
        for _, _, queued, started in rows
        if queued and started
    ]
    return RunStatistics(
        len(rows),
        _percentile(durations, 50),
        _percentile(durations, 95),
        _percentile(waits, 95),
        _trend(durations, 50),
        _trend(waits, 95),
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

    @property
    def success_rate(self) -> float | None:
        """In percent of those that succeeded or failed."""
        return rate(self.success, self.failure)


def runs_by_day(actor: Actor) -> list[Day]:
    """The last thirty days, oldest first, today included.

    Runs are counted on the day on which they were made: their keys are in that order, so that
    one index answers without a look at any run, and each day reads its own stretch of it. Days
    that are over hardly change any more: they are counted once an hour.
    """
    actor.require(selectors.READ_RUNS)
    spans = periods.days(SPAN_DAYS)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    past = _past_days(actor.account_id, hour)
    return [*past, *_count(visible(actor, PipelineRun, selectors.READ_RUNS), spans[-1:])]


@lru_cache(maxsize=256)
def _past_days(account_id: uuid.UUID, _hour: datetime) -> list[Day]:
    rows = visible(system_actor(account_id), PipelineRun, selectors.READ_RUNS)
    return _count(rows, periods.days(SPAN_DAYS)[:-1])


def _count(runs: QuerySet[PipelineRun], spans: Sequence[Period]) -> list[Day]:
    """The runs that ended of each period, in one query."""
    ended = runs.filter(status__in=_ENDED).order_by()
    counts = [
        ended.filter(pk__gte=span.first, pk__lt=span.end)
        .values("status")
        .annotate(place=Value(place), number=Count("pk"))
        .values_list("place", "status", "number")
        for place, span in enumerate(spans)
    ]
    found: dict[int, dict[str, int]] = {}
    for place, status, number in counts[0].union(*counts[1:], all=True):
        found.setdefault(place, {})[status] = number
    return [Day(span.start.date(), **found.get(place, {})) for place, span in enumerate(spans)]


def live_counts(actor: Actor) -> dict[str, int]:
    """`{all, today, running, queued, waiting, stuck}`: for a person, and for a worker.

    Each status is asked for by itself: few runs are live, which no statistics of the database
    may tell it, and one of all three is then looked for among all runs.
    """
    rows = visible(actor, PipelineRun, selectors.READ_RUNS).order_by()
    idle = Q(status=RunStatus.QUEUED) | Q(waiting_for=WaitingFor.WORKER)
    columns = ("status", "number", "today", "waiting", "stuck")
    counts = [
        rows.filter(status=status)
        .values("status")
        .annotate(
            number=Count("pk"),
            today=Count("pk", filter=Q(pk__gte=periods.made_today())),
            waiting=Count("pk", filter=Q(waiting_for__in=_PEOPLE)),
            stuck=Count("pk", filter=idle & Q(worker=None)),
        )
        .values_list(*columns)
        for status in _LIVE
    ]
    found = list(counts[0].union(*counts[1:], all=True))
    by_status = {status: number for status, number, *_ in found}
    _, numbers, today, waiting, stuck = zip(*found, strict=True) if found else ((),) * 5
    return {
        "all": sum(numbers),
        "today": sum(today),
        "running": by_status.get(RunStatus.RUNNING, 0),
        "queued": by_status.get(RunStatus.QUEUED, 0),
        "waiting": sum(waiting),
        "stuck": sum(stuck),
    }


def live_runs(actor: Actor, count: int) -> list[PipelineRun]:
    """What is going on now, the newest first; a query for each status, as above."""
    found = [run for status in _LIVE for run in selectors.runs(actor).filter(status=status)[:count]]
    return sorted(found, key=lambda run: run.pk, reverse=True)[:count]


def waiting_for_workers(actor: Actor) -> list[PipelineRun]:
    """The runs that have waited longest for a worker to take them."""
    rows = selectors.runs(actor).filter(
        status=RunStatus.QUEUED, waiting_for=WaitingFor.WORKER, worker=None
    )
    return list(rows.order_by("id")[:WAITING])


def run_counts(days: Sequence[Day], live: Mapping[str, int]) -> dict[str, Any]:
    """The runs of the days, by how they ended, and those that go on."""
    good, bad = sum(day.success for day in days), sum(day.failure for day in days)
    cancelled = sum(day.cancelled for day in days)
    return {
        "days": len(days),
        "total": good + bad + cancelled + live["all"],
        "successful": good,
        "failed": bad,
        "cancelled": cancelled,
        "today": live["today"] + (days[-1].total if days else 0),
        "running": live["running"],
        "queued": live["queued"],
        "waiting": live["waiting"],
        "success_rate": rate(good, bad),
    }


def recent_failures(actor: Actor) -> QuerySet[PipelineRun]:
    """What failed of late."""
    return selectors.runs(actor).filter(status=RunStatus.FAILURE)


def failing_branches(actor: Actor) -> list[PipelineRun]:
    """The last run of each pipeline on its repository's default branch, where it failed.

    Pull requests do not count: theirs may carry any branch's name. Nor do switched-off pipelines.
    """
    last = (
        visible(actor, PipelineRun, selectors.READ_RUNS)
        .filter(
            pipeline_id=OuterRef("pk"), branch=OuterRef("links__repository__default_branch"),
            repository_id=OuterRef("links__repository"), trust_level=Trust.TRUSTED,
            status__in=[RunStatus.SUCCESS, RunStatus.FAILURE],
        )
        .exclude(trigger_type=TriggerType.PULL_REQUEST)
        .order_by("-id")
    )  # fmt: skip
    linked = selectors.plain_pipelines(actor).filter(is_active=True, links__isnull=False)
    found = linked.order_by("-links").values_list(Subquery(last.values("pk")[:1]), flat=True)
    keys = [key for key in found[:LINKS] if key is not None]
    return list(selectors.runs(actor).filter(pk__in=keys, status=RunStatus.FAILURE))


def deploys(actor: Actor) -> tuple[int, int]:
    """How many steps deployed something in the last seven days, and in the seven before."""
    week, before = periods.days(7)[0].first, periods.days(14)[0].first
    rows = visible(actor, StepExecution, selectors.READ_RUNS).filter(
        step_type=DEPLOY, status=StepStatus.SUCCESS, carried_from=None, pk__gte=before
    )
    counts = rows.order_by().aggregate(
        now=Count("run", filter=Q(pk__gte=week), distinct=True),
        before=Count("run", filter=Q(pk__lt=week), distinct=True),
    )
    return counts["now"], counts["before"]


def rate(good: int, bad: int) -> float | None:
    """The good ones in percent, one decimal; None of nothing."""
    return round(100 * good / (good + bad), 1) if good + bad else None


def _trend(values: Sequence[int], percent: int) -> list[int]:
    if len(values) < TREND:
        return []
    edges = [len(values) * part // TREND for part in range(TREND + 1)]
    parts = [values[edges[n] : edges[n + 1]] for n in range(TREND)]
    return [_percentile(part, percent) or 0 for part in parts]


def _percentile(values: Sequence[int], percent: int) -> int | None:
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
