"""What every git host's deliveries are turned into."""

import uuid
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as the host told of it; every text is untrusted."""

    sha: str
    title: str = ""
    message: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class PullRequestFacts:
    """The pull request that an event is about; every text is untrusted."""

    number: int
    title: str = ""
    body: str = ""
    state: str = ""
    is_merged: bool = False
    is_draft: bool = False
    author: str = ""
    author_id: str = ""
    head_ref: str = ""
    head_sha: str = ""
    head_repository: str = ""
    base_ref: str = ""
    base_sha: str = ""
    web_url: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """The issue that an event is about; comments on pull requests carry both facts."""

    number: int
    title: str = ""
    body: str = ""
    state: str = ""
    author: str = ""
    web_url: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommentFacts:
    """The comment that an event is about."""

    id: str
    body: str = ""
    author: str = ""
    author_id: str = ""
    web_url: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """The release that an event is about."""

    tag: str
    name: str = ""
    body: str = ""
    is_prerelease: bool = False
    is_draft: bool = False
    web_url: str = ""


@dataclass(frozen=True, slots=True)
class CiFacts:
    """The run, and for `workflow_job` the job, of the host's own CI; words are ours."""

    run_id: str
    job_id: str = ""
    name: str = ""
    status: str = ""
    conclusion: str = ""
    web_url: str = ""


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    """One thing that happened in a repository, the same for every host (version 1).

    Attributes:
        type: our event name (`push`, `pull_request`, `issue`, …).
        key: unique in the repository for what happened, however often it is told.
        action: in our words: for pull requests opened, closed, merged, reopened, synchronize,
            edited, labeled, unlabeled, review_requested; else the host's.
        actor_id: the host's id of the user who did it.
        is_from_fork: the change comes from another repository.
        is_trusted: decided from the host's user and permission, never from commit authors.
        changed_paths: None when the host did not tell.
        repository_full_name: as the event names it now; a rename shows here first.
    """

    type: str
    key: str
    ref: str = ""
    sha: str = ""
    before: str = ""
    branch: str = ""
    tag: str = ""
    action: str = ""
    base_branch: str = ""
    actor: str = ""
    actor_id: str = ""
    is_from_fork: bool = False
    is_trusted: bool = True
    is_deletion: bool = False
    commit: Commit = field(default_factory=lambda: Commit(""))
    changed_paths: tuple[str, ...] | None = None
    repository_id: str = ""
    repository_full_name: str = ""
    occurred_at: str = ""
    pull_request: PullRequestFacts | None = None
    issue: IssueFacts | None = None
    comment: CommentFacts | None = None
    release: ReleaseFacts | None = None
    ci: CiFacts | None = None
    review_state: str = ""

    def payload(self, repository_id: uuid.UUID, event_id: uuid.UUID) -> dict[str, Any]:
        """The event as an outbox payload; `host_repository_id` is the host's own."""
        facts = asdict(self)
        facts["host_repository_id"] = facts.pop("repository_id")
        return {
            **facts,
            "version": 1,
            "repository_id": str(repository_id),
            "event_id": str(event_id),
            "changed_paths": None if self.changed_paths is None else list(self.changed_paths),
        }


class UnreadableDeliveryError(Exception):
    """A delivery's body does not have the shape that its host documents; says what is missing."""


class IgnoredDeliveryError(Exception):
    """A delivery that means nothing to us; says why."""
