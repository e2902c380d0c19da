"""Receivers of the account's git events: kept, told, switched off when they fail for long."""

import base64
import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devops import audit, deliveries, outbox
from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.models import OutboxMessage, WebhookDelivery
from devops.safety.addresses import AddressNotAllowed, HostNotFound, check_url
from devops.safety.encryption import Binding, decrypt, encrypt
from gitintegration.choices import EVENT_TYPES
from gitintegration.clients.protocol import TriggerEvent
from gitintegration.models import AccountGitWebhookConfig, GitWebhookEvent
from gitintegration.operations.audience import Audience
from gitintegration.operations.branch_filters import check_filter, passes

MANAGE = "git.account_webhooks.manage"
# The old secret signs beside the new one for so long.
OVERLAP = timedelta(hours=24)
# So many deliveries in a row given up, and the receiver is switched off with a notice.
DISABLE_AFTER = 10
MAX_HEADERS = 20
CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
_OWN_HEADERS = frozenset(
    {"content-type", "content-length", "host", "webhook-id", "webhook-timestamp",
     "webhook-signature", "x-powernode-signature", "transfer-encoding", "connection"}
)  # fmt: skip
CHANGEABLE = (
    "name", "url", "description", "is_active", "event_types", "branch_filter",
    "branch_filter_type", "content_type", "custom_headers", "timeout_seconds", "retry_limit",
    "retry_backoff",
)  # fmt: skip


@transaction.atomic(durable=True)
def create_account_webhook(actor: Actor, values: Mapping[str, Any]) -> AccountGitWebhookConfig:
    """Enter a receiver with fresh secrets.

    Raises:
        Invalid: an address, event, header or filter that cannot be used.
    """
    actor.require(MANAGE)
    config = AccountGitWebhookConfig(account_id=actor.account_id, created_by_id=actor.user_id)
    _seal(config, "secret_key", _new_secret())
    _seal(config, "signature_secret", "whsig_" + secrets.token_urlsafe(32))
    _apply(config, values)
    config.save(force_insert=True)
    audit.record(actor, "git.account_webhook.create", config)
    return config


@transaction.atomic(durable=True)
def update_account_webhook(
    actor: Actor, config: AccountGitWebhookConfig, changes: Mapping[str, Any]
) -> AccountGitWebhookConfig:
    """Change a receiver; switching it on again forgives its failures.

    Raises:
        Invalid: an address, event, header or filter that cannot be used.
    """
    actor.require(MANAGE)
    _apply(config, changes)
    if changes.get("is_active"):
        config.consecutive_failures, config.disabled_reason = 0, ""
    config.save()
    detail = {"fields": sorted(changes)}
    audit.record(actor, "git.account_webhook.update", config, detail=detail)
    return config


@transaction.atomic(durable=True)
def delete_account_webhook(actor: Actor, config: AccountGitWebhookConfig) -> None:
    """Remove a receiver; what is on its way is given up."""
    actor.require(MANAGE)
    audit.record(actor, "git.account_webhook.delete", config)
    deliveries.give_up(config.pk, "The receiver was removed.")
    config.delete()


@transaction.atomic(durable=True)
def regenerate_secret(actor: Actor, config: AccountGitWebhookConfig) -> str:
    """Give the receiver a new secret, shown this once; the old one signs beside it for a day."""
    actor.require(MANAGE)
    fresh = _new_secret()
    old = secret_key(config)
    config.encrypted_previous_secret = encrypt(
        old.encode(), binding=_binding(config, "previous_secret")
    )
    config.previous_secret_until = timezone.now() + OVERLAP
    _seal(config, "secret_key", fresh)
    config.save()
    audit.record(actor, "git.account_webhook.regenerate_secret", config)
    return fresh


@transaction.atomic(durable=True)
def send_test(actor: Actor, config: AccountGitWebhookConfig) -> WebhookDelivery:
    """Send a test event, whatever the receiver's filters say."""
    actor.require(MANAGE)
    payload = {
        "event_type": "test.webhook",
        "timestamp": timezone.now().isoformat(),
        "account_id": str(config.account_id),
        "webhook_config_id": str(config.pk),
        "message": "This is a test of the receiver's address and signature check.",
    }
    delivery = _enqueue(config, "test.webhook", payload, f"test:{config.pk.hex}:{uuid.uuid4()}")
    if delivery is None:
        raise Conflict("The test was sent already.")
    audit.record(actor, "git.account_webhook.test", config)
    return delivery


@transaction.atomic(durable=True)
def resend(
    actor: Actor, config: AccountGitWebhookConfig, delivery: WebhookDelivery
) -> WebhookDelivery:
    """Send a delivery again under its own id, so that the receiver can tell.

    It goes to the present address, signed with the present secrets.
    """
    actor.require(MANAGE)
    deliveries.send_again(delivery, _receiver(config))
    audit.record(actor, "git.account_webhook.resend", config)
    return delivery


def fan_out(
    event: GitWebhookEvent, audience: Audience, trigger: TriggerEvent, payload: Mapping[str, Any]
) -> int:
    """Write a delivery for every receiver that wants the event, in the caller's transaction."""
    if trigger.type == "ping":
        return 0
    count = 0
    mirror = audience.mirror(event)
    for config in audience.receivers(event.account_id):
        wanted = config.event_types
        if wanted and "*" not in wanted and trigger.type not in wanted:
            continue
        branch = trigger.branch or trigger.base_branch
        if not passes(config.branch_filter_type, config.branch_filter, branch):
            continue
        told = {**payload, "repository": mirror.full_name if mirror else ""}
        key = f"git:{config.pk.hex}:{event.pk.hex}:{event.version}:{trigger.key}"[:120]
        count += _enqueue(config, f"git.{trigger.type}", told, key) is not None
    return count


def note_delivery(message_id: str) -> None:
    """Count how a delivery ended; the tenth that is given up in a row switches its receiver off."""
    message = OutboxMessage.objects.filter(pk=message_id, handled_at=None).first()
    if message is not None:
        _note(message)


@transaction.atomic(durable=True)
def _note(message: OutboxMessage) -> None:
    if not outbox.mark_handled(message.pk):
        return
    facts = message.payload["delivery"]
    rows = AccountGitWebhookConfig.objects.filter(pk=facts["subscription_id"])
    now = timezone.now()
    if facts["status"] == "delivered":
        rows.update(
            success_count=F("success_count") + 1, consecutive_failures=0, last_delivery_at=now
        )
        return
    rows.update(
        failure_count=F("failure_count") + 1,
        consecutive_failures=F("consecutive_failures") + 1,
        last_delivery_at=now,
    )
    failing = rows.filter(is_active=True, consecutive_failures__gte=DISABLE_AFTER).first()
    if failing is not None:
        why = f"{failing.consecutive_failures} deliveries in a row failed: {facts['last_error']}"
        rows.update(is_active=False, disabled_reason=why[:500])
        told = {"id": str(failing.pk), "name": failing.name, "detail": why[:500]}
        outbox.record(
            failing.account_id, f"account_webhook.{failing.pk.hex}", failing.failure_count,
            "account_webhook_disabled", {"version": 1, "account_webhook": told},
        )  # fmt: skip
        if failing.created_by is not None:
            deliveries.enqueue_email(
                failing.account_id, failing.created_by.email, "account_webhook_disabled",
                subject=f"The receiver {failing.name} was switched off",
                text=f"{why}\n\nMend it and switch it on again under "
                f"{settings.SITE_URL}/webhooks/receivers/{failing.pk}.\n",
                key=f"disabled:{failing.pk.hex}:{failing.failure_count}",
            )  # fmt: skip


def secret_key(config: AccountGitWebhookConfig) -> str:
    """What the receiver checks deliveries with (Standard Webhooks)."""
    return _open(config, "secret_key")


def signature_secret(config: AccountGitWebhookConfig) -> str:
    """What the older `t=,v1=` header is made with."""
    return _open(config, "signature_secret")


def masked_secret(config: AccountGitWebhookConfig) -> str:
    """The secret's ends, to recognise it by."""
    secret = secret_key(config)
    return f"{secret[:8]}{'*' * 24}{secret[-8:]}"


def health_of(config: AccountGitWebhookConfig) -> tuple[float, str]:
    """The share of deliveries that arrived, in percent, and what it is called."""
    total = config.success_count + config.failure_count
    if not total:
        return 100.0, "unknown"
    rate = round(100 * config.success_count / total, 2)
    for least, word in ((95, "excellent"), (85, "good"), (70, "warning")):
        if rate >= least:
            return rate, word
    return rate, "critical"


def _enqueue(
    config: AccountGitWebhookConfig, name: str, payload: Mapping[str, Any], key: str
) -> WebhookDelivery | None:
    return deliveries.enqueue_webhook(config.account_id, _receiver(config), name, payload, key=key)


def _receiver(config: AccountGitWebhookConfig) -> deliveries.Receiver:
    now = timezone.now()
    signing = [secret_key(config)]
    if config.previous_secret_until and config.previous_secret_until > now:
        signing.append(_open(config, "previous_secret"))
    options = {
        "content_type": config.content_type,
        "headers": config.custom_headers,
        "timeout_seconds": config.timeout_seconds,
        "retry_limit": config.retry_limit,
        "retry_backoff": config.retry_backoff,
    }
    return deliveries.Receiver(
        config.url, tuple(signing), signature_secret(config), options, config.pk
    )


def _apply(config: AccountGitWebhookConfig, values: Mapping[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in values:
            setattr(config, name, values[name])
    # An address that stays may be unreachable just now: its receiver can be switched off.
    if "url" in values:
        _check_address(config.url)
    unknown = [each for each in config.event_types if each not in {*EVENT_TYPES, "*"}]
    if unknown:
        raise Invalid.field(
            "/event_types", f"Unknown event: {str(unknown[0])[:60]!r}.",
            remedy="GET /api/v1/git/account_webhooks/available_events lists all.",
        )  # fmt: skip
    if config.content_type not in CONTENT_TYPES:
        raise Invalid.field("/content_type", f"Choose one of {', '.join(CONTENT_TYPES)}.")
    _check_headers(config.custom_headers)
    check_filter(config.branch_filter_type, config.branch_filter)


def _check_address(url: str) -> None:
    try:
        check_url(url)
    except (AddressNotAllowed, HostNotFound) as error:
        raise Invalid.field("/url", str(error)) from error


def _check_headers(headers: Mapping[str, Any]) -> None:
    if len(headers) > MAX_HEADERS:
        raise Invalid.field("/custom_headers", f"At most {MAX_HEADERS} headers.")
    for name, value in headers.items():
        is_token = name and name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        if not is_token or name.lower() in _OWN_HEADERS:
            raise Invalid.field("/custom_headers", f"The header {name[:60]!r} cannot be set.")
        if not isinstance(value, str) or not value.isprintable() or len(value) > 1000:
            raise Invalid.field("/custom_headers", f"The value of {name} is not one line of text.")


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _seal(config: AccountGitWebhookConfig, field: str, value: str) -> None:
    setattr(config, f"encrypted_{field}", encrypt(value.encode(), binding=_binding(config, field)))


def _open(config: AccountGitWebhookConfig, field: str) -> str:
    return decrypt(getattr(config, f"encrypted_{field}"), binding=_binding(config, field)).decode()


def _binding(config: AccountGitWebhookConfig, field: str) -> Binding:
    table = "gitintegration_accountgitwebhookconfig"
    return Binding(table, str(config.account_id), str(config.pk), field)
