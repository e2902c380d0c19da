"""What a fake host keeps; every host words it in its own way.

Runs, jobs and checks speak GitHub's words: status queued, in_progress, completed; conclusion
success, failure, cancelled, skipped, timed_out, action_required, neutral, stale or empty.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from gitintegration.clients.fakes.git_store import GitStore


@dataclass(slots=True, eq=False)
class User:
    """A person or a bot."""

    id: int
    login: str
    name: str
    email: str
    is_admin: bool = False


@dataclass(slots=True, eq=False)
class Token:
    """What somebody may send to be known; `expires_at` None: it does not."""

    value: str
    login: str
    scopes: tuple[str, ...] = ()
    expires_at: datetime | None = None
    is_revoked: bool = False


@dataclass(slots=True, eq=False)
class Organization:
    """An organization or group; `members` login → admin or member; `path` may hold slashes."""

    id: int
    path: str
    members: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Delivery:
    """One try to deliver; `status` 0: nobody answered."""

    id: int
    guid: str
    event: str
    action: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    delivered_at: datetime | None = None
    is_redelivery: bool = False


@dataclass(slots=True, eq=False)
class Hook:
    """A webhook; `events` and `settings` in the host's words."""

    id: int
    url: str
    secret: str
    events: list[str]
    is_active: bool = True
    settings: dict[str, Any] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime = field(default_factory=timezone.now)


@dataclass(slots=True, eq=False)
class Comment:
    """A comment on an issue or a pull request."""

    id: int
    body: str
    author: User
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime = field(default_factory=timezone.now)


@dataclass(slots=True, eq=False)
class Issue:
    """An issue."""

    id: int
    number: int
    title: str
    body: str
    author: User
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime = field(default_factory=timezone.now)
    closed_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Pull:
    """A pull or merge request; the SHAs stand still once it is closed."""

    id: int
    number: int
    title: str
    body: str
    author: User
    head: "Repo"
    head_ref: str
    base_ref: str
    head_sha: str
    base_sha: str
    state: str = "open"
    is_draft: bool = False
    is_merged: bool = False
    merge_sha: str = ""
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime = field(default_factory=timezone.now)
    merged_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Status:
    """A status of a commit, in the host's word."""

    id: int
    sha: str
    context: str
    state: str
    description: str = ""
    target_url: str = ""
    author: User | None = None
    created_at: datetime = field(default_factory=timezone.now)


@dataclass(slots=True, eq=False)
class Check:
    """A check run."""

    id: int
    name: str
    head_sha: str
    status: str = "queued"
    conclusion: str = ""
    title: str = ""
    summary: str = ""
    details_url: str = ""
    external_id: str = ""
    started_at: datetime = field(default_factory=timezone.now)
    completed_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Workflow:
    """A file of the host's own CI."""

    id: int
    name: str
    path: str
    is_active: bool = True


@dataclass(slots=True, eq=False)
class Step:
    """A step of a job."""

    number: int
    name: str
    status: str = "queued"
    conclusion: str = ""


@dataclass(slots=True, eq=False)
class Runner:
    """A runner of the host's own CI."""

    id: int
    name: str
    labels: list[str]
    os: str = "linux"
    architecture: str = "x64"
    version: str = "2.330.0"
    is_online: bool = True
    is_busy: bool = False


@dataclass(slots=True, eq=False)
class Job:
    """A job of a run, with the log that it has written so far."""

    id: int
    name: str
    status: str = "queued"
    conclusion: str = ""
    runner: Runner | None = None
    steps: list[Step] = field(default_factory=list)
    log: bytearray = field(default_factory=bytearray)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True, eq=False)
class Run:
    """A run of the host's own CI; `inputs` are what started it with."""

    id: int
    number: int
    name: str
    workflow: Workflow | None
    event: str
    ref: str
    sha: str
    actor: User
    attempt: int = 1
    status: str = "queued"
    conclusion: str = ""
    jobs: list[Job] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime = field(default_factory=timezone.now)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True, eq=False)
class DeployKey:
    """A key of one repository."""

    id: int
    title: str
    key: str
    is_read_only: bool = True
    created_at: datetime = field(default_factory=timezone.now)


@dataclass(slots=True, eq=False)
class Release:
    """A release."""

    id: int
    tag: str
    name: str
    body: str
    author: User
    is_draft: bool = False
    is_prerelease: bool = False
    created_at: datetime = field(default_factory=timezone.now)


@dataclass(slots=True, eq=False)
class Repo:
    """A repository; `owner` is the full namespace, `store` its git on disk.

    `protections` maps a branch or pattern to the settings in the host's words, `collaborators` a
    login to none, read, write or admin.
    """

    id: int
    full_name: str
    store: GitStore
    default_branch: str = "main"
    description: str = ""
    is_private: bool = False
    is_archived: bool = False
    fork_of: "Repo | None" = None
    language: str = "Python"
    languages: dict[str, int] = field(default_factory=lambda: {"Python": 900, "Shell": 100})
    topics: list[str] = field(default_factory=list)
    has_issues: bool = True
    has_wiki: bool = False
    stars: int = 0
    collaborators: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    checks: dict[int, Check] = field(default_factory=dict)
    hooks: dict[int, Hook] = field(default_factory=dict)
    workflows: dict[int, Workflow] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    deploy_keys: dict[int, DeployKey] = field(default_factory=dict)
    protections: dict[str, dict[str, Any]] = field(default_factory=dict)
    releases: dict[int, Release] = field(default_factory=dict)
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime = field(default_factory=timezone.now)
    pushed_at: datetime = field(default_factory=timezone.now)

    @property
    def owner(self) -> str:
        """The namespace."""
        return self.full_name.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the full name."""
        return self.full_name.rpartition("/")[2]

    def job(self, job_id: int) -> tuple[Run, Job] | None:
        """A job of any run, with its run."""
        for run in self.runs.values():
            for job in run.jobs:
                if job.id == job_id:
                    return run, job
        return None
