"""The life of a delivery."""

from typing import Any

from devops.state import StateMachine
from gitintegration.choices import WebhookEventStatus as W
from gitintegration.models import GitWebhookEvent


def _describe(event: GitWebhookEvent) -> tuple[str, dict[str, Any]]:
    facts = {
        "id": str(event.pk),
        "status": event.status,
        "event_type": event.event_type,
        "repository_id": str(event.repository_id) if event.repository_id else None,
        "result": event.result,
        "error_message": event.error_message,
    }
    return "webhook_event_updated", {"version": 1, "webhook_event": facts}


webhook_event_states: StateMachine[GitWebhookEvent] = StateMachine(
    "webhook_event",
    {
        W.PENDING: {W.PROCESSING, W.PROCESSED, W.IGNORED, W.FAILED},
        W.PROCESSING: {W.PROCESSED, W.IGNORED, W.FAILED, W.PENDING},
        W.PROCESSED: {W.PENDING},
        W.IGNORED: {W.PENDING},
        W.FAILED: {W.PENDING},
    },
    _describe,
)
