"""What is compacted and removed when its time is over; every part is safe to repeat."""

import logging
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from devops.models import IdempotencyKey, LogStream, OutboxMessage
from devops.storage import logs

logger = logging.getLogger(__name__)

BATCH = 500
IDEMPOTENCY_HOURS = 24
# A log is compacted when nobody is likely to follow it any more.
COMPACT_AFTER = timedelta(minutes=5)


def compact_logs() -> int:
    """Turn the logs of finished steps into one compressed blob each."""
    closed = LogStream.objects.filter(
        closed_at__lt=timezone.now() - COMPACT_AFTER, blob=None, size_bytes__gt=0
    ).order_by("closed_at")
    keys = list(closed.values_list("pk", flat=True)[:BATCH])
    for key in keys:
        logs.compact(key)
    return len(keys)


def remove_old_logs() -> int:
    """Remove logs older than the operator keeps."""
    limit = timezone.now() - timedelta(days=settings.POWERNODE_LOG_RETENTION_DAYS)
    keys = list(LogStream.objects.filter(closed_at__lt=limit).values_list("pk", flat=True)[:BATCH])
    for key in keys:
        logs.remove(key)
    return len(keys)


def remove_old_messages() -> int:
    """Remove published messages that no reader can ask for any more, in small transactions."""
    limit = timezone.now() - timedelta(days=settings.POWERNODE_OUTBOX_RETENTION_DAYS)
    old = OutboxMessage.objects.filter(published_at__lt=limit).exclude(handled_at=None)
    return _remove_in_batches(old)


def remove_old_keys() -> int:
    """Forget idempotency keys after a day."""
    limit = timezone.now() - timedelta(hours=IDEMPOTENCY_HOURS)
    return _remove_in_batches(IdempotencyKey.objects.filter(created_at__lt=limit))


def _remove_in_batches(rows) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Delete by key, a batch at a time: SQLite's other writers wait for each transaction."""
    total = 0
    while keys := list(rows.values_list("pk", flat=True)[:BATCH]):
        rows.model._base_manager.filter(pk__in=keys).delete()
        total += len(keys)
    return total
