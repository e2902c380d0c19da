"""The hosts' own CI in the words of our pages: one line for a run, whoever executed it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q

from gitintegration.choices import CI_ACTIVE, CiStatus
from gitintegration.models import GitPipeline

_BY_STATUS = {
    CiStatus.QUEUED: "queued",
    CiStatus.PENDING: "pending",
    CiStatus.IN_PROGRESS: "running",
    CiStatus.FAILED: "failure",
    CiStatus.CANCELLED: "cancelled",
    CiStatus.SKIPPED: "skipped",
}
_BY_CONCLUSION = {
    "": "success", "success": "success", "neutral": "success", "skipped": "skipped",
    "cancelled": "cancelled", "failure": "failure", "timed_out": "failure",
    "startup_failure": "failure", "action_required": "waiting",
}  # fmt: skip
# What the filter of the list offers, as conditions on mirrored runs.
STATUS_FILTERS = {
    "queued": Q(status__in=[CiStatus.QUEUED, CiStatus.PENDING]),
    "running": Q(status=CiStatus.IN_PROGRESS),
    "success": Q(conclusion="success"),
    "failure": Q(status=CiStatus.FAILED) | Q(conclusion__in=["failure", "timed_out"]),
    "cancelled": Q(status=CiStatus.CANCELLED) | Q(conclusion="cancelled"),
}


@dataclass(frozen=True, slots=True)
class CiLine:
    """A run as a line of the list of all runs.

    Attributes:
        source: `hosts` or `ours`.
        where: the repository, empty for a pipeline without one.
        host: the git host's name, empty for our own.
        by: who or what started it.
    """

    id: Any
    source: str
    url: str
    status: str
    waiting_for: str
    name: str
    title: str
    number: int | None
    where: str
    branch: str
    sha: str
    event: str
    by: str
    duration_ms: int | None
    started_at: datetime | None
    created_at: datetime
    host: str = ""
    cancel_url: str = ""
    retry_url: str = ""


def shown_status(status: str, conclusion: str) -> str:
    """The status that a chip shows."""
    if status == CiStatus.COMPLETED:
        return _BY_CONCLUSION.get(conclusion, "warning")
    return _BY_STATUS.get(CiStatus(status), "pending")


def ci_line(run: GitPipeline) -> CiLine:
    """A mirrored run as a line; what a person may do to it is the page's to decide."""
    url = f"/ci/{run.pk}"
    status = shown_status(run.status, run.conclusion)
    is_active = run.status in CI_ACTIVE
    credential = run.repository.credential
    return CiLine(
        id=run.pk, source="hosts", url=url, status=status, waiting_for="", name=run.name,
        title=run.name, number=run.run_number, where=run.repository.full_name,
        branch=branch_of(run.ref), sha=run.sha, event=run.trigger_event.replace("_", " "),
        by=run.actor_username, duration_ms=run.duration_ms, started_at=run.started_at,
        created_at=run.created_at, host=credential.provider.name if credential else "",
        cancel_url=f"{url}/cancel" if is_active else "",
        retry_url=f"{url}/retry" if not is_active and run.conclusion != "success" else "",
    )  # fmt: skip


def branch_of(ref: str) -> str:
    """A ref as people say it."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


def safe_link(address: str) -> str:
    """An address that a host told of when a browser may follow it, else nothing."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in {"http", "https"} and parts.netloc else ""
