"""Deliveries of GitHub: `X-Hub-Signature-256` over the raw body.

Source: GitHub documentation, "Webhook events and payloads", "Validating webhook deliveries".
"""

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from gitintegration.clients.git.webhooks import push_event
from gitintegration.clients.github import ci_events, talk_events
from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)

# GitHub lists at most so many commits of one push.
_MAX_COMMITS = 2048


def delivery_id(headers: Mapping[str, str]) -> str:
    """The delivery's own identifier; not signed, so the body's digest counts as well."""
    return headers.get("x-github-delivery", "")


def event_name(headers: Mapping[str, str], _payload: Mapping[str, Any]) -> str:
    """What the delivery is about."""
    return headers.get("x-github-event", "")


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the raw body was signed with the secret; SHA-1 signatures are not accepted."""
    if not secret:
        return False
    given = headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def to_event(name: str, payload: Mapping[str, Any]) -> TriggerEvent:
    """What happened as our one event.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: a ping, a push that deletes, or an event we do not act on.
    """
    read = _READERS.get(name)
    if read is None:
        raise IgnoredDeliveryError(f"The event {name} starts nothing.")
    try:
        told = Members(payload)
        event = read(told)
        repository, sender = told.inner("repository"), told.inner("sender")
        return dataclasses.replace(
            event,
            repository_id=repository.ident("id"),
            repository_full_name=repository.text("full_name"),
            actor=sender.text("login"),
            actor_id=sender.ident("id"),
        )
    except UnreadableMemberError as error:
        raise UnreadableDeliveryError(f"The delivery {name} cannot be read: {error}") from error


def _push(told: Members) -> TriggerEvent:
    if "commits" not in told:
        raise UnreadableMemberError("commits is missing.")
    head = told.inner("head_commit")
    listed = [*told.entries("commits"), *([head] if head else [])]
    commits = [
        {
            "sha": commit.needed("id"),
            "message": commit.ident("message"),
            "author": commit.inner("author").text("name"),
        }
        for commit in listed
    ]
    event = push_event(
        told.needed("ref"), told.needed("before"), told.needed("after"), commits,
        actor="", changed_paths=_paths(told),
    )  # fmt: skip
    return dataclasses.replace(event, occurred_at=head.text("timestamp"))


def _paths(told: Members) -> tuple[str, ...] | None:
    """Every path that a commit of the push touched; None when that is not all of it."""
    commits = list(told.entries("commits"))
    if told.flag("created") or told.flag("forced") or len(commits) >= _MAX_COMMITS:
        return None
    kinds = ("added", "modified", "removed")
    return tuple(sorted({path for one in commits for kind in kinds for path in one.texts(kind)}))


def _ping(_told: Members) -> TriggerEvent:
    raise IgnoredDeliveryError("A ping; the hook works.")


_READERS: dict[str, Callable[[Members], TriggerEvent]] = {
    "push": _push,
    "ping": _ping,
    **talk_events.READERS,
    **ci_events.READERS,
}
EVENTS = frozenset(_READERS)
