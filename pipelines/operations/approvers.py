"""Whom a gate asks, and who may answer it."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from devops.access import Actor
from devops.choices import ROLE_PERMISSIONS, Role
from devops.errors import PermissionDenied
from devops.models import Membership, User
from pipelines.choices import GateKind, TokenStatus
from pipelines.documents.mapping import written_recipients
from pipelines.models import ApprovalGate, PipelineRun, StepApprovalToken

RESPOND = "devops.approvals.respond"
# A role includes those below it.
_FROM_ROLE = {
    role: [each.value for each in list(Role)[: index + 1]] for index, role in enumerate(Role)
}
MAY_RESPOND = [role for role, held in ROLE_PERMISSIONS.items() if RESPOND in held]


class NotApprover(PermissionDenied):
    """The gate asks other people, and this one was not asked."""

    code = "not-an-approver"
    title = "Somebody else is asked"
    remedy = "Ask one of the approvers, or have one delegate the answer."


class SelfApproval(PermissionDenied):
    """Whoever started a run, or wrote its commit, does not approve it as well."""

    code = "self-approval"
    title = "Self-approval is disabled"
    remedy = "Ask somebody else, or set `allow_self_approval` in the step's approval."


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that is asked, and the member it belongs to, if any."""

    email: str
    user_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Responder:
    """Who answers: a member, or whoever holds the link of a mail."""

    email: str
    label: str
    via: str
    user_id: uuid.UUID | None = None

    @property
    def voter(self) -> str:
        """What one person is known by, however they answer."""
        return str(self.user_id) if self.user_id else self.email.lower()


def members_who_may(account_id: uuid.UUID) -> QuerySet[Membership]:
    """The members whose role lets them answer gates."""
    return Membership.objects.filter(
        account_id=account_id, role__in=MAY_RESPOND, user__is_active=True
    ).select_related("user")


def resolve_recipients(account_id: uuid.UUID, written: Sequence[str]) -> list[Recipient]:
    """The addresses behind `mail@…`, `user:<id>` and `role:<role>`, each once.

    Whoever is no member any more, or may not answer, is left out; an address of nobody we know
    is asked by its link.
    """
    members = {row.user_id: row for row in members_who_may(account_id)}
    everyone = Membership.objects.filter(account_id=account_id).select_related("user")
    known = {row.user.email.lower(): row for row in everyone}
    found: dict[str, Recipient] = {}
    for word in written:
        for recipient in _resolve(word, members, known):
            found.setdefault(recipient.email.lower(), recipient)
    return list(found.values())


def _resolve(
    word: str, members: Mapping[uuid.UUID, Membership], known: Mapping[str, Membership]
) -> Iterable[Recipient]:
    kind, colon, rest = word.partition(":")
    if colon and kind == "role":
        wanted = _FROM_ROLE.get(Role(rest), []) if rest in Role.values else []
        return [_of(row) for row in members.values() if row.role in wanted]
    if colon and kind == "user":
        return [_of(row) for key, row in members.items() if str(key) == rest.lower()]
    row = known.get(word.lower())
    if row is None:
        return [Recipient(word)]
    return [_of(row)] if row.user_id in members else []


def _of(row: Membership) -> Recipient:
    return Recipient(row.user.email, row.user_id)


def recipients_of(settings: Mapping[str, Any], run: PipelineRun) -> list[str]:
    """What the step's approval names, else the people whom the pipeline notifies."""
    told = (run.snapshot.get("notification_settings") or {}).get("on_approval_required", True)
    named = settings.get("recipients") or (told if isinstance(told, list) else [])
    if named:
        return [str(word) for word in named]
    if told is False:
        return []
    return written_recipients(run.pipeline.notification_recipients)


def responder_of(actor: Actor) -> Responder:
    """The actor as somebody who answers: a token speaks for its owner."""
    user = User.objects.filter(pk=actor.user_id).first() if actor.user_id else None
    if user is None:
        return Responder("", actor.label, actor.kind)
    return Responder(user.email, str(user), actor.kind, user.pk)


def token_for(gate: ApprovalGate, responder: Responder) -> StepApprovalToken | None:
    """The responder's own unanswered question, if they were asked by name."""
    rows = gate.tokens.filter(status=TokenStatus.PENDING)
    if responder.user_id is not None:
        return rows.filter(recipient_user_id=responder.user_id).first()
    return rows.filter(recipient_email__iexact=responder.email).first()


def check_right(gate: ApprovalGate, responder: Responder) -> StepApprovalToken | None:
    """The token that the answer uses up, None where anybody with the permission may answer.

    Raises:
        NotApprover: others are asked.
        SelfApproval: it is the responder's own run.
    """
    token = token_for(gate, responder)
    if token is None and not gate.is_open:
        names = ", ".join(
            gate.tokens.filter(status=TokenStatus.PENDING).values_list(
                "recipient_email", flat=True
            )[:5]
        )
        raise NotApprover(
            f"You are not an approver of {gate}. Asked: {names or 'nobody any more'}."
        )
    if gate.kind == GateKind.APPROVAL and not gate.allow_self_approval:
        why = own_words(gate.run, responder)
        if why:
            raise SelfApproval(f"Self-approval is disabled: {why}.")
    return token


def own_words(run: PipelineRun, responder: Responder) -> str:
    """Why it is the responder's own run, or empty.

    Commit authors can be forged, which may only ever take a right away here, never give one.
    """
    if responder.user_id is not None and run.triggered_by_id == responder.user_id:
        return "you started this run"
    names = {responder.email.lower(), responder.label.lower()} - {""}
    starter = run.triggered_by
    if starter is not None and starter.email.lower() in names:
        return "you started this run"
    context = run.trigger_context
    for said, words in (
        (context.get("actor"), "you caused this run"),
        (_member(context, "commit", "author"), "you wrote its commit"),
        (_member(context, "pull_request", "author"), "you wrote its pull request"),
    ):
        if run.trigger_type != "manual" and str(said or "").strip().lower() in names:
            return words
    return ""


def _member(context: Mapping[str, Any], name: str, key: str) -> object:
    value = context.get(name)
    return value.get(key) if isinstance(value, Mapping) else None
