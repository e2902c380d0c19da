"""What is removed when its time is over, in small transactions; safe to repeat."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from gitintegration.choices import HostWriteStatus, SyncStatus, WebhookEventStatus
from gitintegration.models import GitSync, GitWebhookEvent, HostWrite, OAuthState

_BATCH = 500
_SETTLED = timedelta(days=30)


def remove_old_rows() -> int:
    """Remove deliveries older than logs are kept, and settled work of a month ago."""
    now = timezone.now()
    kept = now - timedelta(days=settings.POWERNODE_LOG_RETENTION_DAYS)
    over = [
        WebhookEventStatus.PROCESSED, WebhookEventStatus.IGNORED, WebhookEventStatus.FAILED,
    ]  # fmt: skip
    ended = [SyncStatus.COMPLETED, SyncStatus.FAILED]
    return sum(
        _remove(rows)
        for rows in (
            GitWebhookEvent.objects.filter(created_at__lt=kept, status__in=over),
            HostWrite.objects.filter(updated_at__lt=now - _SETTLED).exclude(
                status=HostWriteStatus.PENDING
            ),
            GitSync.objects.filter(completed_at__lt=now - _SETTLED, status__in=ended),
            OAuthState.objects.filter(expires_at__lt=now - timedelta(days=1)),
        )
    )


def _remove(rows: QuerySet[Any]) -> int:
    """One batch a turn: what is left goes in the next minute."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    rows.model._base_manager.filter(pk__in=keys).delete()
    return len(keys)
