"""Messages to the world: written with the change they tell, tried until they arrive.

Webhooks are signed by Standard Webhooks; mail goes through Django's backend. A delivery keeps its
id through every try, so that a receiver can tell a repetition from news.
"""

import json
import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from devops.errors import PermanentError, TransientError
from devops.jobs import DELIVER
from devops.models import WebhookDelivery
from devops.safety.encryption import Binding, decrypt, encrypt

logger = logging.getLogger(__name__)

# Seconds before the second, third, … try (Source: Standard Webhooks, retry schedule).
RETRY_SECONDS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
# A worker that took a delivery and died is replaced after this.
_CLAIM = timedelta(seconds=90)
BATCH = 50
_KIND = WebhookDelivery.Kind
_STATUS = WebhookDelivery.Status


def enqueue_webhook(
    account_id: uuid.UUID,
    url: str,
    event_name: str,
    payload: Mapping[str, Any],
    *,
    secret: str,
    key: str,
) -> WebhookDelivery | None:
    """Write a signed webhook into the present transaction; None when the key was used before."""
    delivery = WebhookDelivery(
        account_id=account_id, kind=_KIND.WEBHOOK, destination=url, event_name=event_name,
        payload=dict(payload), idempotency_key=key,
    )  # fmt: skip
    delivery.encrypted_secret = encrypt(secret.encode(), binding=_binding(delivery))
    return _insert(delivery)


def enqueue_email(
    account_id: uuid.UUID, recipient: str, event_name: str, *, subject: str, text: str, key: str
) -> WebhookDelivery | None:
    """Write a mail into the present transaction; None when the key was used before."""
    payload = {"subject": subject.replace("\n", " ")[:250], "text": text}
    delivery = WebhookDelivery(
        account_id=account_id, kind=_KIND.EMAIL, destination=recipient, event_name=event_name,
        payload=payload, idempotency_key=key,
    )  # fmt: skip
    return _insert(delivery)


def _insert(delivery: WebhookDelivery) -> WebhookDelivery | None:
    try:
        with transaction.atomic():
            delivery.save(force_insert=True)
    except IntegrityError:
        return None
    DELIVER.send()
    return delivery


def deliver_due() -> int:
    """Try what is due; returns how many arrived. Safe to run beside itself."""
    due = WebhookDelivery.objects.filter(
        status=_STATUS.PENDING, next_attempt_at__lte=timezone.now()
    )
    keys = list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH])
    return sum(_try(pk) for pk in keys)


def _try(pk: uuid.UUID) -> bool:
    """Claim, send, record: three beats, no transaction over the sending."""
    delivery = _claim(pk)
    if delivery is None:
        return False
    try:
        status = _send(delivery)
    except PermanentError as error:
        _record_failure(delivery, str(error), is_final=True)
        return False
    except (TransientError, OSError) as error:
        _record_failure(delivery, str(error), is_final=False)
        return False
    _record_success(delivery, status)
    return True


@transaction.atomic(durable=True)
def _claim(pk: uuid.UUID) -> WebhookDelivery | None:
    now = timezone.now()
    mine = WebhookDelivery.objects.filter(
        pk=pk, status=_STATUS.PENDING, next_attempt_at__lte=now
    ).update(next_attempt_at=now + _CLAIM, attempts=F("attempts") + 1)
    return WebhookDelivery.objects.get(pk=pk) if mine else None


def _send(delivery: WebhookDelivery) -> int | None:
    if delivery.kind == _KIND.EMAIL:
        EmailMessage(
            delivery.payload["subject"], delivery.payload["text"], to=[delivery.destination],
            headers={"X-Powernode-Delivery": str(delivery.pk)},
        ).send()  # fmt: skip
        return None
    return _post(delivery)


def _post(delivery: WebhookDelivery) -> int:
    # Imported here: the client's libraries would cost every process 20 MB.
    from devops.safety.addresses import AddressNotAllowed  # noqa: PLC0415
    from devops.safety.egress import request  # noqa: PLC0415

    body = json.dumps({"type": delivery.event_name, "data": delivery.payload})
    secret = decrypt(delivery.encrypted_secret, binding=_binding(delivery)).decode()
    moment = timezone.now()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(str(delivery.pk), moment, body),
    }
    try:
        answer = request("POST", delivery.destination, headers=headers, body=body.encode())
    except AddressNotAllowed as error:
        raise PermanentError(str(error)) from error
    if answer.status == 410:
        raise PermanentError("The receiver answered 410: it wants no more.")
    if not 200 <= answer.status < 300:
        raise TransientError(f"The receiver answered {answer.status}.")
    return answer.status


@transaction.atomic(durable=True)
def _record_success(delivery: WebhookDelivery, response_status: int | None) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=_STATUS.DELIVERED, delivered_at=timezone.now(), next_attempt_at=None,
        response_status=response_status, last_error="",
    )  # fmt: skip


@transaction.atomic(durable=True)
def _record_failure(delivery: WebhookDelivery, error: str, *, is_final: bool) -> None:
    """Plan the next try, or give up for good: a dead letter stays to be sent again by hand."""
    again = None if is_final else next_try(delivery.attempts)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=_STATUS.PENDING if again else _STATUS.FAILED,
        next_attempt_at=again,
        last_error=error[:1000],
    )
    if again is None:
        logger.warning("delivery %s to %s given up: %s", delivery.pk, delivery.destination, error)


def next_try(attempts: int) -> datetime | None:
    """When to try again after that many tries; None after the last."""
    if attempts > len(RETRY_SECONDS):
        return None
    return timezone.now() + timedelta(seconds=RETRY_SECONDS[attempts - 1])


def _binding(delivery: WebhookDelivery) -> Binding:
    table = "devops_webhookdelivery"
    return Binding(table, str(delivery.account_id), str(delivery.pk), "secret")
