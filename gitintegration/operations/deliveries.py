"""Deliveries are received in milliseconds and understood afterwards."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from devops import audit, nudge
from devops.access import Actor
from devops.errors import Conflict, DomainError, Invalid
from devops.safety.json_values import DocumentError, load_json
from gitintegration.choices import (
    MAX_DELIVERY_BYTES,
    MAX_MANUAL_RETRIES,
    WebhookEventStatus,
)
from gitintegration.clients.registry import dialect_module
from gitintegration.jobs import PROCESS_DELIVERY
from gitintegration.models import GitWebhookEvent, WebhookEndpoint
from gitintegration.operations.endpoints import digest_token, endpoint_secret
from gitintegration.states import webhook_event_states

_KEPT_HEADERS = (
    "content-type", "user-agent", "webhook-id", "webhook-timestamp", "x-github-event",
    "x-github-delivery", "x-github-hook-id", "x-gitlab-event", "x-gitlab-event-uuid",
    "x-gitlab-webhook-uuid", "idempotency-key", "x-gitea-event", "x-gitea-event-type",
    "x-gitea-delivery", "x-event-key", "x-request-uuid", "x-hook-uuid", "x-attempt-number",
)  # fmt: skip
# A delivery whose wake-up was lost with the broker is found after this.
_WAKE_AGAIN = timedelta(seconds=5)


class NotAuthentic(DomainError):
    """The address is unknown or the signature does not fit; the two look alike on purpose."""

    code = "signature-invalid"
    status = 401
    title = "Signature missing or invalid"
    remedy = "Compare the hook's address and secret with those on the repository's page."


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender is told: `accepted`, `duplicate` or `ignored`."""

    result: str
    event_id: uuid.UUID | None


def receive_delivery(token: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    """Verify a delivery over its raw body and store it once; everything else happens later.

    Raises:
        NotAuthentic: unknown address, or a signature that does not fit.
        Invalid: an authentic body that is no JSON object.
    """
    endpoint = WebhookEndpoint.objects.filter(
        token_digest=digest_token(token), is_active=True
    ).first()
    if endpoint is None:
        raise NotAuthentic("The delivery could not be verified.")
    dialect = dialect_module(endpoint.dialect)
    if not dialect.is_authentic(endpoint_secret(endpoint), headers, body):
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
            rejected_count=F("rejected_count") + 1
        )
        raise NotAuthentic("The delivery could not be verified.")
    payload = _parse(body)
    name = dialect.event_name(headers, payload)
    if name not in dialect.EVENTS:
        return Receipt("ignored", None)
    event = _event(endpoint, name, dialect.delivery_id(headers), headers, (payload, body))
    # A repetition is told by reading: it must not wait for whoever writes.
    known = _original(event)
    return Receipt("duplicate", known) if known is not None else _store(endpoint, event)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        payload = load_json(body, max_bytes=MAX_DELIVERY_BYTES)
    except DocumentError as error:
        raise Invalid(f"The body is not acceptable JSON: {error}") from error
    if not isinstance(payload, dict):
        raise Invalid("The body must be a JSON object.")
    return payload


def _event(
    endpoint: WebhookEndpoint,
    name: str,
    delivery_id: str,
    headers: Mapping[str, str],
    content: tuple[dict[str, Any], bytes],
) -> GitWebhookEvent:
    payload, body = content
    digest = hashlib.sha256(body).hexdigest()
    return GitWebhookEvent(
        account_id=endpoint.account_id,
        endpoint=endpoint,
        repository_id=endpoint.repository_id,
        git_provider_id=endpoint.git_provider_id,
        dialect=endpoint.dialect,
        event_type=name[:60],
        delivery_id=delivery_id if 0 < len(delivery_id) <= 120 else digest,
        body_digest=digest,
        headers={key: headers[key][:500] for key in _KEPT_HEADERS if key in headers},
        payload=payload,
        ref=str(payload.get("ref") or "")[:300],
        sha=str(payload.get("after") or "")[:64],
        next_attempt_at=timezone.now() + _WAKE_AGAIN,
    )


@transaction.atomic(durable=True)
def _store(endpoint: WebhookEndpoint, event: GitWebhookEvent) -> Receipt:
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        return Receipt("duplicate", _original(event))
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        delivery_count=F("delivery_count") + 1, last_delivery_at=event.created_at
    )
    nudge.poke_after_commit(nudge.DELIVERIES)
    return Receipt("accepted", event.pk)


def _original(event: GitWebhookEvent) -> uuid.UUID | None:
    rows = GitWebhookEvent.objects.filter(endpoint_id=event.endpoint_id)
    found: uuid.UUID | None = (
        rows.filter(Q(delivery_id=event.delivery_id) | Q(body_digest=event.body_digest))
        .order_by("id")
        .values_list("pk", flat=True)
        .first()
    )
    return found


@transaction.atomic(durable=True)
def redeliver(actor: Actor, event: GitWebhookEvent) -> GitWebhookEvent:
    """Take a stored delivery once more as a new one; the original stays as it is."""
    actor.require("git.webhooks.manage")
    key = f"redelivered-{uuid.uuid4()}"
    copy = GitWebhookEvent(
        account_id=event.account_id, endpoint_id=event.endpoint_id, original=event,
        repository_id=event.repository_id, git_provider_id=event.git_provider_id,
        dialect=event.dialect, event_type=event.event_type, delivery_id=key, body_digest=key,
        headers=event.headers, payload=event.payload, ref=event.ref, sha=event.sha,
        before=event.before, sender=event.sender, sender_id=event.sender_id,
        next_attempt_at=timezone.now() + _WAKE_AGAIN,
    )  # fmt: skip
    copy.save(force_insert=True)
    PROCESS_DELIVERY.send(event_id=str(copy.pk))
    audit.record(actor, "git.webhook_event.redeliver", event)
    return copy


@transaction.atomic(durable=True)
def replay_delivery(actor: Actor, event: GitWebhookEvent) -> GitWebhookEvent:
    """Process a stored delivery again; pipelines that it started once are not started twice."""
    actor.require("git.webhooks.manage")
    if event.status == WebhookEventStatus.FAILED and event.retry_count >= MAX_MANUAL_RETRIES:
        raise Conflict(
            f"The delivery was retried {event.retry_count} times.",
            remedy="Redeliver it as a new one, once its cause is mended.",
        )
    webhook_event_states.transition(
        event, WebhookEventStatus.PENDING, result="", error_message="",
        retry_count=F("retry_count") + 1, next_attempt_at=timezone.now() + _WAKE_AGAIN,
    )  # fmt: skip
    PROCESS_DELIVERY.send(event_id=str(event.pk))
    audit.record(actor, "git.webhook_event.retry", event)
    return event
