"""Artifacts: files that steps keep with their run, until their time is over or longer."""

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, RestrictedError, Sum
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import DomainError, NotFound
from devops.models import Blob
from devops.safety.archives import Summary
from devops.sqlforms import db_text
from devops.storage import blobs
from pipelines import selectors
from pipelines.artifacts import kept_by_last_green
from pipelines.choices import RUN_LIVE
from pipelines.models import Artifact, StepExecution
from pipelines.operations.runs import WRITE_RUNS

# Rows of one transaction.
_BATCH = 200


class ArtifactSpaceUsed(DomainError):
    """The account's artifacts may not take more room."""

    code = "artifact-space-used"
    status = 507
    title = "The room for artifacts is used up"
    remedy = (
        "Keep artifacts for fewer days, unpin old ones, or raise POWERNODE_ARTIFACT_TOTAL_BYTES."
    )


def store_artifact(
    execution_id: uuid.UUID,
    blob: Blob,
    *,
    name: str,
    path: str,
    retention_days: int,
    packed: Summary | None = None,
) -> Artifact:
    """Name a stored blob as the run's artifact; the same name replaces the earlier one.

    `packed` says what went into an archive; a single file has none.
    """
    row = Artifact(
        name=name,
        path=path,
        blob=blob,
        size_bytes=blob.size_bytes,
        file_count=packed.files if packed else 1,
        is_archive=packed is not None,
        # Names are bytes to the file system; what is no UTF-8 no database keeps.
        contents=[[db_text(path), size] for path, size in packed.listed] if packed else [],
        expires_at=timezone.now() + timedelta(days=retention_days),
    )
    _forget(_insert(execution_id, row))
    return row


@transaction.atomic(durable=True)
def _insert(execution_id: uuid.UUID, row: Artifact) -> list[Blob]:
    execution = StepExecution.objects.select_related("run").get(pk=execution_id)
    row.account_id, row.run = execution.account_id, execution.run
    row.step_execution = execution
    before = Artifact.objects.filter(run=execution.run, name=row.name).first()
    gone = []
    if before is not None:
        # Whoever pinned the name wants what it holds in the end.
        row.is_pinned, row.pinned_by = before.is_pinned, before.pinned_by
        gone = _remove_rows([before])
    row.save(force_insert=True)
    return gone


def find_artifact(run_id: uuid.UUID, name: str) -> Artifact | None:
    """An artifact of a run by name; else that of a step which the run took over."""
    rows = _artifacts_for(run_id).filter(name=name).select_related("blob")
    return rows.order_by("-id").first()


def artifact_names(run_id: uuid.UUID) -> set[str]:
    """The names of what a run kept, or took over."""
    return set(_artifacts_for(run_id).values_list("name", flat=True))


def _artifacts_for(run_id: uuid.UUID) -> QuerySet[Artifact]:
    return Artifact.objects.filter(selectors.made_for(run_id))


def check_room(account_id: uuid.UUID, size_bytes: int) -> None:
    """Refuse an artifact for which the account has no room; without a limit there is always room.

    Raises:
        ArtifactSpaceUsed: all of them together would be larger than the operator allows.
    """
    limit = settings.POWERNODE_ARTIFACT_TOTAL_BYTES
    if not limit:
        return
    used = total_bytes(account_id)
    if used + size_bytes > limit:
        raise ArtifactSpaceUsed(
            f"The account's artifacts take {used} bytes; {size_bytes} more would be beyond its "
            f"limit of {limit}."
        )


def total_bytes(account_id: uuid.UUID) -> int:
    """How much the artifacts of an account take."""
    rows = Artifact.objects.filter(account_id=account_id)
    return rows.aggregate(size=Sum("size_bytes"))["size"] or 0


@transaction.atomic(durable=True)
def pin_artifact(actor: Actor, artifact: Artifact) -> Artifact:
    """Keep an artifact beyond its time, until somebody unpins it; pinned already is fine."""
    return _set_pin(actor, artifact, is_pinned=True)


@transaction.atomic(durable=True)
def unpin_artifact(actor: Actor, artifact: Artifact) -> Artifact:
    """Let an artifact go when its time is over; not pinned is fine."""
    return _set_pin(actor, artifact, is_pinned=False)


def _set_pin(actor: Actor, artifact: Artifact, *, is_pinned: bool) -> Artifact:
    actor.require(WRITE_RUNS)
    # Locked, so that the sweep does not take it meanwhile.
    row = Artifact.objects.select_for_update(of=("self",)).filter(pk=artifact.pk).first()
    if row is None:
        raise NotFound("The artifact's time was over; it is gone.")
    if row.is_pinned != is_pinned:
        row.is_pinned, row.pinned_by = is_pinned, actor.label[:200] if is_pinned else ""
        row.save(update_fields=["is_pinned", "pinned_by", "updated_at"])
        verb = "pin" if is_pinned else "unpin"
        audit.record(actor, f"devops.artifact.{verb}", row, detail={"run": str(row.run_id)})
    return row


def remove_expired_artifacts() -> int:
    """Remove artifacts whose time is over, with their bytes.

    Kept are pinned ones, those of runs that are not over, and those of each pipeline's last
    green run of the default branch; what a run took over from the one that it repeats is its own.
    """
    removed, after = 0, uuid.UUID(int=0)
    while True:
        due = _expired().filter(pk__gt=after).order_by("pk")[:_BATCH]
        rows = dict(due.values_list("pk", "run__pipeline_id"))
        if not rows:
            return removed
        after = max(rows)
        kept = set().union(*(kept_by_last_green(each, rows) for each in set(rows.values())))
        if keys := rows.keys() - kept:
            count, gone = _remove(keys)
            _forget(gone)
            removed += count


def _expired() -> QuerySet[Artifact]:
    rows = Artifact.objects.filter(expires_at__lt=timezone.now(), is_pinned=False)
    taken_over = StepExecution.objects.filter(run__status__in=RUN_LIVE, carried_from__isnull=False)
    return rows.exclude(run__status__in=RUN_LIVE).exclude(
        step_execution__in=taken_over.values("carried_from")
    )


@transaction.atomic(durable=True)
def _remove(keys: Collection[uuid.UUID]) -> tuple[int, list[Blob]]:
    rows = list(_expired().select_for_update(of=("self",)).filter(pk__in=keys))
    return len(rows), _remove_rows(rows)


def _remove_rows(rows: list[Artifact]) -> list[Blob]:
    """Delete rows with the rows of blobs that nothing else needs; the bytes go after the commit."""
    Artifact.objects.filter(pk__in=[row.pk for row in rows]).delete()
    gone = []
    for blob in Blob.objects.filter(pk__in={row.blob_id for row in rows}):
        try:
            # Every table that points at a blob restricts its deletion.
            with transaction.atomic():
                Blob.objects.filter(pk=blob.pk).delete()
        except RestrictedError:
            continue
        gone.append(blob)
    return gone


def _forget(gone: list[Blob]) -> None:
    for blob in gone:
        blobs.forget(blob)
