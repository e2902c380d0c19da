"""What can happen in a repository of a fake host, before a host words it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gitintegration.clients.fakes.model import Repo, User

Kind = Literal[
    "push", "create", "delete", "pull_request", "review", "issue", "comment", "release", "run",
    "job", "status", "check_run", "deployment", "deployment_status", "fork", "ping",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    `action` is GitHub's word (opened, synchronize, closed, created, completed …), `subject` the
    Pull, Issue, Comment, Release, Run, Job, Status, Check or forked Repo, `facts` the rest: for a
    push ref, before, after; for a comment `on`, the Pull or Issue; for a job `run`; for a
    deployment what the host has of it; for a review `state` and `pull`.
    """

    kind: Kind
    repo: Repo
    actor: User
    action: str = ""
    subject: Any = None
    facts: Mapping[str, Any] = field(default_factory=dict)
