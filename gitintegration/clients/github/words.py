"""GitHub's words for how far something is, in ours."""

from typing import get_args

from gitintegration.clients.shapes import CheckConclusion

_STATUSES = {
    "queued": "queued", "waiting": "queued", "pending": "pending", "requested": "pending",
    "in_progress": "in_progress",
}  # fmt: skip
_ENDINGS = {"failure": "failed", "timed_out": "failed", "cancelled": "cancelled",
            "skipped": "skipped"}  # fmt: skip
# Of statuses and deployments: one word for both.
_STATES = {
    "success": ("completed", "success"), "failure": ("failed", "failure"),
    "error": ("failed", "failure"), "inactive": ("completed", "neutral"),
    "in_progress": ("in_progress", ""), "queued": ("queued", ""),
}  # fmt: skip


def conclusion(word: str) -> str:
    """Ours; an unknown word is none."""
    known = {"startup_failure": "failure"}.get(word, word)
    return known if known in get_args(CheckConclusion) else ""


def status(word: str, ending: str) -> str:
    """Ours; an unknown word is pending."""
    if word == "completed":
        return _ENDINGS.get(conclusion(ending), "completed")
    return _STATUSES.get(word, "pending")


def state(word: str) -> tuple[str, str]:
    """Status and conclusion of a commit status or a deployment status."""
    return _STATES.get(word, ("pending", ""))
