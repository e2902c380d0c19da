"""Counts over many rows."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet
from django.utils import timezone

from devops import periods
from devops.access import Actor
from devops.ids import first_uuid7
from gitintegration import selectors
from gitintegration.choices import CI_ACTIVE, CiStatus, RunnerStatus, WebhookEventStatus
from gitintegration.models import GitPipeline, GitRepository, GitRunner


def webhook_stats(actor: Actor, days: int) -> dict[str, Any]:
    """What became of the deliveries of the last days; `success_rate` in percent."""
    since = first_uuid7(timezone.now() - timedelta(days=days))
    rows = selectors.webhook_events(actor).filter(pk__gte=since).order_by()
    # Named, all of them, so that each reads its own stretch of the index.
    by_status = rows.filter(status__in=WebhookEventStatus.values).values_list("status")
    is_todays = Q(pk__gte=periods.made_today())
    found = by_status.annotate(number=Count("pk"), todays=Count("pk", filter=is_todays))
    counts: dict[str, Any] = dict.fromkeys(WebhookEventStatus.values, 0)
    today = 0
    for status, number, todays in found:
        counts[status] = number
        today += todays
    ended = counts["processed"] + counts["failed"]
    rate = round(100 * counts["processed"] / ended, 1) if ended else None
    total = sum(counts.values())
    return {**counts, "total": total, "today": today, "days": days, "success_rate": rate}


def ci_stats(rows: QuerySet[GitPipeline]) -> dict[str, Any]:
    """Figures of the mirrored runs among `rows`."""
    now = timezone.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    facts = rows.order_by().aggregate(
        total_runs=Count("pk"),
        success_count=Count("pk", filter=Q(conclusion="success")),
        failed_count=Count("pk", filter=Q(conclusion="failure")),
        cancelled_count=Count("pk", filter=Q(status=CiStatus.CANCELLED)),
        timed_count=Count("duration_ms"),
        avg=Avg("duration_ms"),
        runs_today=Count("pk", filter=Q(created_at__gte=today)),
        runs_this_week=Count("pk", filter=Q(created_at__gte=today - timedelta(days=7))),
        active_runs=Count("pk", filter=Q(status__in=CI_ACTIVE)),
    )
    average = facts.pop("avg")
    ended = facts["success_count"] + facts["failed_count"]
    facts["success_rate"] = round(100 * facts["success_count"] / ended, 2) if ended else 0.0
    facts["avg_duration_seconds"] = None if average is None else round(average / 1000, 1)
    return facts


def repository_stats(mirror: GitRepository) -> dict[str, Any]:
    """How one repository's mirrored runs ended."""
    facts = ci_stats(mirror.pipelines.all())
    return {
        "total": facts["total_runs"],
        "successful": facts["success_count"],
        "failed": facts["failed_count"],
        "cancelled": facts["cancelled_count"],
        "success_rate": facts["success_rate"],
    }


def runner_stats(rows: QuerySet[GitRunner]) -> dict[str, Any]:
    """How many runners there are, and how many of them are at work."""
    facts = rows.order_by().aggregate(
        total=Count("pk"),
        # Before the count `busy`, which would hide the column of that name.
        available=Count("pk", filter=Q(status=RunnerStatus.ONLINE, busy=False)),
        online=Count("pk", filter=Q(status=RunnerStatus.ONLINE)),
        offline=Count("pk", filter=Q(status=RunnerStatus.OFFLINE)),
        busy=Count("pk", filter=Q(status=RunnerStatus.BUSY)),
    )
    total = facts["total"]
    used = total - facts["available"]
    return {**facts, "utilization_pct": round(100 * used / total, 1) if total else 0.0}


def runner_rates(runner: GitRunner) -> tuple[float, float]:
    """Percent of a runner's jobs that succeeded, and that failed."""
    total = runner.total_jobs_run
    if not total:
        return 0.0, 0.0
    return (
        round(100 * runner.successful_jobs / total, 2),
        round(100 * runner.failed_jobs / total, 2),
    )


def is_recent(moment: datetime | None, within: timedelta) -> bool:
    """Whether something was seen within the time."""
    return moment is not None and moment >= timezone.now() - within
