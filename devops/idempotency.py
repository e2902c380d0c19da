"""A POST with an `Idempotency-Key` takes effect at most once; its answer is kept for 24 hours."""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.models import IdempotencyKey
from devops.safety.encryption import Binding, decrypt, encrypt

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = timedelta(hours=24)
# A request that has not answered by then died with its process.
ABANDONED = timedelta(seconds=60)
KEY_MAX = 200


class KeyReused(Invalid):
    """The key was used for another request."""

    code = "idempotency-key-reused"
    status = 422
    title = "The idempotency key belongs to another request"
    remedy = "Use a fresh key for each request that means something new."


class InProgress(Conflict):
    """The first request with this key is still being worked on."""

    code = "idempotency-in-progress"
    title = "The same request is being worked on"
    remedy = "Wait a moment and send it again with the same key."


class OutcomeUnknown(Conflict):
    """The process that worked on the request died; nobody knows how far it came."""

    code = "idempotency-outcome-unknown"
    title = "Nobody knows what became of the request"
    remedy = "Look whether its effect is there; if not, send it again with a fresh key."


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to answer a request for the first time."""

    key_id: uuid.UUID
    account_id: uuid.UUID


def claim(actor: Actor, key: str, path: str, body: bytes) -> Claim | Answer:
    """Reserve a key, or return what was answered to the same request of the same caller.

    Raises:
        Invalid: the key is no short printable text.
        KeyReused: another request or another caller used it.
        InProgress: the first request has not ended.
        OutcomeUnknown: it never will.
    """
    if not (0 < len(key) <= KEY_MAX and key.isascii() and key.isprintable()):
        raise Invalid(
            f"`{HEADER}` is a printable ASCII text of at most {KEY_MAX} characters.",
            remedy="Use a UUID.",
        )
    digest = _digest(actor, path, body)
    row = IdempotencyKey(account_id=actor.account_id, key=key, path=path[:300], body_digest=digest)
    if _insert(row):
        return Claim(row.pk, actor.account_id)
    seen = IdempotencyKey.objects.filter(account_id=actor.account_id, key=key).first()
    if seen is None:
        raise InProgress("The same request has just ended with a refusal.")
    if seen.created_at < timezone.now() - KEPT:
        IdempotencyKey.objects.filter(pk=seen.pk).delete()
        return claim(actor, key, path, body)
    return _repeat(seen, digest)


def keep(held: Claim, status: int, body: bytes) -> None:
    """Keep the answer, encrypted: some answers show a secret that exists nowhere else in clear."""
    sealed = encrypt(body, binding=_binding(held.account_id, held.key_id))
    IdempotencyKey.objects.filter(pk=held.key_id).update(status_code=status, body=sealed)


def release(held: Claim) -> None:
    """Forget a request that was refused: nothing happened, so it may be sent again mended."""
    IdempotencyKey.objects.filter(pk=held.key_id, status_code=None).delete()


def _insert(row: IdempotencyKey) -> bool:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _repeat(seen: IdempotencyKey, digest: str) -> Answer:
    if seen.body_digest != digest:
        raise KeyReused(f"The key {seen.key!r} was used for another request.")
    if seen.status_code is None:
        if seen.created_at < timezone.now() - ABANDONED:
            raise OutcomeUnknown("The process that worked on this request has died.")
        raise InProgress("The first request with this key has not ended yet.")
    body = decrypt(str(seen.body), binding=_binding(seen.account_id, seen.pk))
    return Answer(seen.status_code, body)


def _digest(actor: Actor, path: str, body: bytes) -> str:
    # The caller is part of the request: nobody may fetch another's answer by guessing a key.
    who = str(actor.token_id or actor.user_id)
    return hashlib.sha256(orjson.dumps([who, path]) + b"\0" + body).hexdigest()


def _binding(account_id: uuid.UUID, pk: uuid.UUID) -> Binding:
    return Binding("devops_idempotencykey", str(account_id), str(pk), "body")
