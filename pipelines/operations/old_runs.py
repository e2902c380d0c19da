"""Runs go when they are older than the operator keeps; what somebody still needs of them stays."""

import uuid
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from devops.ids import first_uuid7
from pipelines.choices import RUN_LIVE
from pipelines.models import (
    Artifact,
    CommitCheck,
    PipelineRun,
    StepExecution,
    WorkspaceSnapshot,
)

# Of each pipeline so many runs stay, whatever their age: its page shows how it went.
NEWEST = 50
_BATCH = 100
_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)


def remove_old_runs() -> int:
    """Remove runs that ended longer ago than `POWERNODE_RUN_RETENTION_DAYS`; 0 keeps them all.

    Kept are the newest of each pipeline that still exists, runs of which files are kept, and
    those that a later run took steps over from. Logs have a time of their own.
    """
    removed, after = 0, uuid.UUID(int=0)
    while keys := _page(_old_runs(), after):
        removed += _remove_runs(keys)
        after = keys[-1]
    return removed


def remove_old_checks() -> int:
    """Forget the checks of commits that are as old, once no run is of the commit."""
    removed, after = 0, uuid.UUID(int=0)
    while keys := _page(_old_checks(), after):
        removed += _remove_checks(keys)
        after = keys[-1]
    return removed


def _page(rows: QuerySet, after: uuid.UUID) -> list[uuid.UUID]:  # type: ignore[type-arg]
    due = rows.filter(pk__gt=after).order_by("pk")
    return list(due.values_list("pk", flat=True)[:_BATCH])


def _old_runs() -> QuerySet[PipelineRun]:
    limit = _limit()
    of_run = {"run": OuterRef("pk")}
    return PipelineRun.objects.filter(
        ~Q(status__in=RUN_LIVE),
        ~Exists(Artifact.objects.filter(**of_run)),
        ~Exists(WorkspaceSnapshot.objects.filter(**of_run)),
        ~Exists(StepExecution.objects.filter(carried_from__run=OuterRef("pk"))),
        Q(run_number__lte=F("pipeline__last_run_number") - NEWEST)
        | Q(pipeline__deleted_at__isnull=False),
        # Keys are in the order of time: this finds the old ones without a look at the others.
        pk__lt=first_uuid7(limit),
        completed_at__lt=limit,
    )


def _old_checks() -> QuerySet[CommitCheck]:
    limit = _limit()
    runs = PipelineRun.objects.filter(
        commit_sha=OuterRef("commit_sha"), repository=OuterRef("repository")
    )
    return CommitCheck.objects.filter(
        ~Exists(runs), pk__lt=first_uuid7(limit), updated_at__lt=limit
    )


def _limit() -> datetime:
    days = settings.POWERNODE_RUN_RETENTION_DAYS
    return timezone.now() - timedelta(days=days) if days else _BEGINNING


@transaction.atomic(durable=True)
def _remove_runs(keys: list[uuid.UUID]) -> int:
    # Asked again under their locks: a re-run that began meanwhile needs its original.
    rows = _old_runs().select_for_update(of=("self",)).filter(pk__in=keys)
    found = list(rows.values_list("pk", flat=True))
    PipelineRun.objects.filter(pk__in=found).delete()
    return len(found)


@transaction.atomic(durable=True)
def _remove_checks(keys: list[uuid.UUID]) -> int:
    return _old_checks().filter(pk__in=keys).delete()[0]
