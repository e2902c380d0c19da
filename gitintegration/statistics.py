"""Counts over many deliveries."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from devops.access import Actor
from gitintegration import selectors
from gitintegration.choices import WebhookEventStatus


def webhook_stats(actor: Actor, days: int) -> dict[str, Any]:
    """What became of the deliveries of the last days; `success_rate` in percent."""
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = selectors.webhook_events(actor).filter(created_at__gte=now - timedelta(days=days))
    counts: dict[str, Any] = rows.order_by().aggregate(
        total=Count("pk"),
        today=Count("pk", filter=Q(created_at__gte=midnight)),
        **{status: Count("pk", filter=Q(status=status)) for status in WebhookEventStatus.values},
    )
    ended = counts["processed"] + counts["failed"]
    rate = round(100 * counts["processed"] / ended, 1) if ended else None
    return {**counts, "days": days, "success_rate": rate}
