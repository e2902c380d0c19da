"""Deliveries are received in milliseconds and understood afterwards."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from devops import audit, outbox
from devops.access import Actor
from devops.errors import DomainError, Invalid
from devops.safety.json_values import DocumentError, load_json
from gitintegration.choices import (
    MAX_DELIVERY_BYTES,
    MAX_PROCESSING_ATTEMPTS,
    WebhookEventStatus,
)
from gitintegration.clients.protocol import IgnoredDeliveryError, UnreadableDeliveryError
from gitintegration.clients.registry import dialect_module
from gitintegration.jobs import PROCESS_DELIVERY
from gitintegration.models import GitWebhookEvent, WebhookEndpoint
from gitintegration.operations.endpoints import digest_token, endpoint_secret
from gitintegration.states import webhook_event_states

_KEPT_HEADERS = (
    "content-type", "user-agent", "webhook-id", "webhook-timestamp", "x-github-event",
    "x-github-delivery", "x-github-hook-id",
)  # fmt: skip
# A delivery whose wake-up was lost with the broker is found after this.
_WAKE_AGAIN = timedelta(seconds=5)
# A task that took a delivery and died is replaced after this.
_PROCESSING_LIMIT = timedelta(seconds=60)


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
    return _store(endpoint, name, dialect.delivery_id(headers), headers, (payload, body))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        payload = load_json(body, max_bytes=MAX_DELIVERY_BYTES)
    except DocumentError as error:
        raise Invalid(f"The body is not acceptable JSON: {error}") from error
    if not isinstance(payload, dict):
        raise Invalid("The body must be a JSON object.")
    return payload


@transaction.atomic(durable=True)
def _store(
    endpoint: WebhookEndpoint,
    name: str,
    delivery_id: str,
    headers: Mapping[str, str],
    content: tuple[dict[str, Any], bytes],
) -> Receipt:
    payload, body = content
    digest = hashlib.sha256(body).hexdigest()
    event = GitWebhookEvent(
        account_id=endpoint.account_id,
        endpoint=endpoint,
        repository_id=endpoint.repository_id,
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
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        return Receipt("duplicate", _original(event))
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        delivery_count=F("delivery_count") + 1, last_delivery_at=event.created_at
    )
    PROCESS_DELIVERY.send(event_id=str(event.pk))
    return Receipt("accepted", event.pk)


def _original(event: GitWebhookEvent) -> uuid.UUID | None:
    same = GitWebhookEvent.objects.filter(endpoint_id=event.endpoint_id)
    found = (
        same.filter(delivery_id=event.delivery_id).first()
        or same.filter(body_digest=event.body_digest).first()
    )
    return found.pk if found else None


@transaction.atomic(durable=True)
def process_delivery(event_id: str) -> None:
    """Turn a stored delivery into the event that other apps subscribe to; once."""
    event = GitWebhookEvent.objects.select_for_update().filter(pk=event_id).first()
    if event is None or event.status != WebhookEventStatus.PENDING:
        return
    try:
        trigger = dialect_module(event.dialect).to_event(event.event_type, event.payload)
    except IgnoredDeliveryError as why:
        _end(event, WebhookEventStatus.IGNORED, result=str(why)[:500])
        return
    except UnreadableDeliveryError as error:
        _end(event, WebhookEventStatus.FAILED, error_message=str(error)[:1000])
        return
    if event.repository_id is None:
        _end(event, WebhookEventStatus.IGNORED, result="Its repository is gone.")
        return
    words = "Understood; looking for pipelines."
    _end(event, WebhookEventStatus.PROCESSED, sender=trigger.actor[:200], result=words)
    outbox.record(
        event.account_id, f"git_event.{event.pk.hex}", event.version, f"git.{trigger.type}",
        trigger.payload(event.repository_id, event.pk),
    )  # fmt: skip


def _end(event: GitWebhookEvent, status: str, **changes: Any) -> None:
    webhook_event_states.transition(
        event, status, attempts=F("attempts") + 1, processed_at=timezone.now(), **changes
    )


@transaction.atomic(durable=True)
def replay_delivery(actor: Actor, event: GitWebhookEvent) -> GitWebhookEvent:
    """Process a stored delivery again; pipelines that it started once are not started twice."""
    actor.require("git.webhooks.manage")
    webhook_event_states.transition(event, WebhookEventStatus.PENDING, result="", error_message="")
    PROCESS_DELIVERY.send(event_id=str(event.pk))
    audit.record(actor, "git.webhook_event.retry", event)
    return event


def note_result(event_id: str, result: str) -> None:
    """Say on the delivery what became of it."""
    GitWebhookEvent.objects.filter(pk=event_id).update(result=result[:500])


def sweep_deliveries() -> int:
    """Find deliveries whose task was lost or died, and have them processed."""
    now = timezone.now()
    due = GitWebhookEvent.objects.filter(
        status__in=[WebhookEventStatus.PENDING, WebhookEventStatus.PROCESSING],
        next_attempt_at__lt=now,
    )
    found = 0
    for event in due[:200]:
        _again(event.pk)
        found += 1
    return found


@transaction.atomic(durable=True)
def _again(event_id: uuid.UUID) -> None:
    event = GitWebhookEvent.objects.select_for_update().filter(pk=event_id).first()
    if event is None:
        return
    if event.attempts >= MAX_PROCESSING_ATTEMPTS:
        if event.status in {WebhookEventStatus.PENDING, WebhookEventStatus.PROCESSING}:
            webhook_event_states.transition(
                event, WebhookEventStatus.FAILED, processed_at=timezone.now(),
                error_message=f"Processing died {event.attempts} times.",
            )  # fmt: skip
        return
    if event.status == WebhookEventStatus.PROCESSING:
        webhook_event_states.transition(event, WebhookEventStatus.PENDING)
    # Counted here: what makes its processing die takes its own count with it.
    GitWebhookEvent.objects.filter(pk=event_id).update(
        next_attempt_at=timezone.now() + _PROCESSING_LIMIT, attempts=F("attempts") + 1
    )
    PROCESS_DELIVERY.send(event_id=str(event_id))
