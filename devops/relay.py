"""Publishes committed messages: numbers them, wakes subscribers, hints the sockets."""

import logging
import uuid
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from devops import audit_chain, nudge, outbox
from devops.models import Account, OutboxMessage
from devops.sqlforms import db_moment, db_uuid

logger = logging.getLogger(__name__)

BATCH = 500
# A quick run commits every few milliseconds: what comes within this goes out together, so that
# the relay does not take the steps their processor. The first message after a silence never waits.
PAUSE_SECONDS = 0.02
# A subscriber that has not finished by then is woken again.
HANDLE_AGAIN_AFTER = timedelta(seconds=15)
ATTEMPTS_MAX = 20
_ADVISORY_LOCK = 0x506F7765  # "Powe": one relay at a time on PostgreSQL


def publish_pending() -> int:
    """Publish everything that waits; returns how many messages that were.

    Subscribers are woken after the rows are marked: a crash in between leaves rows without
    `handled_at`, which `wake_unhandled` finds.
    """
    total = 0
    while True:
        if not _unpublished().exists():
            return total
        published = _publish_batch()
        total += len(published)
        for message in published:
            for task in outbox.subscribers(message.name):
                task.send_now(message_id=str(message.pk))
        _hint(published)
        if len(published) < BATCH:
            return total


def _unpublished() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(published_at=None, parked_reason="").order_by("id")


@transaction.atomic(durable=True)
def _publish_batch() -> list[OutboxMessage]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            if not cursor.fetchone()[0]:
                return []
    messages = list(_unpublished()[:BATCH])
    now = timezone.now()
    seqs = _next_numbers(messages)
    rows = []
    for message in messages:
        message.stream_seq = seqs[message.account_id]
        seqs[message.account_id] += 1
        moment = db_moment(now)
        handled = None if outbox.subscribers(message.name) else moment
        rows.append((moment, handled, message.stream_seq, db_uuid(message.pk)))
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE devops_outboxmessage SET published_at=%s, handled_at=COALESCE(handled_at, %s),"
            " stream_seq=%s WHERE id=%s",
            rows,
        )
    return messages


def _next_numbers(messages: list[OutboxMessage]) -> dict[uuid.UUID, int]:
    """The first free stream number of each account, reserved for the batch's messages."""
    counts: dict[uuid.UUID, int] = {}
    for message in messages:
        counts[message.account_id] = counts.get(message.account_id, 0) + 1
    first: dict[uuid.UUID, int] = {}
    for account_id, count in counts.items():
        Account.objects.filter(pk=account_id).update(stream_seq=F("stream_seq") + count)
        last = Account.objects.values_list("stream_seq", flat=True).get(pk=account_id)
        first[account_id] = last - count + 1
    return first


def _hint(messages: list[OutboxMessage]) -> None:
    last = {message.account_id: message.stream_seq for message in messages}
    for account_id, seq in last.items():
        nudge.send(outbox.account_group(account_id), {"type": "stream.nudge", "seq": seq})
    topics = {message.topic: message.seq for message in messages}
    for topic, seq in topics.items():
        nudge.send(topic, {"type": "topic.nudge", "seq": seq})


def wake_unhandled() -> int:
    """Wake again the subscribers of messages whose effect is overdue; park the hopeless ones."""
    due = OutboxMessage.objects.filter(
        handled_at=None, parked_reason="", published_at__lt=timezone.now() - HANDLE_AGAIN_AFTER
    ).order_by("published_at")[:BATCH]
    woken = 0
    for message in due:
        if message.attempts >= ATTEMPTS_MAX:
            OutboxMessage.objects.filter(pk=message.pk).update(
                parked_reason=f"no effect after {ATTEMPTS_MAX} wake-ups"
            )
            logger.error("outbox message %s parked: %s", message.pk, message)
            continue
        OutboxMessage.objects.filter(pk=message.pk).update(
            attempts=F("attempts") + 1, published_at=timezone.now()
        )
        for task in outbox.subscribers(message.name):
            task.send_now(message_id=str(message.pk))
        woken += 1
    return woken


def relay() -> None:
    """What the relay's thread does when it is poked."""
    publish_pending()
    if audit_chain.has_pending():
        audit_chain.chain_pending()
