"""Kept working folders go when they are old or too many; bytes go when nothing needs them."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from devops.models import Blob
from devops.storage import blobs
from pipelines.choices import RUN_LIVE
from pipelines.models import WorkspaceSnapshot

# Rows looked at in one go.
_WINDOW = 1000


def remove_old_snapshots() -> int:
    """Remove snapshots of runs that are over: the old ones, and the oldest beyond the limit."""
    rows = WorkspaceSnapshot.objects.exclude(run__status__in=RUN_LIVE).order_by("created_at")
    limit = timezone.now() - timedelta(days=settings.POWERNODE_WORKSPACE_RETENTION_DAYS)
    old = list(rows.filter(created_at__lt=limit).values_list("pk", flat=True)[:_WINDOW])
    removed = _remove(old)
    kept = dict(
        WorkspaceSnapshot.objects.exclude(blob=None).values_list("blob_id", "blob__size_bytes")
    )
    excess = sum(kept.values()) - settings.POWERNODE_WORKSPACE_MAX_BYTES
    if excess <= 0:
        return removed
    too_many = []
    for key, blob_id in rows.exclude(blob=None).values_list("pk", "blob_id")[:_WINDOW]:
        if excess <= 0:
            break
        too_many.append(key)
        excess -= kept.pop(blob_id, 0)
    return removed + _remove(too_many)


def _remove(keys: list[uuid.UUID]) -> int:
    removed, unused = _remove_rows(keys)
    for blob in unused:
        blobs.forget(blob)
    return removed


@transaction.atomic(durable=True)
def _remove_rows(keys: list[uuid.UUID]) -> tuple[int, list[Blob]]:
    """Delete rows, and the rows of blobs that nothing points at any more.

    A re-run that copies a row at this moment holds its lock, or does not find it.
    """
    rows = list(WorkspaceSnapshot.objects.select_for_update().filter(pk__in=keys))
    WorkspaceSnapshot.objects.filter(pk__in=[row.pk for row in rows]).delete()
    wanted = {row.blob_id for row in rows if row.blob_id is not None}
    used = WorkspaceSnapshot.objects.filter(blob_id__in=wanted).values_list("blob_id", flat=True)
    unused = list(Blob.objects.filter(pk__in=wanted - set(used)))
    Blob.objects.filter(pk__in=[blob.pk for blob in unused]).delete()
    return len(rows), unused
