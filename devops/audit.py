"""The trail of who did what: one row for each mutation and each refusal, never for a read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone

from devops.access import Actor
from devops.ids import first_uuid7
from devops.models import AuditEvent


def record(
    actor: Actor,
    action: str,
    target: Model | None = None,
    *,
    detail: Mapping[str, Any] | None = None,
    outcome: str = "done",
) -> AuditEvent:
    """Write one event into the present transaction; `detail` never holds secret values."""
    return AuditEvent.objects.create(
        account_id=actor.account_id,
        actor_kind=actor.kind,
        actor_id=str(actor.token_id or actor.user_id or ""),
        actor_label=actor.label[:200],
        action=action,
        target_type=target._meta.model_name or "" if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        target_label=str(target)[:250] if target is not None else "",
        outcome=outcome,
        detail=dict(detail or {}),
        ip_address=actor.ip_address,
        user_agent=actor.user_agent,
    )


def last_change(actor: Actor, target: Model) -> AuditEvent | None:
    """The newest change of an object of the actor's account, of the last day."""
    since = first_uuid7(timezone.now() - timedelta(days=1))
    events = AuditEvent.objects.filter(
        account_id=actor.account_id, id__gte=since, outcome="done",
        target_type=target._meta.model_name or "", target_id=str(target.pk),
    )  # fmt: skip
    return events.order_by("-id").first()
