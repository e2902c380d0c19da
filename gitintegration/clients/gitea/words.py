"""Gitea's words for states, and ours."""

from typing import Final

from gitintegration.clients.shapes import RunnerStatus, StatusState

# Gitea's own states of a run, and those that it takes over from GitHub.
_STATUSES: Final = {
    "queued": "queued",
    "waiting": "queued",
    "blocked": "pending",
    "pending": "pending",
    "requested": "pending",
    "in_progress": "in_progress",
    "running": "in_progress",
    "completed": "completed",
    "success": "completed",
    "failure": "failed",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "skipped": "skipped",
}
_CONCLUSIONS: Final = {
    "success": "success",
    "failure": "failure",
    "failed": "failure",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "skipped": "skipped",
    "timed_out": "timed_out",
    "action_required": "action_required",
    "neutral": "neutral",
    "stale": "stale",
}
_ENDED: Final = {"failure": "failed", "cancelled": "cancelled", "skipped": "skipped"}
_STATUS_STATES: Final[dict[str, StatusState]] = {
    "pending": "pending",
    "success": "success",
    "error": "error",
    "failure": "failure",
    "warning": "failure",
}
_SENT_STATES: Final[dict[str, str]] = {
    "pending": "pending",
    "running": "pending",
    "success": "success",
    "failure": "failure",
    "error": "error",
    "cancelled": "failure",
}
_DRAFT_PREFIXES: Final = ("wip:", "[wip]")


def run_state(status: str, conclusion: str) -> tuple[str, str]:
    """Status and conclusion of a run or job in our words.

    Older servers write the outcome into `status`; unknown words are `pending` and empty.
    """
    ended = _CONCLUSIONS.get(conclusion, "")
    ours = _STATUSES.get(status, "pending")
    if ours in {"queued", "pending", "in_progress"}:
        return ours, ""
    ended = ended or _CONCLUSIONS.get(status, "")
    return _ENDED.get(ended, "completed"), ended


def status_state(state: str) -> tuple[str, str]:
    """What a commit status says, as status and conclusion of a run."""
    found = _STATUS_STATES.get(state, "pending")
    if found == "pending":
        return "pending", ""
    return ("completed", "success") if found == "success" else ("failed", "failure")


def commit_status(state: str) -> StatusState:
    """A commit status' state in our words."""
    return _STATUS_STATES.get(state, "pending")


def sent_state(state: StatusState) -> str:
    """A commit status' state in Gitea's words, which have no running and no cancelled."""
    return _SENT_STATES[state]


def runner_status(status: str, *, is_busy: bool) -> RunnerStatus:
    """A runner's state in our words."""
    if is_busy and status in {"online", "active", "idle"}:
        return "busy"
    if status in {"busy", "running"}:
        return "busy"
    return "online" if status in {"online", "active", "idle"} else "offline"


def is_draft_title(title: str) -> bool:
    """Whether the title marks a pull request as not ready; servers before 1.22 say it so only."""
    return title.lower().startswith(_DRAFT_PREFIXES)
