"""Counts over many runs: for lists and the pages."""

import uuid
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery
from django.utils import timezone

from devops.access import Actor, visible
from devops.ids import first_uuid7
from pipelines import figures, selectors
from pipelines.choices import RunStatus, WorkerStatus
from pipelines.inventory import pipeline_counts
from pipelines.models import Pipeline, PipelineRun

WINDOW = timedelta(days=30)
# How many of a pipeline's newest runs say how often it succeeds.
RATED = 100
# Durations are taken from at most so many of the latest runs.
_SAMPLE = 1000


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """What a list says of a pipeline beside its own columns; `success_rate` in percent."""

    last_run: PipelineRun | None
    success_rate: float | None


def pipeline_facts(actor: Actor, rows: Collection[Pipeline]) -> dict[uuid.UUID, PipelineFacts]:
    """The facts of many pipelines, in three queries."""
    keys = [row.pk for row in rows]
    if not keys or not actor.may(selectors.READ_RUNS):
        return {key: PipelineFacts(None, None) for key in keys}
    latest = [run for row in rows if (run := getattr(row, "last_run_id", None))]
    last = {run.pipeline_id: run for run in selectors.runs(actor).filter(pk__in=latest)}
    newest = selectors.newest_of(actor, keys, RATED, first_uuid7(timezone.now() - WINDOW))
    # Counted here: to group them, SQLite would go through the whole index.
    ended = Counter(newest.values_list("pipeline_id", "status"))
    rates = {
        key: figures.rate(ended[key, RunStatus.SUCCESS], ended[key, RunStatus.FAILURE])
        for key in keys
    }
    return {key: PipelineFacts(last.get(key), rates[key]) for key in keys}


@dataclass(frozen=True, slots=True)
class PipelineTotals:
    """What one pipeline's page says of its runs; rate and median are of thirty days."""

    runs: int
    live: int
    success_rate: float | None
    median_ms: int | None
    last_green: PipelineRun | None


def pipeline_totals(actor: Actor, pipeline: Pipeline) -> PipelineTotals:
    """How the runs of one pipeline go."""
    own = selectors.runs(actor).filter(pipeline=pipeline)
    median = _durations(own)["median_seconds"]
    return PipelineTotals(
        pipeline.last_run_number,
        selectors.live_run_count(pipeline.pk),
        pipeline_facts(actor, [pipeline])[pipeline.pk].success_rate,
        None if median is None else round(median * 1000),
        own.filter(status=RunStatus.SUCCESS).first(),
    )


def account_totals(actor: Actor) -> dict[str, Any]:
    """What stands over the list of pipelines: them, the runs of thirty days, the failing ones."""
    return {
        "pipelines": pipeline_counts(actor),
        "runs": figures.run_counts(figures.runs_by_day(actor), figures.live_counts(actor)),
        "failing": _failing(actor),
    }


def _failing(actor: Actor) -> int:
    """How many of the active pipelines failed the last time that they came to an end."""
    judged = (RunStatus.SUCCESS, RunStatus.FAILURE)
    runs = visible(actor, PipelineRun, selectors.READ_RUNS)
    ended = runs.filter(pipeline=OuterRef("pk"), status__in=judged)
    rows = visible(actor, Pipeline, selectors.READ_PIPELINES).filter(deleted_at=None)
    last = Subquery(ended.order_by("-id").values("status")[:1])
    return rows.filter(is_active=True).annotate(last=last).filter(last=RunStatus.FAILURE).count()


def known_labels(actor: Actor) -> set[str] | None:
    """The labels that online workers hold; None when no worker is online to ask."""
    if not actor.may("devops.workers.read"):
        return None
    online = selectors.workers(actor).filter(status=WorkerStatus.ONLINE)
    rows = list(online.values_list("labels", flat=True))
    return {label for labels in rows for label in labels} if rows else None


def _durations(rows: QuerySet[PipelineRun]) -> dict[str, float | int | None]:
    recent = rows.filter(pk__gte=first_uuid7(timezone.now() - WINDOW), duration_ms__isnull=False)
    sample = sorted(recent.order_by("-id").values_list(F("duration_ms"), flat=True)[:_SAMPLE])
    return {
        "runs": len(sample),
        "median_seconds": _at(sample, 0.5),
        "p95_seconds": _at(sample, 0.95),
    }


def _at(ordered: list[int], share: float) -> float | None:
    if not ordered:
        return None
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1000
