"""What GitLab's words are called here.

Source: GitLab documentation, "Pipelines API", "Jobs API", "Commits API".
"""

import re
from datetime import UTC, datetime

from gitintegration.clients.shapes import RunState, StatusState

_STATUSES = {
    "created": ("pending", ""),
    "waiting_for_resource": ("pending", ""),
    "waiting_for_callback": ("pending", ""),
    "preparing": ("pending", ""),
    "manual": ("pending", "action_required"),
    "scheduled": ("pending", ""),
    "pending": ("queued", ""),
    "running": ("in_progress", ""),
    "canceling": ("in_progress", ""),
    "success": ("completed", "success"),
    "failed": ("failed", "failure"),
    "canceled": ("cancelled", "cancelled"),
    "skipped": ("skipped", "skipped"),
}
RUN_STATES: dict[RunState, str] = {
    "queued": "pending",
    "in_progress": "running",
    "success": "success",
    "failure": "failed",
    "cancelled": "canceled",
    "skipped": "skipped",
}
_COMMIT_STATES: dict[str, StatusState] = {
    "pending": "pending",
    "created": "pending",
    "running": "running",
    "success": "success",
    "failed": "failure",
    "canceled": "cancelled",
}
TO_COMMIT_STATE: dict[StatusState, str] = {
    "pending": "pending",
    "running": "running",
    "success": "success",
    "failure": "failed",
    "error": "failed",
    "cancelled": "canceled",
}
_OFFSET = re.compile(r" (UTC|[+-]\d{4})$")


def run_words(status: str) -> tuple[str, str]:
    """Our status and conclusion of a pipeline or job; an unknown word is still pending."""
    return _STATUSES.get(status, ("pending", ""))


def commit_state(status: str) -> StatusState:
    """Our state of a commit's status; an unknown word is still pending."""
    return _COMMIT_STATES.get(status, "pending")


def moment(text: object) -> datetime | None:
    """A time as GitLab writes it, in UTC; None when it is none.

    The API writes ISO 8601, deliveries also `2015-05-17 18:08:09 UTC`.
    """
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(
            _OFFSET.sub(lambda match: match[1].replace("UTC", "+00:00"), text)
        )
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
