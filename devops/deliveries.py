"""Messages to the world: written with the change they tell, tried until they arrive.

Webhooks are signed by Standard Webhooks; mail goes through Django's backend. A delivery keeps its
id through every try, so that a receiver can tell a repetition from news.
"""

import hashlib
import hmac
import json
import logging
import smtplib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from devops import outbox
from devops.errors import Conflict, PermanentError, TransientError
from devops.failpoints import failpoint
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


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a webhook goes, and how.

    Attributes:
        secrets: sign side by side, so that a receiver can change over in peace.
        signature_secret: adds the older `t=,v1=` header.
        options: see `WebhookDelivery.options`.
        is_secret: the address itself lets anybody in, as those of chat rooms do; it is kept
            encrypted, and only its host is shown.
        is_plain: the payload is the body, neither wrapped nor signed.
        subscription_id: how its deliveries end is told by `webhook_delivery_ended`.
    """

    url: str
    secrets: tuple[str, ...]
    signature_secret: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    subscription_id: uuid.UUID | None = None
    is_secret: bool = False
    is_plain: bool = False

    @property
    def shown(self) -> str:
        """The address as everybody may see it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}/…" if self.is_secret else self.url


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail's words.

    `is_secret`: they hold what nobody but the recipient may read; they are kept encrypted until
    they are sent, and not a moment longer. `sender_id` is told by `mail_ended` how it ended.
    """

    subject: str
    text: str
    html: str = ""
    is_secret: bool = False
    sender_id: uuid.UUID | None = None


def enqueue_webhook(
    account_id: uuid.UUID,
    receiver: Receiver,
    event_name: str,
    payload: Mapping[str, Any],
    *,
    key: str,
) -> WebhookDelivery | None:
    """Write a signed webhook into the present transaction; None when the key was used before."""
    delivery = WebhookDelivery(
        account_id=account_id, kind=_KIND.WEBHOOK, destination=receiver.shown,
        event_name=event_name, payload=dict(payload), idempotency_key=key,
        options=_options(receiver), subscription_id=receiver.subscription_id,
    )  # fmt: skip
    delivery.encrypted_secret = _sealed(delivery, receiver)
    return _insert(delivery)


def send_again(delivery: WebhookDelivery, receiver: Receiver | None = None) -> None:
    """Try an ended delivery once more from the beginning, in the present transaction.

    With a receiver it goes where that is now, signed with the secrets of today.

    Raises:
        Conflict: it is still on its way.
    """
    ended = [_STATUS.DELIVERED, _STATUS.FAILED]
    changes: dict[str, Any] = {}
    if receiver is not None:
        changes = {
            "destination": receiver.shown,
            "options": _options(receiver),
            "encrypted_secret": _sealed(delivery, receiver),
        }
    if not WebhookDelivery.objects.filter(pk=delivery.pk, status__in=ended).update(
        status=_STATUS.PENDING, attempts=0, next_attempt_at=timezone.now(), delivered_at=None,
        **changes,
    ):  # fmt: skip
        raise Conflict("The delivery is still on its way.")
    delivery.refresh_from_db()
    DELIVER.send()


def give_up(subscription_id: uuid.UUID, words: str) -> int:
    """End what is still on its way to a subscriber."""
    rows = WebhookDelivery.objects.filter(subscription_id=subscription_id)
    rows.filter(kind=_KIND.EMAIL).update(encrypted_secret="")
    return rows.filter(status=_STATUS.PENDING).update(
        status=_STATUS.FAILED, next_attempt_at=None, last_error=words[:1000]
    )


def enqueue_email(
    account_id: uuid.UUID, recipient: str, event_name: str, *, subject: str, text: str, key: str
) -> WebhookDelivery | None:
    """Write a mail into the present transaction; None when the key was used before."""
    return enqueue_mail(account_id, recipient, event_name, Mail(subject, text), key=key)


def enqueue_mail(
    account_id: uuid.UUID, recipient: str, event_name: str, mail: Mail, *, key: str
) -> WebhookDelivery | None:
    """Write a mail into the present transaction; None when the key was used before."""
    words = {"text": mail.text, "html": mail.html}
    delivery = WebhookDelivery(
        account_id=account_id, kind=_KIND.EMAIL, destination=recipient, event_name=event_name,
        payload={"subject": " ".join(mail.subject.split())[:250]}, idempotency_key=key,
        subscription_id=mail.sender_id,
    )  # fmt: skip
    if mail.is_secret:
        sealed = json.dumps(words).encode()
        delivery.encrypted_secret = encrypt(sealed, binding=_binding(delivery))
    else:
        delivery.payload |= words
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


def deliver_of(subscription_id: uuid.UUID) -> None:
    """Try what is due of one subscriber at once, in the calling thread."""
    due = WebhookDelivery.objects.filter(
        subscription_id=subscription_id, status=_STATUS.PENDING,
        next_attempt_at__lte=timezone.now(),
    )  # fmt: skip
    for pk in list(due.values_list("pk", flat=True)):
        _try(pk)


def _try(pk: uuid.UUID) -> bool:
    """Claim, send, record: three beats, no transaction over the sending."""
    failpoint("deliveries.claim.before")
    delivery = _claim(pk)
    if delivery is None:
        return False
    failpoint("deliveries.claim.after")
    try:
        status = _send(delivery)
    except PermanentError as error:
        _record_failure(delivery, str(error), is_final=True)
        return False
    except (TransientError, OSError) as error:
        _record_failure(delivery, str(error), is_final=False)
        return False
    failpoint("deliveries.record.before")
    _record_success(delivery, status)
    failpoint("deliveries.record.after")
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
        _mail(delivery)
        return None
    return _post(delivery)


def _mail(delivery: WebhookDelivery) -> None:
    words = delivery.payload
    if "text" not in words:
        if not delivery.encrypted_secret:
            raise PermanentError("The mail's words are no longer kept.")
        opened = decrypt(delivery.encrypted_secret, binding=_binding(delivery))
        words = {**words, **json.loads(opened)}
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    message = EmailMultiAlternatives(
        words["subject"], words["text"], to=[delivery.destination],
        headers={
            # The same in every try: who takes a mail twice, after we died between, shows it once.
            "Message-ID": f"<{delivery.pk.hex}@{domain}>",
            "X-Powernode-Delivery": str(delivery.pk),
            "Auto-Submitted": "auto-generated",
        },
    )  # fmt: skip
    if words.get("html"):
        message.attach_alternative(words["html"], "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        text = f"{code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
        if code >= 500:
            raise PermanentError(f"The mail server refuses the recipient: {text}") from error
        raise TransientError(f"The mail server puts the recipient off: {text}") from error


def _post(delivery: WebhookDelivery) -> int:
    # Imported here: the client's libraries would cost every process 20 MB.
    from devops.safety.addresses import AddressNotAllowed  # noqa: PLC0415
    from devops.safety.egress import TOTAL_SECONDS, request  # noqa: PLC0415

    body, headers = _signed(delivery, timezone.now())
    seconds = float(delivery.options.get("timeout_seconds") or TOTAL_SECONDS)
    try:
        url = _secrets_of(delivery).get("url") or delivery.destination
        answer = request("POST", url, headers=headers, body=body, total_seconds=seconds)
    except AddressNotAllowed as error:
        raise PermanentError(str(error)) from error
    if answer.status == 410:
        raise PermanentError("The receiver answered 410: it wants no more.")
    if not 200 <= answer.status < 300:
        raise TransientError(f"The receiver answered {answer.status}.")
    return answer.status


def _signed(delivery: WebhookDelivery, moment: datetime) -> tuple[bytes, dict[str, str]]:
    """The body and its headers: Standard Webhooks, and the older header where it is wanted."""
    if delivery.options.get("is_plain"):
        headers = {**delivery.options.get("headers", {}), "Content-Type": "application/json"}
        return json.dumps(delivery.payload).encode(), headers
    text = json.dumps({"type": delivery.event_name, "data": delivery.payload})
    content_type = delivery.options.get("content_type") or "application/json"
    if content_type != "application/json":
        text = urlencode({"payload": text})
    held = _secrets_of(delivery)
    stamp = str(int(moment.timestamp()))
    signatures = [
        Webhook(secret).sign(str(delivery.pk), moment, text) for secret in held["secrets"]
    ]
    headers = {
        **delivery.options.get("headers", {}),
        "Content-Type": content_type,
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }
    if held["signature_secret"]:
        digest = hmac.new(
            held["signature_secret"].encode(), f"{stamp}.{text}".encode(), hashlib.sha256
        ).hexdigest()
        headers["X-Powernode-Signature"] = f"t={stamp},v1={digest}"
    return text.encode(), headers


def _sealed(delivery: WebhookDelivery, receiver: Receiver) -> str:
    held = {
        "secrets": receiver.secrets,
        "signature_secret": receiver.signature_secret,
        "url": receiver.url if receiver.is_secret else "",
    }
    return encrypt(json.dumps(held).encode(), binding=_binding(delivery))


def _options(receiver: Receiver) -> dict[str, Any]:
    return {**receiver.options, **({"is_plain": True} if receiver.is_plain else {})}


def _secrets_of(delivery: WebhookDelivery) -> dict[str, Any]:
    opened = decrypt(delivery.encrypted_secret, binding=_binding(delivery)).decode()
    if not opened.startswith("{"):
        # Written before a delivery could have several.
        return {"secrets": [opened], "signature_secret": ""}
    found: dict[str, Any] = json.loads(opened)
    return found


@transaction.atomic(durable=True)
def _record_success(delivery: WebhookDelivery, response_status: int | None) -> None:
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=_STATUS.DELIVERED, delivered_at=timezone.now(), next_attempt_at=None,
        response_status=response_status, last_error="",
        tries=_tries(delivery, response_status, ""),
        # A secret mail has arrived: its words are the recipient's alone now.
        encrypted_secret="" if delivery.kind == _KIND.EMAIL else delivery.encrypted_secret,
    )  # fmt: skip
    _tell_end(delivery, _STATUS.DELIVERED, "")


@transaction.atomic(durable=True)
def _record_failure(delivery: WebhookDelivery, error: str, *, is_final: bool) -> None:
    """Plan the next try, or give up for good: a dead letter stays to be sent again by hand."""
    again = None if is_final else next_try(delivery.attempts, delivery.options)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(
        status=_STATUS.PENDING if again else _STATUS.FAILED,
        next_attempt_at=again,
        last_error=error[:1000],
        tries=_tries(delivery, None, error),
    )
    if again is None:
        logger.warning("delivery %s to %s given up: %s", delivery.pk, delivery.destination, error)
        _tell_end(delivery, _STATUS.FAILED, error)


def _tries(delivery: WebhookDelivery, status: int | None, error: str) -> list[dict[str, Any]]:
    this = {"at": timezone.now().isoformat(), "status": status, "error": error[:300]}
    return [*delivery.tries, this][-20:]


def _tell_end(delivery: WebhookDelivery, status: str, error: str) -> None:
    if delivery.subscription_id is None:
        return
    facts = {
        "id": str(delivery.pk),
        "subscription_id": str(delivery.subscription_id),
        "status": str(status),
        "event_name": delivery.event_name,
        "last_error": error[:300],
    }
    is_mail = delivery.kind == _KIND.EMAIL
    outbox.record(
        delivery.account_id, f"webhook_delivery.{delivery.pk.hex}", time.time_ns(),
        "mail_ended" if is_mail else "webhook_delivery_ended", {"version": 1, "delivery": facts},
    )  # fmt: skip


def next_try(attempts: int, options: Mapping[str, Any] | None = None) -> datetime | None:
    """When to try again after that many tries; None after the last.

    A subscriber's own policy: `linear` 5·n seconds, `exponential` 5·2^(n-1), at most 300.
    """
    options = options or {}
    if "retry_limit" in options:
        if attempts > options["retry_limit"]:
            return None
        linear = options.get("retry_backoff") == "linear"
        seconds = 5 * attempts if linear else 5 * 2 ** (attempts - 1)
        return timezone.now() + timedelta(seconds=min(300, max(1, seconds)))
    if attempts > len(RETRY_SECONDS):
        return None
    return timezone.now() + timedelta(seconds=RETRY_SECONDS[attempts - 1])


def _binding(delivery: WebhookDelivery) -> Binding:
    table = "devops_webhookdelivery"
    return Binding(table, str(delivery.account_id), str(delivery.pk), "secret")
