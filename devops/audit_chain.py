"""Links each account's audit events, so that a change, a gap or a cut end can be shown.

The relay chains events in publication order: each hash covers the one before it and everything
that its event says. The newest link is anchored in a file from time to time; a database that was
cut back to before an anchor is then found out as well.
"""

import hmac
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from devops.models import Account, AuditEvent
from devops.sqlforms import db_uuid

BATCH = 500
_ADVISORY_LOCK = 0x41756469  # "Audi": one chain builder at a time on PostgreSQL
_COVERED = (
    "actor_kind", "actor_id", "actor_label", "action", "target_type", "target_id", "target_label",
    "outcome", "detail", "ip_address", "user_agent",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong in an account's chain; `sequence` is where."""

    account: Account
    sequence: int
    problem: str


@transaction.atomic(durable=True)
def chain_pending() -> int:
    """Link the events that are not linked yet; returns how many that were."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            if not cursor.fetchone()[0]:
                return 0
    pending = list(AuditEvent.objects.filter(chain_seq=None).order_by("id")[:BATCH])
    heads: dict[uuid.UUID, tuple[int, str]] = {}
    rows = []
    for event in pending:
        sequence, previous = heads.get(event.account_id) or head_of(event.account_id)
        sequence += 1
        link = link_of(previous, sequence, event)
        heads[event.account_id] = (sequence, link)
        rows.append((sequence, link, db_uuid(event.pk)))
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE devops_auditevent SET chain_seq=%s, chain_hash=%s"
            " WHERE id=%s AND chain_seq IS NULL",
            rows,
        )
    return len(pending)


def has_pending() -> bool:
    """Whether an event waits to be linked; a read, so that an idle relay writes nothing."""
    return AuditEvent.objects.filter(chain_seq=None).exists()


def head_of(account_id: uuid.UUID) -> tuple[int, str]:
    """The number and hash of an account's newest link; (0, "") before the first."""
    newest = AuditEvent.objects.filter(account_id=account_id).exclude(chain_seq=None)
    found = newest.order_by("-chain_seq").values_list("chain_seq", "chain_hash").first()
    return (int(found[0] or 0), found[1]) if found else (0, "")


def link_of(previous: str, sequence: int, event: AuditEvent) -> str:
    """The hash of a link: a MAC over the one before it and all that the event says."""
    said = {name: getattr(event, name) for name in _COVERED}
    content: list[Any] = [
        previous, sequence, str(event.account_id), str(event.pk), event.at.isoformat(), said,
    ]  # fmt: skip
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(_key(), text.encode(), sha256).hexdigest()


def verify_account(account: Account) -> Finding | None:
    """The first broken link of an account, or None."""
    previous, expected = "", 1
    anchors = dict(_anchors(account.pk))
    events = AuditEvent.objects.filter(account=account).exclude(chain_seq=None)
    for event in events.order_by("chain_seq").iterator(chunk_size=2000):
        sequence = event.chain_seq or 0
        if sequence != expected:
            return Finding(account, expected, f"event {expected} is missing")
        if not hmac.compare_digest(link_of(previous, sequence, event), event.chain_hash):
            return Finding(account, sequence, "the event or the one before it was changed")
        if anchors.pop(sequence, event.chain_hash) != event.chain_hash:
            return Finding(account, sequence, "the event is another one than was anchored")
        previous, expected = event.chain_hash, sequence + 1
    beyond = [sequence for sequence in anchors if sequence >= expected]
    if beyond:
        return Finding(
            account, expected, f"the end was cut off: {max(beyond)} events were anchored"
        )
    return None


def anchor_heads() -> int:
    """Write each account's newest link to its file, unless it stands there; returns how many."""
    written = 0
    for account_id in Account.objects.values_list("pk", flat=True):
        sequence, link = head_of(account_id)
        if not sequence or (sequence, link) in set(_anchors(account_id)):
            continue
        path = _anchor_file(account_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{sequence} {link}\n")
        written += 1
    return written


def _anchors(account_id: uuid.UUID) -> Iterator[tuple[int, str]]:
    path = _anchor_file(account_id)
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        sequence, _, link = line.partition(" ")
        if sequence.isdigit() and link:
            yield int(sequence), link


def _anchor_file(account_id: uuid.UUID) -> Path:
    return Path(settings.POWERNODE_VAR) / "audit" / f"{account_id.hex}.heads"


def _key() -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), b"powernode audit chain", sha256).digest()
