"""What several kinds of deliveries have in common."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from gitintegration.clients.gitlab.words import moment
from gitintegration.clients.members import Members
from gitintegration.clients.protocol import UnreadableDeliveryError

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def sha_in(told: Members, name: str) -> str:
    """A full commit SHA; empty when absent.

    Raises:
        UnreadableDeliveryError: it is none.
    """
    return full_sha(told.text(name), name)


def full_sha(text: str, name: str) -> str:
    """The same text, if it is a full commit SHA or empty.

    Raises:
        UnreadableDeliveryError: it is not.
    """
    if text and not _SHA.fullmatch(text):
        raise UnreadableDeliveryError(f"{name} is no full commit SHA.")
    return text


def number_in(told: Members, name: str) -> int:
    """A number that must be there.

    Raises:
        UnreadableDeliveryError: it is not.
    """
    if name not in told:
        raise UnreadableDeliveryError(f"{name} is missing.")
    return told.number(name)


def event_key(kind: str, *parts: object) -> str:
    """A key of bounded length for what the parts name."""
    text = "\n".join(str(part) for part in parts)
    return f"{kind}:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def project_facts(payload: Members) -> dict[str, Any]:
    """Which repository an event is about, as members of `TriggerEvent`."""
    project = payload.inner("project")
    return {
        "repository_id": project.ident("id") or payload.ident("project_id"),
        "repository_full_name": project.text("path_with_namespace"),
    }


def actor_facts(payload: Members) -> dict[str, Any]:
    """Who did it, as members of `TriggerEvent`; job events name no user name."""
    user = payload.inner("user")
    return {"actor": user.text("username"), "actor_id": user.ident("id")}


def is_from_fork(request: Members) -> bool:
    """Whether a merge request comes from another project.

    A source that was deleted is null, and that is no reason to trust it.
    """
    source = request.ident("source_project_id")
    return not source or source != request.ident("target_project_id")


def titles(labels: Iterable[Members]) -> tuple[str, ...]:
    """The names of labels."""
    return tuple(label.text("title") for label in labels)


def iso(text: str) -> str:
    """A time of a delivery in ISO 8601; empty when it is none."""
    found = moment(text)
    return found.isoformat() if found else ""
