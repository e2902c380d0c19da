"""Deliveries of plain git: Standard Webhooks headers, one push of one ref per delivery."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gitintegration.clients.protocol import (
    Commit,
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)

EVENTS = frozenset({"push", "ping"})
_ZERO = frozenset("0")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def delivery_id(headers: Mapping[str, str]) -> str:
    """The delivery's own identifier."""
    return headers.get("webhook-id", "")


def event_name(_headers: Mapping[str, str], payload: Mapping[str, Any]) -> str:
    """What the delivery is about."""
    return str(payload.get("event", ""))


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the raw body was signed with the secret within the last five minutes."""
    try:
        # The body is read afterwards, by a reader with bounds.
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError, KeyError):
        return False
    return True


def to_event(_name: str, payload: Mapping[str, Any]) -> TriggerEvent:
    """The push as our one event.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: a ping, a deletion, or a ref that is neither branch nor tag.
    """
    if payload.get("event") == "ping":
        raise IgnoredDeliveryError("A ping; the hook works.")
    try:
        ref, before, after = (str(payload[name]) for name in ("ref", "before", "after"))
        commits = [dict(commit) for commit in payload.get("commits") or []]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableDeliveryError(
            f"A push needs ref, before, after and commits: {error}"
        ) from error
    return push_event(
        ref, before, after, commits, actor=str(payload.get("pusher") or ""),
        changed_paths=_paths(payload),
    )  # fmt: skip


def push_event(
    ref: str,
    before: str,
    after: str,
    commits: list[dict[str, Any]],
    *,
    actor: str,
    changed_paths: tuple[str, ...] | None,
) -> TriggerEvent:
    """A push of a branch or tag, whichever host told of it.

    Raises:
        UnreadableDeliveryError: what it says it pushed is no commit.
        IgnoredDeliveryError: a deletion, or a ref that is neither branch nor tag.
    """
    if not (_SHA.fullmatch(before) and _SHA.fullmatch(after)):
        raise UnreadableDeliveryError("A push needs full commit SHAs as before and after.")
    if set(after) <= _ZERO:
        raise IgnoredDeliveryError(f"{ref} was deleted.")
    branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""
    tag = ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else ""
    if not branch and not tag:
        raise IgnoredDeliveryError(f"{ref} is neither a branch nor a tag.")
    head = next((entry for entry in commits if entry.get("sha") == after), {})
    message = str(head.get("message") or "")
    return TriggerEvent(
        type="push",
        # Hashed, because a long branch name would fill the column and hide the commit.
        key="push:" + hashlib.sha256(f"{ref}\n{before}\n{after}".encode()).hexdigest(),
        ref=ref,
        sha=after,
        before=before,
        branch=branch,
        tag=tag,
        actor=actor,
        commit=Commit(after, message.split("\n", 1)[0], message, str(head.get("author") or "")),
        changed_paths=changed_paths,
    )


def _paths(payload: Mapping[str, Any]) -> tuple[str, ...] | None:
    paths = payload.get("changed_paths")
    if not isinstance(paths, list):
        return None
    return tuple(str(path) for path in paths)
