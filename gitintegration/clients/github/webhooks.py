"""Deliveries of GitHub: `X-Hub-Signature-256` over the raw body, the push event.

Source: GitHub REST documentation, "Webhook events and payloads", push; "Validating deliveries".
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from gitintegration.clients.git.webhooks import push_event
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)

EVENTS = frozenset({"push", "ping"})


def delivery_id(headers: Mapping[str, str]) -> str:
    """The delivery's own identifier; not signed, so the body's digest counts as well."""
    return headers.get("x-github-delivery", "")


def event_name(headers: Mapping[str, str], _payload: Mapping[str, Any]) -> str:
    """What the delivery is about."""
    return headers.get("x-github-event", "")


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the raw body was signed with the secret; SHA-1 signatures are not accepted."""
    given = headers.get("x-hub-signature-256", "")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def to_event(name: str, payload: Mapping[str, Any]) -> TriggerEvent:
    """The push as our one event.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: a ping, a deletion, or an event we do not act on.
    """
    if name != "push":
        raise IgnoredDeliveryError(f"The event {name} starts nothing.")
    try:
        commits = [
            {
                "sha": commit["id"],
                "message": commit["message"],
                "author": (commit.get("author") or {}).get("name", ""),
            }
            for commit in [*payload["commits"], *filter(None, [payload.get("head_commit")])]
        ]
        actor = str((payload.get("sender") or {}).get("login") or "")
        return push_event(
            payload["ref"], payload["before"], payload["after"], commits,
            actor=actor, changed_paths=_paths(payload),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableDeliveryError(f"The push lacks {error}.") from error


def _paths(payload: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Every path that a commit of the push touched; GitHub lists at most 2,048 commits' worth."""
    if payload.get("created") or len(payload["commits"]) >= 2048:
        return None
    kinds = ("added", "modified", "removed")
    return tuple(
        sorted(
            {
                path
                for commit in payload["commits"]
                for kind in kinds
                for path in commit.get(kind, ())
            }
        )
    )
