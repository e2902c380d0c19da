"""What a run tells its listeners: into the stream, by mail, to receivers and chat rooms."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from devops import deliveries, outbox
from devops.choices import Role
from devops.deliveries import Receiver
from devops.models import Membership, OutboxMessage, WebhookDelivery
from pipelines.choices import RunStatus
from pipelines.documents.mapping import written_recipients
from pipelines.models import PipelineRun
from pipelines.states import decimal_seconds

# Which runs each setting of `notifications` tells of.
_TELLS: Mapping[str, frozenset[str]] = {
    "on_failure": frozenset({RunStatus.FAILURE}),
    "on_completion": frozenset({RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELLED}),
}
_WORDS: Mapping[str, str] = {
    RunStatus.SUCCESS: "succeeded",
    RunStatus.FAILURE: "failed",
    RunStatus.CANCELLED: "was cancelled",
}


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say; `key` keeps it from being said twice."""

    account_id: uuid.UUID
    key: str
    title: str
    message: str
    url: str
    sender_id: uuid.UUID


@transaction.atomic(durable=True)
def record_notification(
    account_id: uuid.UUID, key: uuid.UUID, *, title: str, message: str, url: str
) -> bool:
    """Tell the account's listeners once per key; false when they were told already."""
    topic = f"notification.{key.hex}"
    if OutboxMessage.objects.filter(topic=topic).exists():
        return False
    payload = {"version": 1, "title": title, "message": message, "url": url}
    outbox.record(account_id, topic, 1, "notification", payload)
    return True


@transaction.atomic(durable=True)
def mail_note(note: Note, recipients: Sequence[str]) -> list[str]:
    """Mail it to everybody named, once; returns the addresses."""
    addresses = addresses_of(note.account_id, recipients)
    for address in addresses:
        _mail(note, address)
    return addresses


@transaction.atomic(durable=True)
def post_note(note: Note, receiver: Receiver, payload: Mapping[str, Any]) -> None:
    """Post it to a receiver, once."""
    key = f"{note.key}:post"[:120]
    deliveries.enqueue_webhook(note.account_id, receiver, "notification", payload, key=key)


def deliveries_of(sender_id: uuid.UUID) -> list[WebhookDelivery]:
    """What became of a note's deliveries."""
    return list(WebhookDelivery.objects.filter(subscription_id=sender_id).order_by("id"))


def notify_run(run: PipelineRun) -> None:
    """Mail the final status to whoever the pipeline names, once each, in the caller's transaction.

    A setting holds recipients, or `true` for those of the pipeline; one that is missing counts as
    `true`.
    """
    wanted = run.snapshot.get("notification_settings") or {}
    own = written_recipients(run.pipeline.notification_recipients)
    named: list[str] = []
    for setting, statuses in _TELLS.items():
        if run.status in statuses:
            chosen = wanted.get(setting, True)
            named += chosen if isinstance(chosen, list) else own if chosen is True else []
    if not named:
        return
    note = _verdict(run)
    for address in addresses_of(run.account_id, named):
        _mail(note, address)


def _verdict(run: PipelineRun) -> Note:
    name = str(run.snapshot.get("name") or run.pipeline.name)
    seconds = decimal_seconds(run.duration_ms)
    rows = [
        ("Trigger", run.get_trigger_type_display()),
        ("Branch", run.branch),
        ("Commit", run.commit_sha[:12]),
        ("Title", run.title),
        ("Took", f"{seconds:.1f} s" if seconds is not None else ""),
        ("Why", run.error_message[:500]),
    ]
    facts = "\n".join(f"  {label}: {value}" for label, value in rows if value)
    title = f"{name} #{run.run_number} {_WORDS[run.status]}"
    key = f"run:{run.pk.hex}:end"
    return Note(run.account_id, key, title, facts, f"{settings.SITE_URL}{run.url}", run.pk)


def addresses_of(account_id: uuid.UUID, written: Iterable[str]) -> list[str]:
    """The addresses behind `mail@…`, `user:<id>` and `role:<role>`, each once.

    Whoever is no member any more is left out; a role includes those above it.
    """
    words = [str(word).strip() for word in written]
    members: list[Membership] = []
    if any(":" in word for word in words):
        rows = Membership.objects.filter(account_id=account_id, user__is_active=True)
        members = list(rows.select_related("user").order_by("id"))
    found: dict[str, str] = {}
    for word in words:
        for address in _addresses(word, members):
            found.setdefault(address.lower(), address)
    return list(found.values())


def _addresses(word: str, members: list[Membership]) -> list[str]:
    kind, colon, rest = word.partition(":")
    if colon and kind == "user":
        return [row.user.email for row in members if str(row.user_id) == rest.lower()]
    if colon and kind == "role":
        order = list(Role)
        wanted = order[: order.index(Role(rest)) + 1] if rest in Role.values else []
        return [row.user.email for row in members if row.role in wanted]
    return [word] if "@" in word else []


def _mail(note: Note, address: str) -> None:
    text = f"{note.message}\n\n{note.url}\n"
    mail = deliveries.Mail(note.title, text, sender_id=note.sender_id)
    key = f"{note.key}:{uuid.uuid5(note.sender_id, address.lower()).hex}"[:120]
    deliveries.enqueue_mail(note.account_id, address, "notification", mail, key=key)
