"""The end of a live log: one compressed blob in place of segments and rows, or nothing at all."""

import uuid

from django.db import transaction
from django.utils import timezone

from devops.errors import Conflict
from devops.models.storage import Blob, LogChunk, LogStream
from devops.storage import blobs, segments
from devops.storage.log_sources import LogHandle, compressed

# Compression never makes it larger than its input by more than a few bytes per block.
_MARGIN_BYTES = 16 * 1024 * 1024
MEDIA_TYPE = "application/x-powernode-log"


class LogStillOpen(Conflict):
    """The stream is still written to."""

    code = "log-still-open"


def compact(stream_id: uuid.UUID) -> Blob | None:
    """Move a closed stream into one compressed blob; None when there is nothing to move.

    A crash at any point leaves the stream readable: the blob is complete before the row points at
    it, and the segments go last. Calling it again finishes what a crash left.

    Raises:
        LogStillOpen: the stream was not closed.
    """
    with LogHandle(stream_id) as handle:
        row = handle.row
        if row is None:
            return None
        if row.closed_at is None:
            raise LogStillOpen(f"The log {stream_id} is still written to.")
        if row.blob is None:
            row.blob = _moved(row, handle)
    segments.drop_all(stream_id)
    return row.blob


def remove(stream_id: uuid.UUID) -> None:
    """Forget a stream and its bytes; an absent one is fine."""
    row = LogStream.objects.select_related("blob").filter(pk=stream_id).first()
    with transaction.atomic():
        LogChunk.objects.filter(stream_id=stream_id).delete()
        LogStream.objects.filter(pk=stream_id).delete()
    segments.drop_all(stream_id)
    if row is not None and row.blob is not None:
        blobs.delete(row.blob)


def _moved(row: LogStream, handle: LogHandle) -> Blob | None:
    if handle.source.last() is None:
        return None
    blob = blobs.store(
        compressed(handle.source),
        account_id=row.account_id,
        max_bytes=2 * row.size_bytes + _MARGIN_BYTES,
        media_type=MEDIA_TYPE,
        name=f"{row.pk}.log",
    )
    with transaction.atomic():
        moved = LogStream.objects.filter(pk=row.pk, blob=None).update(
            blob=blob, updated_at=timezone.now()
        )
        if moved:
            LogChunk.objects.filter(stream_id=row.pk).delete()
    if moved:
        return blob
    blobs.delete(blob)
    return LogStream.objects.select_related("blob").get(pk=row.pk).blob
