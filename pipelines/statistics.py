"""Counts over many runs: for lists, the overview, and the pages."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from devops import sources
from devops.access import Actor, visible
from devops.ids import first_uuid7
from pipelines import selectors, timetable
from pipelines.choices import RUN_LIVE, RunStatus, WaitingFor, WorkerStatus
from pipelines.models import Pipeline, PipelineRun

WINDOW = timedelta(days=30)
# Durations are taken from at most so many of the latest runs.
_SAMPLE = 1000
_LIVE_SHOWN = 20
_PEOPLE = (WaitingFor.APPROVAL, WaitingFor.TRUST, WaitingFor.DECISION)


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """What a list says of a pipeline beside its own columns; `success_rate` in percent."""

    last_run: PipelineRun | None
    success_rate: float | None


def pipeline_facts(actor: Actor, rows: Collection[Pipeline]) -> dict[uuid.UUID, PipelineFacts]:
    """The facts of many pipelines, in two queries."""
    keys = [row.pk for row in rows]
    if not keys or not actor.may(selectors.READ_RUNS):
        return {key: PipelineFacts(None, None) for key in keys}
    latest = [run for row in rows if (run := getattr(row, "last_run_id", None))]
    last = {run.pipeline_id: run for run in selectors.runs(actor).filter(pk__in=latest)}
    ended = (
        visible(actor, PipelineRun, selectors.READ_RUNS)
        .filter(pipeline_id__in=keys, pk__gte=first_uuid7(timezone.now() - WINDOW))
        .order_by()
        .values("pipeline_id")
        .annotate(
            good=Count("pk", filter=Q(status=RunStatus.SUCCESS)),
            bad=Count("pk", filter=Q(status=RunStatus.FAILURE)),
        )
    )
    rates = {entry["pipeline_id"]: _rate(entry["good"], entry["bad"]) for entry in ended}
    return {key: PipelineFacts(last.get(key), rates.get(key)) for key in keys}


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
    return {"pipelines": _pipelines(actor), "runs": _runs(actor), "failing": _failing(actor)}


def _failing(actor: Actor) -> int:
    """How many of the active pipelines failed the last time that they came to an end."""
    judged = (RunStatus.SUCCESS, RunStatus.FAILURE)
    runs = visible(actor, PipelineRun, selectors.READ_RUNS)
    ended = runs.filter(pipeline=OuterRef("pk"), status__in=judged)
    rows = visible(actor, Pipeline, selectors.READ_PIPELINES).filter(deleted_at=None)
    last = Subquery(ended.order_by("-id").values("status")[:1])
    return rows.filter(is_active=True).annotate(last=last).filter(last=RunStatus.FAILURE).count()


def overview(actor: Actor) -> dict[str, Any]:
    """What goes on in the account: counts, live runs, success and durations of 30 days."""
    live = selectors.runs(actor).filter(status__in=RUN_LIVE)
    return {
        "source_control": {
            "providers": _providers(actor),
            "repositories": _repositories(actor),
        },
        "ci_cd": {
            "pipelines": _pipelines(actor),
            "pipeline_runs": _runs(actor),
            "workers": _workers(actor),
            "schedules": _schedules(actor),
        },
        "durations": _durations(visible(actor, PipelineRun, selectors.READ_RUNS)),
        "live_runs": list(live[:_LIVE_SHOWN]),
    }


def inventory(actor: Actor) -> dict[str, dict[str, Any]]:
    """How many pipelines, repositories, providers and schedules there are, each with `total`."""
    return {
        "pipelines": _pipelines(actor),
        "repositories": _repositories(actor),
        "providers": _providers(actor),
        "schedules": _schedules(actor),
    }


def known_labels(actor: Actor) -> set[str] | None:
    """The labels that online workers hold; None when no worker is online to ask."""
    if not actor.may("devops.workers.read"):
        return None
    online = selectors.workers(actor).filter(status=WorkerStatus.ONLINE)
    rows = list(online.values_list("labels", flat=True))
    return {label for labels in rows for label in labels} if rows else None


def _providers(actor: Actor) -> dict[str, Any]:
    rows = sources.providers(actor).order_by()
    counts = rows.values("provider_type", "is_active").annotate(number=Count("pk", distinct=True))
    by_type: dict[str, int] = {}
    active = 0
    for entry in counts:
        kind = entry["provider_type"]
        by_type[kind] = by_type.get(kind, 0) + entry["number"]
        active += entry["number"] if entry["is_active"] else 0
    return {"total": sum(by_type.values()), "active": active, "by_type": by_type}


def _repositories(actor: Actor) -> dict[str, int]:
    return selectors.repositories(actor).order_by().aggregate(
        total=Count("pk", distinct=True),
        active=Count("pk", filter=Q(is_active=True), distinct=True),
        with_webhook=Count("webhook_endpoint", distinct=True),
    )  # fmt: skip


def _pipelines(actor: Actor) -> dict[str, int]:
    rows = visible(actor, Pipeline, selectors.READ_PIPELINES).filter(deleted_at=None)
    return rows.order_by().aggregate(
        total=Count("pk"), active=Count("pk", filter=Q(is_active=True))
    )


def _schedules(actor: Actor) -> dict[str, int]:
    return timetable.schedules(actor).order_by().aggregate(
        total=Count("pk"), active=Count("pk", filter=Q(is_active=True))
    )  # fmt: skip


def _runs(actor: Actor) -> dict[str, Any]:
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = visible(actor, PipelineRun, selectors.READ_RUNS).order_by()
    # Keys are in the order of time: one index answers without a look at any run.
    recent: dict[str, Any] = rows.filter(pk__gte=first_uuid7(now - WINDOW)).aggregate(
        total=Count("pk"),
        successful=Count("pk", filter=Q(status=RunStatus.SUCCESS)),
        failed=Count("pk", filter=Q(status=RunStatus.FAILURE)),
        cancelled=Count("pk", filter=Q(status=RunStatus.CANCELLED)),
        today=Count("pk", filter=Q(pk__gte=first_uuid7(midnight))),
    )
    live = rows.filter(status__in=RUN_LIVE).aggregate(
        running=Count("pk", filter=Q(status=RunStatus.RUNNING)),
        queued=Count("pk", filter=Q(status=RunStatus.QUEUED)),
        waiting=Count("pk", filter=Q(waiting_for__in=_PEOPLE)),
    )
    rate = _rate(recent["successful"], recent["failed"])
    return {**recent, **live, "success_rate": rate, "days": WINDOW.days}


def _workers(actor: Actor) -> dict[str, int]:
    rows = list(selectors.workers(actor))
    online = [row for row in rows if row.status == WorkerStatus.ONLINE]
    return {
        "total": len(rows),
        "online": len(online),
        "capacity": sum(row.capacity for row in online),
        "busy": sum(getattr(row, "busy", 0) for row in online),
    }


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


def _rate(good: int, bad: int) -> float | None:
    return round(100 * good / (good + bad), 1) if good + bad else None
