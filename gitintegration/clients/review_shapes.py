"""What is said about a repository's changes: pull requests, comments, statuses, hooks, rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

PullRequestState = Literal["open", "closed"]
MergeMethod = Literal["merge", "squash", "rebase"]
StatusState = Literal["pending", "running", "success", "failure", "error", "cancelled"]
CheckConclusion = Literal[
    "success", "failure", "cancelled", "skipped", "timed_out", "action_required", "neutral", "stale"
]


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull or merge request; `number` is the one people see, `author_id` the host's user."""

    id: str
    number: int
    title: str
    body: str
    state: PullRequestState
    is_merged: bool
    is_draft: bool
    author: str
    author_id: str
    head_ref: str
    head_sha: str
    head_repository: str
    base_ref: str
    base_sha: str
    web_url: str
    is_mergeable: bool | None = None
    labels: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None
    merged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewPullRequest:
    """A pull request to be opened; branches of the same repository."""

    title: str
    head: str
    base: str
    body: str = ""
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge made; `sha` is empty when the host merges later."""

    is_merged: bool
    sha: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue; pull requests are not issues here."""

    id: str
    number: int
    title: str
    body: str
    state: Literal["open", "closed"]
    author: str
    web_url: str
    labels: tuple[str, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request or an issue."""

    id: str
    body: str
    author: str
    author_id: str
    web_url: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HostWebhook:
    """A hook at the host; `events` in the host's own names."""

    id: str
    url: str
    is_active: bool
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HookDelivery:
    """What the host says of one try to deliver; `delivery_id` is what it sent us."""

    id: str
    delivery_id: str
    event: str
    delivered_at: datetime | None
    status_code: int
    is_redelivery: bool = False


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """A status of a commit."""

    context: str
    state: StatusState
    description: str = ""
    target_url: str = ""


@dataclass(frozen=True, slots=True)
class CombinedStatus:
    """What all statuses of a commit say together."""

    state: StatusState
    statuses: tuple[CommitStatus, ...]

    @classmethod
    def of(cls, statuses: Iterable[CommitStatus]) -> Self:
        """By GitHub's rule, for hosts that do not say it: a failure decides, then what waits."""
        found = tuple(statuses)
        states = {status.state for status in found}
        if states & {"failure", "error", "cancelled"}:
            return cls("failure", found)
        return cls("success" if states == {"success"} else "pending", found)


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check of a commit; `conclusion` is empty while it runs."""

    name: str
    head_sha: str
    status: Literal["queued", "in_progress", "completed"]
    conclusion: CheckConclusion | Literal[""] = ""
    title: str = ""
    summary: str = ""
    details_url: str = ""
    external_id: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class BranchProtection:
    """How a branch or pattern is protected, as far as all hosts can say it."""

    pattern: str
    required_approvals: int = 0
    required_checks: tuple[str, ...] = ()
    allows_force_push: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeployKey:
    """A key that may read, or also write, one repository."""

    id: str
    title: str
    key: str
    is_read_only: bool = True
    created_at: datetime | None = None
