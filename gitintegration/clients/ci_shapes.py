"""What the hosts' own CI looks like to us: workflows, runs, jobs, runners; one shape for all."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ScopeKind = Literal["repository", "organization", "enterprise"]
RunnerStatus = Literal["online", "offline", "busy"]
# What a list of runs can be asked for.
RunState = Literal["queued", "in_progress", "success", "failure", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """A workflow file that the host's own CI knows."""

    id: str
    name: str
    path: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run of the host's own CI; status and conclusion in our words, `event` in the host's."""

    id: str
    name: str
    status: str
    conclusion: str
    event: str = ""
    ref: str = ""
    sha: str = ""
    actor: str = ""
    actor_id: str = ""
    run_number: int | None = None
    run_attempt: int = 1
    web_url: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """One step of a job of the host's own CI."""

    name: str
    number: int
    status: str
    conclusion: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """A job of a run of the host's own CI."""

    id: str
    name: str
    status: str
    conclusion: str
    runner_id: str = ""
    runner_name: str = ""
    runner_os: str = ""
    web_url: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    steps: tuple[WorkflowStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """Where runners belong: `name` is a repository's full name, an organization, or empty."""

    kind: ScopeKind
    name: str = ""


@dataclass(frozen=True, slots=True)
class HostRunner:
    """A runner of the host's own CI."""

    id: str
    name: str
    status: RunnerStatus
    is_busy: bool
    labels: tuple[str, ...] = ()
    os: str = ""
    architecture: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class RunnerToken:
    """A token that registers or removes a runner; shown once. `command` is how to use it."""

    token: str
    expires_at: datetime | None = None
    command: str = ""
