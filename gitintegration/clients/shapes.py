"""What the hosts' repositories, pull requests and so on look like to us: one shape for all.

Every text in here comes from outside and is untrusted. Times are aware datetimes in UTC, ids are
texts, SHAs are full, a repository is named by its full name (`group/sub/project`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Literal, TypeVar

from gitintegration.clients.ci_shapes import (
    HostRunner,
    RunnerStatus,
    RunnerToken,
    RunState,
    Scope,
    ScopeKind,
    WorkflowDefinition,
    WorkflowJob,
    WorkflowRun,
    WorkflowStep,
)
from gitintegration.clients.review_shapes import (
    BranchProtection,
    CheckConclusion,
    CheckRun,
    CombinedStatus,
    Comment,
    CommitStatus,
    DeployKey,
    HookDelivery,
    HostWebhook,
    Issue,
    MergeMethod,
    MergeResult,
    NewPullRequest,
    PullRequest,
    PullRequestState,
    StatusState,
)

FileChangeStatus = Literal["added", "modified", "removed", "renamed", "copied"]
Permission = Literal["none", "read", "write", "admin"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next_page` is what to ask for next, empty at the end."""

    items: tuple[T, ...]
    next_page: str = ""


@dataclass(frozen=True, slots=True)
class HostUser:
    """Who a token belongs to; `scopes` is None where the host does not tell."""

    id: str
    username: str
    name: str = ""
    email: str = ""
    avatar_url: str = ""
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many requests are left; None where the host does not tell."""

    limit: int | None
    remaining: int | None
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class HostRepository:
    """A repository as its host describes it; `owner` is the full namespace path."""

    id: str
    full_name: str
    name: str
    owner: str
    description: str = ""
    default_branch: str = "main"
    clone_url: str = ""
    ssh_url: str = ""
    web_url: str = ""
    is_private: bool = False
    is_fork: bool = False
    is_archived: bool = False
    stars_count: int = 0
    forks_count: int = 0
    open_issues_count: int = 0
    language: str = ""
    topics: tuple[str, ...] = ()
    has_issues: bool = True
    has_pull_requests: bool = True
    has_wiki: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    pushed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewRepository:
    """A repository to be made; without `organization` it belongs to the token's user."""

    name: str
    organization: str = ""
    description: str = ""
    is_private: bool = True
    default_branch: str = "main"
    is_initialized: bool = True


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch and the commit it points to."""

    name: str
    sha: str
    message: str = ""
    is_protected: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag and the commit it points to."""

    name: str
    sha: str
    message: str = ""
    tagger: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """An author or committer; `username` only where the host knows one."""

    name: str = ""
    email: str = ""
    username: str = ""
    avatar_url: str = ""
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What the host says of a commit's signature."""

    is_verified: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """Lines and files that a change touched."""

    additions: int = 0
    deletions: int = 0
    files_changed: int = 0

    @property
    def total(self) -> int:
        """Lines in all."""
        return self.additions + self.deletions


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a change; `patch` is empty for binary and for too large files."""

    filename: str
    status: FileChangeStatus
    additions: int = 0
    deletions: int = 0
    patch: str = ""
    previous_filename: str = ""

    @property
    def changes(self) -> int:
        """Lines in all."""
        return self.additions + self.deletions

    @property
    def is_binary(self) -> bool:
        """No patch and no counted line."""
        return not self.patch and not self.changes

    @property
    def is_large(self) -> bool:
        """Counted lines, and the host left the patch out."""
        return not self.patch and bool(self.changes)


@dataclass(frozen=True, slots=True)
class HostCommit:
    """A commit; lists carry it without `stats` and `files`."""

    sha: str
    message: str
    author: Person = field(default_factory=Person)
    committer: Person = field(default_factory=Person)
    parent_shas: tuple[str, ...] = ()
    tree_sha: str = ""
    web_url: str = ""
    verification: Verification = field(default_factory=Verification)
    stats: Stats | None = None
    files: tuple[FileChange, ...] = ()

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]

    @property
    def body(self) -> str:
        """The message without its first line."""
        return self.message.partition("\n")[2].strip("\n")

    @property
    def is_merge(self) -> bool:
        """More than one parent."""
        return len(self.parent_shas) > 1


@dataclass(frozen=True, slots=True)
class Diff:
    """What a commit changed against its first parent; `is_truncated` when the host cut it."""

    base_sha: str
    head_sha: str
    stats: Stats
    files: tuple[FileChange, ...]
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two commits against each other; `status` as seen from the base."""

    status: Literal["ahead", "behind", "diverged", "identical"]
    ahead_by: int
    behind_by: int
    base_sha: str
    head_sha: str
    merge_base_sha: str
    commits: tuple[HostCommit, ...]
    files: tuple[FileChange, ...]
    web_url: str = ""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file or folder of a commit; `mode` as git writes it."""

    path: str
    name: str
    type: Literal["blob", "tree", "commit"]
    mode: str = ""
    sha: str = ""
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a commit; `is_truncated` when the host gave only a part."""

    sha: str
    entries: tuple[TreeEntry, ...]
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file of a commit; `content` is None when it is no UTF-8 text."""

    path: str
    name: str
    sha: str
    size: int
    content: str | None
    web_url: str = ""

    @property
    def is_binary(self) -> bool:
        """Not a text."""
        return self.content is None


@dataclass(frozen=True, slots=True)
class FolderContent:
    """A folder of a commit."""

    path: str
    entries: tuple[TreeEntry, ...]


__all__ = [
    "Branch",
    "BranchProtection",
    "CheckConclusion",
    "CheckRun",
    "CombinedStatus",
    "Comment",
    "CommitStatus",
    "Comparison",
    "DeployKey",
    "Diff",
    "FileChange",
    "FileChangeStatus",
    "FileContent",
    "FolderContent",
    "HookDelivery",
    "HostCommit",
    "HostRepository",
    "HostRunner",
    "HostUser",
    "HostWebhook",
    "Issue",
    "MergeMethod",
    "MergeResult",
    "NewPullRequest",
    "NewRepository",
    "Page",
    "Permission",
    "Person",
    "PullRequest",
    "PullRequestState",
    "RateLimit",
    "RunState",
    "RunnerStatus",
    "RunnerToken",
    "Scope",
    "ScopeKind",
    "Stats",
    "StatusState",
    "Tag",
    "Tree",
    "TreeEntry",
    "Verification",
    "WorkflowDefinition",
    "WorkflowJob",
    "WorkflowRun",
    "WorkflowStep",
]
