"""A stored delivery is understood, and what happened is told to everyone who wants to hear it."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devops import outbox
from gitintegration.choices import MAX_PROCESSING_ATTEMPTS, WebhookEventStatus
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)
from gitintegration.clients.registry import dialect_module
from gitintegration.jobs import PROCESS_DELIVERY
from gitintegration.models import GitRepository, GitWebhookEvent
from gitintegration.operations.account_webhooks import fan_out
from gitintegration.operations.branch_filters import passes
from gitintegration.operations.ci import take_event
from gitintegration.operations.mirrors import note_names
from gitintegration.operations.trust import judge, needs_host
from gitintegration.operations.workflow_triggers import fire_triggers
from gitintegration.states import webhook_event_states

# Events that pipelines may have as triggers.
_STARTING = frozenset({"push", "pull_request", "issue", "issue_comment", "release"})
# A task that took a delivery and died is replaced after this.
_PROCESSING_LIMIT = timedelta(seconds=60)


def process_delivery(event_id: str) -> None:
    """Turn a stored delivery into the events that other apps subscribe to; once.

    A push is understood and told in one transaction. What needs the host's word (who may be
    trusted, where a pull request stands now) is claimed first, asked for, then told.
    """
    if tell_at_once(event_id):
        return
    event = _claim(event_id)
    if event is None:
        return
    mirror = _mirror_of(event)
    told = [judge(each, mirror) for each in _understand(event)]
    _tell_claimed(event, told)


@transaction.atomic(durable=True)
def tell_at_once(event_id: str) -> bool:
    """Whether the delivery needed nobody's word and is done."""
    event = _lock(event_id, WebhookEventStatus.PENDING)
    if event is None:
        return True
    try:
        found = _understand(event)
    except IgnoredDeliveryError as why:
        _end(event, WebhookEventStatus.IGNORED, result=str(why)[:500])
        return True
    except UnreadableDeliveryError as error:
        _end(event, WebhookEventStatus.FAILED, error_message=str(error)[:1000])
        return True
    mirror = _mirror_of(event)
    if any(needs_host(each, mirror) for each in found):
        return False
    _tell(event, mirror, [judge(each, mirror) for each in found])
    return True


@transaction.atomic(durable=True)
def _claim(event_id: str) -> GitWebhookEvent | None:
    event = _lock(event_id, WebhookEventStatus.PENDING)
    if event is not None:
        webhook_event_states.transition(
            event, WebhookEventStatus.PROCESSING,
            next_attempt_at=timezone.now() + _PROCESSING_LIMIT,
        )  # fmt: skip
    return event


@transaction.atomic(durable=True)
def _tell_claimed(event: GitWebhookEvent, told: Sequence[tuple[TriggerEvent, str]]) -> None:
    mine = _lock(str(event.pk), WebhookEventStatus.PROCESSING)
    if mine is not None:
        _tell(mine, _mirror_of(mine), told)


def _lock(event_id: str, status: str) -> GitWebhookEvent | None:
    rows = GitWebhookEvent.objects.select_for_update().filter(pk=event_id, status=status)
    return rows.first()


def _understand(event: GitWebhookEvent) -> list[TriggerEvent]:
    module = dialect_module(event.dialect)
    several = getattr(module, "to_events", None)
    if several is not None:
        return list(several(event.event_type, event.payload))
    return [module.to_event(event.event_type, event.payload)]


def _mirror_of(event: GitWebhookEvent) -> GitRepository | None:
    if event.repository_id is None:
        return None
    rows = GitRepository.objects.select_related("credential__provider")
    return rows.filter(repository_id=event.repository_id).first()


def _tell(
    event: GitWebhookEvent,
    mirror: GitRepository | None,
    found: Sequence[tuple[TriggerEvent, str]],
) -> None:
    """Record what happened where everybody hears of it, and end the delivery."""
    if event.repository_id is None:
        _end(event, WebhookEventStatus.IGNORED, result="Its repository is gone.")
        return
    words: list[str] = []
    for number, (trigger, why) in enumerate(found):
        words.append(_tell_one(event, mirror, trigger, why, number))
    _note_further_pushes(event, [trigger for trigger, _ in found[1:]])
    first = found[0][0]
    facts: dict[str, Any] = {
        "sender": first.actor[:200], "sender_id": first.actor_id[:255],
        "action": first.action[:50], "ref": (first.ref or first.branch)[:300],
        "sha": first.sha[:64], "before": first.before[:64],
    }  # fmt: skip
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
    event: GitWebhookEvent,
    mirror: GitRepository | None,
    trigger: TriggerEvent,
    why: str,
    number: int,
) -> str:
    """One event of a delivery; returns the sentence about it."""
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
    is_superseded = trigger.type == "push" and _is_superseded(event, trigger)
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
    fan_out(event, mirror, trigger, payload)
    fire_triggers(event, mirror, trigger, payload)
    return "Understood; looking for pipelines." if trigger.type in _STARTING else "Understood."


def _is_superseded(event: GitWebhookEvent, trigger: TriggerEvent) -> bool:
    """Whether a push that replaced what this one pushed was read already: this one came late."""
    if event.repository is None:
        return False
    later = GitWebhookEvent.objects.filter(
        repository=event.repository, ref=trigger.ref, before=trigger.sha,
        status=WebhookEventStatus.PROCESSED,
    )  # fmt: skip
    return bool(trigger.sha) and later.exclude(pk=event.pk).exists()


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
