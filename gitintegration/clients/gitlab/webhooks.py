"""Deliveries of GitLab: the secret itself comes in a header, the body is not signed.

Source: GitLab documentation, "Webhook events" and "Webhooks", delivery headers.
"""

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from gitintegration.clients.gitlab import activity, ci_events, pushes
from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)

_READERS: dict[str, Callable[[Members], TriggerEvent]] = {
    "push": pushes.push,
    "tag_push": pushes.push,
    "merge_request": activity.merge_request,
    "issue": activity.issue,
    "confidential_issue": activity.issue,
    "note": activity.note,
    "confidential_note": activity.note,
    "release": activity.release,
    "pipeline": ci_events.pipeline,
    "job": ci_events.job,
    "deployment": ci_events.deployment,
}
EVENTS = frozenset(_READERS)


def delivery_id(headers: Mapping[str, str]) -> str:
    """The delivery's own identifier, the same in every retry (GitLab 17.4 and later).

    `X-Gitlab-Event-UUID` will not do: an event that another one's hook caused has the same.
    """
    return headers.get("idempotency-key", "")


def event_name(headers: Mapping[str, str], _payload: Mapping[str, Any]) -> str:
    """What the delivery is about: `Merge Request Hook` is `merge_request`."""
    return headers.get("x-gitlab-event", "").lower().removesuffix(" hook").replace(" ", "_")


def is_authentic(secret: str, headers: Mapping[str, str], _body: bytes) -> bool:
    """Whether the sender knows the hook's secret."""
    given = headers.get("x-gitlab-token", "").encode(errors="surrogatepass")
    return bool(secret) and hmac.compare_digest(given, secret.encode())


def to_event(name: str, payload: Mapping[str, Any]) -> TriggerEvent:
    """What happened, as our one event.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: it means nothing to us; says why.
    """
    reader = _READERS.get(name)
    if reader is None:
        raise IgnoredDeliveryError(f"The event {name} starts nothing.")
    try:
        return reader(Members(payload))
    except UnreadableMemberError as error:
        raise UnreadableDeliveryError(str(error)) from error
