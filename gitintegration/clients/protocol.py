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
class TriggerEvent:
    """One thing that happened in a repository, the same for every host (version 1).

    Attributes:
        type: a trigger type of the pipeline document (`push`, …).
        key: unique in the repository for what happened, however often it is told.
        is_trusted: decided from the host's user and permission, never from commit authors.
        changed_paths: None when the host did not tell.
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
    is_trusted: bool = True
    is_deletion: bool = False
    commit: Commit = field(default_factory=lambda: Commit(""))
    changed_paths: tuple[str, ...] | None = None

    def payload(self, repository_id: uuid.UUID, event_id: uuid.UUID) -> dict[str, Any]:
        """The event as an outbox payload."""
        return {
            "version": 1,
            "repository_id": str(repository_id),
            "event_id": str(event_id),
            **asdict(self),
            "changed_paths": None if self.changed_paths is None else list(self.changed_paths),
        }


class UnreadableDeliveryError(Exception):
    """A delivery's body does not have the shape that its host documents; says what is missing."""


class IgnoredDeliveryError(Exception):
    """A delivery that means nothing to us; says why."""
