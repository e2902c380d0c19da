"""Messages that commit with the change they tell, and who wants to hear of them."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from devops import nudge
from devops.models import OutboxMessage
from devops.taskref import TaskRef

_subscribers: dict[str, list[TaskRef]] = {}


def subscribe(name: str, task: TaskRef) -> None:
    """Have a task called with `message_id` for each message of that name, at least once.

    The task's operation ends with `mark_handled`; until then the message is sent again.
    """
    tasks = _subscribers.setdefault(name, [])
    if task not in tasks:
        tasks.append(task)


def subscribers(name: str) -> list[TaskRef]:
    """The tasks that want messages of that name."""
    return _subscribers.get(name, [])


def record(
    account_id: uuid.UUID, topic: str, seq: int, name: str, payload: Mapping[str, Any]
) -> OutboxMessage:
    """Write a message into the present transaction and poke the relay when it commits.

    Raises:
        TransactionManagementError: outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("record() needs atomic()")
    message = OutboxMessage.objects.create(
        account_id=account_id, topic=topic, seq=seq, name=name, payload=dict(payload)
    )
    transaction.on_commit(nudge.poke_relay)
    return message


def record_all(messages: Iterable[tuple[uuid.UUID, str, int, str, Mapping[str, Any]]]) -> None:
    """Write several messages at once: account, topic, seq, name and payload of each.

    Raises:
        TransactionManagementError: outside a transaction.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("record_all() needs atomic()")
    OutboxMessage.objects.bulk_create(
        OutboxMessage(account_id=account, topic=topic, seq=seq, name=name, payload=dict(payload))
        for account, topic, seq, name, payload in messages
    )
    transaction.on_commit(nudge.poke_relay)


def mark_handled(message_id: uuid.UUID | str) -> bool:
    """Say, in the effect's own transaction, that the message had it; false if it had."""
    return bool(
        OutboxMessage.objects.filter(pk=message_id, handled_at=None).update(
            handled_at=timezone.now()
        )
    )


def account_group(account_id: uuid.UUID) -> str:
    """The socket group of everything in an account."""
    return f"account.{account_id.hex}"
