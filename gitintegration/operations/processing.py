"""A stored delivery is understood, and what happened is told to everyone who wants to hear it."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devops import outbox
from devops.access import Actor, get_visible
from devops.errors import Conflict
from gitintegration.choices import MAX_PROCESSING_ATTEMPTS, WebhookEventStatus
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)
from gitintegration.clients.pushed import pushed_commits
from gitintegration.clients.registry import dialect_module
from gitintegration.jobs import PROCESS_DELIVERY
from gitintegration.models import GitRepository, GitWebhookEvent
from gitintegration.operations.account_webhooks import fan_out
from gitintegration.operations.audience import Audience
from gitintegration.operations.branch_filters import passes
from gitintegration.operations.ci import take_event
from gitintegration.operations.mirrors import note_names
from gitintegration.operations.trust import judge, needs_host
from gitintegration.operations.workflow_triggers import fire_triggers
from gitintegration.states import webhook_event_states

logger = logging.getLogger(__name__)

# So many deliveries are told in one transaction: few enough to hold SQLite's one lock briefly.
BATCH = 10
# What is older than this and was never tried is the sweeper's.
_FRESH = timedelta(seconds=60)
# Events that pipelines may have as triggers.
_STARTING = frozenset({"push", "pull_request", "issue", "issue_comment", "release"})
# A task that took a delivery and died is replaced after this.
_PROCESSING_LIMIT = timedelta(seconds=60)


def process_waiting() -> list[str]:
    """Understand what was stored within the last minute and never tried, in batches.

    What needs nobody's word is told; returns the deliveries that are claimed for `judge_claimed`.
    Whatever fails here is left to the sweeper, which counts.
    """
    claimed: list[str] = []
    while True:
        read = [each for each in map(_read, _fresh()) if each is not None]
        if not read:
            return claimed
        claimed += _tell_batch(read)
        if len(read) < BATCH:
            return claimed


def process_delivery(event_id: str) -> None:
    """Turn a stored delivery into the events that other apps subscribe to; once.

    A push is understood and told in one transaction. What needs the host's word (who may be
    trusted, where a pull request stands now) is claimed first, asked for, then told.
    """
    if not tell_at_once(event_id):
        judge_claimed(event_id)


def tell_at_once(event_id: str) -> bool:
    """Whether the delivery needed nobody's word and is done; else it is claimed."""
    event = GitWebhookEvent.objects.filter(pk=event_id, status=WebhookEventStatus.PENDING).first()
    return event is None or not _tell_batch([_understood(event)])


def judge_claimed(event_id: str) -> None:
    """Ask the host about a claimed delivery, then tell of it."""
    event = GitWebhookEvent.objects.filter(
        pk=event_id, status=WebhookEventStatus.PROCESSING
    ).first()
    if event is None:
        return
    mirror = _mirror_of(event)
    told = [judge(each, mirror) for each in _understand(event)]
    _tell_claimed(event, told)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A stored delivery and what it says, or the status and words with which it ends."""

    event: GitWebhookEvent
    found: Sequence[TriggerEvent] = ()
    status: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


def _fresh() -> list[GitWebhookEvent]:
    rows = GitWebhookEvent.objects.filter(
        status=WebhookEventStatus.PENDING, attempts=0, next_attempt_at__isnull=False,
        created_at__gt=timezone.now() - _FRESH,
    )  # fmt: skip
    return list(rows.order_by("id")[:BATCH])


def _read(event: GitWebhookEvent) -> _Delivery | None:
    """What the delivery says; None when that cannot be found out, which the sweeper counts."""
    try:
        return _understood(event)
    except Exception:
        logger.exception("delivery %s could not be understood", event.pk)
        GitWebhookEvent.objects.filter(pk=event.pk).update(attempts=F("attempts") + 1)
        return None


def _understood(event: GitWebhookEvent) -> _Delivery:
    try:
        return _Delivery(event, _understand(event))
    except IgnoredDeliveryError as why:
        return _Delivery(event, (), WebhookEventStatus.IGNORED, {"result": str(why)[:500]})
    except UnreadableDeliveryError as error:
        words = {"error_message": str(error)[:1000]}
        return _Delivery(event, (), WebhookEventStatus.FAILED, words)


@transaction.atomic(durable=True)
def _tell_batch(read: Sequence[_Delivery]) -> list[str]:
    """End what can be ended at once; claims the others and returns their identifiers."""
    keys = [each.event.pk for each in read]
    # Another worker may have some of them by now: each is told by whoever locks it.
    rows = GitWebhookEvent.objects.select_for_update(skip_locked=True)
    mine = set(
        rows.filter(pk__in=keys, status=WebhookEventStatus.PENDING).values_list("pk", flat=True)
    )
    own = [each for each in read if each.event.pk in mine]
    shas = [trigger.sha for each in own for trigger in each.found if trigger.type == "push"]
    audience = Audience.of((each.event for each in own), shas)
    claimed = []
    for each in own:
        if each.status:
            _end(each.event, each.status, **each.words)
            continue
        mirror = audience.mirror(each.event)
        if any(needs_host(trigger, mirror) for trigger in each.found):
            webhook_event_states.transition(
                each.event, WebhookEventStatus.PROCESSING,
                next_attempt_at=timezone.now() + _PROCESSING_LIMIT,
            )  # fmt: skip
            claimed.append(str(each.event.pk))
        else:
            _tell(each.event, audience, [judge(trigger, mirror) for trigger in each.found])
    return claimed


@transaction.atomic(durable=True)
def _tell_claimed(event: GitWebhookEvent, told: Sequence[tuple[TriggerEvent, str]]) -> None:
    mine = _lock(str(event.pk), WebhookEventStatus.PROCESSING)
    if mine is not None:
        audience = Audience.of([mine], [trigger.sha for trigger, _ in told])
        _tell(mine, audience, told)


def _lock(event_id: str, status: str) -> GitWebhookEvent | None:
    rows = GitWebhookEvent.objects.select_for_update().filter(pk=event_id, status=status)
    return rows.first()


def _understand(event: GitWebhookEvent) -> list[TriggerEvent]:
    module = dialect_module(event.dialect)
    several = getattr(module, "to_events", None)
    if several is not None:
        return list(several(event.event_type, event.payload))
    return [module.to_event(event.event_type, event.payload)]


def read_delivery(
    actor: Actor, event_id: uuid.UUID
) -> list[tuple[dict[str, Any], uuid.UUID | None]]:
    """What a stored delivery tells, each with the repository it is about; nothing is told anew.

    Raises:
        NotFound: the account has no such delivery.
        Conflict: it means nothing to us, or cannot be read.
    """
    event = get_visible(actor, GitWebhookEvent, "git.webhooks.read", event_id)
    try:
        found = _understand(event)
    except (IgnoredDeliveryError, UnreadableDeliveryError) as error:
        raise Conflict(f"The delivery starts nothing: {error}") from error
    nobody = uuid.UUID(int=0)
    return [
        (trigger.payload(event.repository_id or nobody, event.pk), event.repository_id)
        for trigger in found
    ]


def _mirror_of(event: GitWebhookEvent) -> GitRepository | None:
    if event.repository_id is None:
        return None
    rows = GitRepository.objects.select_related("credential__provider")
    return rows.filter(repository_id=event.repository_id).first()


def _tell(
    event: GitWebhookEvent, audience: Audience, found: Sequence[tuple[TriggerEvent, str]]
) -> None:
    """Record what happened where everybody hears of it, and end the delivery."""
    if event.repository_id is None:
        _end(event, WebhookEventStatus.IGNORED, result="Its repository is gone.")
        return
    words: list[str] = []
    for number, (trigger, why) in enumerate(found):
        words.append(_tell_one(event, audience, trigger, why, number))
    _note_further_pushes(event, [trigger for trigger, _ in found[1:]])
    first = found[0][0]
    facts: dict[str, Any] = {
        "sender": first.actor[:200], "sender_id": first.actor_id[:255],
        "action": first.action[:50], "ref": (first.ref or first.branch)[:300],
        "sha": first.sha[:64], "before": first.before[:64],
    }  # fmt: skip
    if first.type == "push" and event.original_id is None:
        facts["commits"] = pushed_commits(event.payload)
    _end(event, WebhookEventStatus.PROCESSED, result=" ".join(words)[:500], **facts)


def _note_further_pushes(event: GitWebhookEvent, further: Sequence[TriggerEvent]) -> None:
    """A delivery may tell of several branches: the reconciler must find each of them."""
    now = timezone.now()
    GitWebhookEvent.objects.bulk_create(
        [
            GitWebhookEvent(
                account_id=event.account_id, endpoint_id=event.endpoint_id, original=event,
                repository_id=event.repository_id, git_provider_id=event.git_provider_id,
                dialect=event.dialect, event_type=trigger.type,
                delivery_id=f"{event.pk}#{number}", body_digest=f"{event.pk}#{number}",
                ref=trigger.ref[:300], sha=trigger.sha[:64], before=trigger.before[:64],
                sender=trigger.actor[:200], status=WebhookEventStatus.PROCESSED,
                processed_at=now, result="Told of by the delivery that it came with.",
            )
            for number, trigger in enumerate(further, start=2)
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def _tell_one(
    event: GitWebhookEvent, audience: Audience, trigger: TriggerEvent, why: str, number: int
) -> str:
    """One event of a delivery; returns the sentence about it."""
    mirror = audience.mirror(event)
    if trigger.action == "outdated":
        return "Outdated: the pull request was closed before this was read."
    if mirror is not None:
        note_names(mirror, trigger)
        branch = trigger.branch or trigger.base_branch
        if trigger.type != "ping" and not passes(
            mirror.branch_filter_type, mirror.branch_filter, branch
        ):
            pattern = f"{mirror.branch_filter_type} {mirror.branch_filter!r}"
            return f"Filtered: the branch {branch} does not pass {pattern}."
        if trigger.ci is not None:
            take_event(mirror, trigger)
    is_superseded = False
    if trigger.type == "push":
        is_superseded = audience.is_superseded(event, trigger.ref, trigger.sha)
        audience.note_push(event, trigger.ref, trigger.before)
    payload = {
        **trigger.payload(event.repository_id, event.pk),  # type: ignore[arg-type]
        "is_superseded": is_superseded,
        "trust_reason": why[:300],
        "provider": event.dialect,
        "delivery_id": event.delivery_id,
    }
    seq = event.version * 100 + number
    topic = f"git_event.{event.pk.hex}"
    outbox.record(event.account_id, topic, seq, f"git.{trigger.type}", payload)
    fan_out(event, audience, trigger, payload)
    fire_triggers(event, audience, trigger, payload)
    return "Understood; looking for pipelines." if trigger.type in _STARTING else "Understood."


def _end(event: GitWebhookEvent, status: str, **changes: Any) -> None:
    webhook_event_states.transition(
        event, status, attempts=F("attempts") + 1, processed_at=timezone.now(), **changes
    )


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
