"""Bitbucket's words for states, and ours."""

import re
from typing import Final, Literal

from gitintegration.clients.shapes import Permission, RunnerStatus, StatusState

_RUN_STATES: Final = {
    "PENDING": "queued",
    "READY": "queued",
    "PARSING": "in_progress",
    "BUILDING": "in_progress",
    "IN_PROGRESS": "in_progress",
    "PAUSED": "pending",
    "HALTED": "pending",
}
_RESULTS: Final = {
    "SUCCESSFUL": ("completed", "success"),
    "FAILED": ("failed", "failure"),
    "ERROR": ("failed", "failure"),
    "STOPPED": ("cancelled", "cancelled"),
    "EXPIRED": ("failed", "timed_out"),
    "SKIPPED": ("skipped", "skipped"),
    "NOT_RUN": ("skipped", "skipped"),
}
# What a list of pipelines can be asked for.
ASKED_STATES: Final[dict[str, str]] = {
    "queued": "PENDING",
    "in_progress": "BUILDING",
    "success": "PASSED",
    "failure": "FAILED",
    "cancelled": "STOPPED",
}
_STATUS_STATES: Final[dict[str, StatusState]] = {
    "INPROGRESS": "pending",
    "SUCCESSFUL": "success",
    "FAILED": "failure",
    "STOPPED": "cancelled",
}
_SENT_STATES: Final[dict[str, str]] = {
    "pending": "INPROGRESS",
    "running": "INPROGRESS",
    "success": "SUCCESSFUL",
    "failure": "FAILED",
    "error": "FAILED",
    "cancelled": "STOPPED",
}
_CLOSED_ISSUES: Final = frozenset({"resolved", "invalid", "duplicate", "wontfix", "closed"})
_PERMISSIONS: Final[dict[str, Permission]] = {
    "read": "read",
    "write": "write",
    "admin": "admin",
}
# The page of a pipeline: `…/pipelines/results/7`, also with `/addon/…/home#!/` in between.
_PIPELINE_PAGE: Final = re.compile(r"/pipelines/(?:home#!/)?results/(\d{1,18})(?:[/?#]|$)")


def run_state(state: str, result: str, stage: str = "") -> tuple[str, str]:
    """Status and conclusion of a pipeline or step in our words.

    `stage` tells a paused or halted pipeline from a running one. Unknown words are `pending` and
    empty.
    """
    if state == "COMPLETED":
        return _RESULTS.get(result, ("completed", ""))
    if stage in {"PAUSED", "HALTED"}:
        return "pending", ""
    return _RUN_STATES.get(state, "pending"), ""


def status_state(state: str) -> tuple[str, str]:
    """What a commit status says, as status and conclusion of a run."""
    if state == "INPROGRESS":
        return "in_progress", ""
    return _RESULTS.get(state, ("pending", ""))


def commit_status(state: str) -> StatusState:
    """A commit status' state in our words."""
    return _STATUS_STATES.get(state, "pending")


def sent_state(state: StatusState) -> str:
    """A commit status' state in Bitbucket's words."""
    return _SENT_STATES[state]


def issue_state(state: str) -> Literal["open", "closed"]:
    """Whether an issue is still to be done."""
    return "closed" if state in _CLOSED_ISSUES else "open"


def permission(word: str) -> Permission:
    """A permission in our words; an unknown one permits nothing."""
    return _PERMISSIONS.get(word, "none")


def runner_status(state: str, *, is_busy: bool) -> RunnerStatus:
    """A runner's state in our words."""
    if state != "ONLINE":
        return "offline"
    return "busy" if is_busy else "online"


def pipeline_number(url: str) -> str:
    """The build number in the address of a pipeline's page, empty when it is another page."""
    match = _PIPELINE_PAGE.search(url)
    return match[1] if match else ""
