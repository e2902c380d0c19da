"""People answer gates: on a page, by the API, or by the link of a mail."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from devops import audit, outbox
from devops.access import Actor, system_actor
from devops.errors import Conflict, FieldProblem, Invalid, NotFound
from devops.models import OutboxMessage, User
from devops.tokens import digest
from pipelines.choices import (
    COMMENT_MAX,
    Answer,
    GateKind,
    GateStatus,
    StepStatus,
    TokenStatus,
)
from pipelines.models import ApprovalGate, ApprovalVote, PipelineRun, StepApprovalToken
from pipelines.models import StepExecution as Execution
from pipelines.operations import gates
from pipelines.operations.approvers import (
    RESPOND,
    NotApprover,
    Recipient,
    Responder,
    check_right,
    members_who_may,
    responder_of,
)
from pipelines.states import gate_states

REPEAT, TREAT_AS_DONE = "repeat", "treat_as_done"
DECISIONS = (REPEAT, TREAT_AS_DONE)


class AlreadyDecided(Conflict):
    """Somebody else, or the same person before, answered the question."""

    code = "already-decided"
    title = "The question is settled"
    remedy = "Read the run to see what became of it."


class ApprovalExpired(Conflict):
    """The time in which the question could be answered is over."""

    code = "approval-expired"
    status = 410
    title = "The approval has expired"
    remedy = "Start the run again."


class PlanChanged(Conflict):
    """What would be approved is no longer what was asked; the question is asked anew."""

    code = "plan-changed"
    title = "What was asked has changed"
    remedy = "Read the new question and decide anew."


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    answer: str
    comment: str = ""
    decision: str = ""


def decide(actor: Actor, execution: Execution, said: Said) -> ApprovalGate:
    """Answer the gate of a step.

    Raises:
        AlreadyDecided: the step does not wait (any more).
        ApprovalExpired: too late.
        NotApprover: others are asked.
        SelfApproval: it is the actor's own run.
        PlanChanged: commit or definition are not what was asked about; it is asked anew.
        Invalid: a comment is missing.
    """
    return _sound(_decide(actor, execution.pk, said))


def decide_by_token(raw: str, said: Said, *, visitor: User | None, actor: Actor) -> ApprovalGate:
    """Answer by the link of a mail; `actor` is only for the trail, `visitor` who is signed in.

    Raises:
        NotFound: there is no such token.
        AlreadyDecided: it was used, or the question is settled.
        ApprovalExpired: too late.
        NotApprover: somebody else is signed in, or the recipient is no member any more.
        SelfApproval: it is the recipient's own run.
        PlanChanged: as `decide`.
        Invalid: a comment is missing.
    """
    return _sound(_decide_by_token(raw, said, visitor, actor))


def _sound(gate: ApprovalGate) -> ApprovalGate:
    if gate.status == GateStatus.VOID:
        raise PlanChanged(f"{gate.detail} It is asked anew.")
    return gate


@transaction.atomic(durable=True)
def _decide(actor: Actor, execution_id: uuid.UUID, said: Said) -> ApprovalGate:
    actor.require(RESPOND)
    execution = Execution.objects.select_related("run").get(pk=execution_id)
    gate = _locked(gates.latest_gate(execution))
    if gate is None or gate.step_execution_id != execution.pk:
        raise AlreadyDecided(f"Step {execution.step_name} does not wait for an approval.")
    _check_open(gate)
    responder = responder_of(actor)
    _check_silent(gate, responder)
    token = check_right(gate, responder)
    return _answer(actor, gate, responder, said, token)


@transaction.atomic(durable=True)
def _decide_by_token(raw: str, said: Said, visitor: User | None, actor: Actor) -> ApprovalGate:
    token = token_of(raw)
    gate = _locked(token.gate)
    assert gate is not None  # noqa: S101  (a token has a gate)
    token.refresh_from_db()
    check_usable(token, gate)
    user = token.recipient_user
    if visitor is not None and visitor != user and visitor.email != token.recipient_email:
        raise NotApprover(
            f"This link was sent to {token.recipient_email}; you are signed in as {visitor.email}.",
            remedy="Answer on the run's page if you were asked too, or sign out.",
        )
    if user is not None and not members_who_may(gate.account_id).filter(user=user).exists():
        raise NotApprover(f"{token.recipient_email} may not answer approvals of this account.")
    label = str(user) if user else token.recipient_email
    responder = Responder(token.recipient_email, label, "link", token.recipient_user_id)
    _check_silent(gate, responder)
    check_right(gate, responder)
    return _answer(actor, gate, responder, said, token)


def token_of(raw: str) -> StepApprovalToken:
    """The token of a link.

    Raises:
        NotFound: there is none.
    """
    token = (
        StepApprovalToken.objects.select_related(
            "gate__run__pipeline", "gate__run__triggered_by", "recipient_user"
        )
        .filter(token_digest=digest(raw), account__is_active=True)
        .first()
    )
    if token is None:
        raise NotFound("There is no such approval link.", remedy="Open the link of the mail anew.")
    return token


def check_usable(token: StepApprovalToken, gate: ApprovalGate) -> None:
    """Refuse a token that cannot decide any more.

    Raises:
        AlreadyDecided: it was used, or the question is settled.
        ApprovalExpired: too late.
    """
    if token.status in {TokenStatus.APPROVED, TokenStatus.REJECTED}:
        when = token.responded_at
        raise AlreadyDecided(
            f"This link was used already: {token.recipient_email} {token.status} "
            f"{gate} at {_moment(when)}."
        )
    _check_open(gate)
    if token.status == TokenStatus.EXPIRED or token.expires_at <= timezone.now():
        raise ApprovalExpired(f"The link ended at {_moment(token.expires_at)}.")
    if token.status == TokenStatus.VOID:
        raise AlreadyDecided(f"{token.recipient_email} delegated the answer to somebody else.")


def _check_open(gate: ApprovalGate) -> None:
    ended = gate.expires_at is not None and gate.expires_at <= timezone.now()
    if gate.status == GateStatus.EXPIRED or (gate.is_pending and ended):
        raise ApprovalExpired(
            f"The approval of {gate} expired: no response before {_moment(gate.expires_at)}."
        )
    if not gate.is_pending:
        raise AlreadyDecided(f"{gate} was {_outcome(gate)}.")


def _check_silent(gate: ApprovalGate, responder: Responder) -> None:
    if gate.votes.filter(voter=responder.voter).exists():
        raise AlreadyDecided(f"{responder.label} has answered this question already.")


def _outcome(gate: ApprovalGate) -> str:
    if gate.status == GateStatus.VOID:
        return "asked anew, because what was asked changed"
    by = f" by {gate.decided_by}" if gate.decided_by else ""
    return f"already {gate.get_status_display().lower()}{by} at {_moment(gate.decided_at)}"


def _moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else "some time"


def _locked(gate: ApprovalGate | None) -> ApprovalGate | None:
    """The row again, held until the end of the transaction: of two answers one comes second.

    The run's row first, as whoever cancels or parks it does: else both could wait for ever.
    """
    if gate is None:
        return None
    PipelineRun.objects.select_for_update().only("pk").get(pk=gate.run_id)
    return (
        ApprovalGate.objects.select_for_update(of=("self",))
        .select_related("run__pipeline", "run__triggered_by", "step_execution")
        .get(pk=gate.pk)
    )


def _answer(
    actor: Actor,
    gate: ApprovalGate,
    responder: Responder,
    said: Said,
    token: StepApprovalToken | None,
) -> ApprovalGate:
    comment = said.comment.strip()
    if len(comment) > COMMENT_MAX:
        raise Invalid.field("/comment", f"A comment has at most {COMMENT_MAX} characters.")
    if not comment and (gate.require_comment or said.answer == Answer.REJECT):
        words = "A rejection needs its reason." if said.answer == Answer.REJECT else (
            "This approval needs a comment."
        )  # fmt: skip
        raise Invalid(words, errors=[FieldProblem("/comment", "required", words)])
    decision = _decision(gate, said)
    if gates.binding_of(gate.run) != gate.binding:
        _void(gate, "The run's commit or definition changed while it waited.")
        return gate
    ApprovalVote.objects.create(
        account_id=gate.account_id, gate=gate, voter=responder.voter, user_id=responder.user_id,
        label=responder.label[:200], answer=said.answer, decision=decision, comment=comment,
        via=responder.via,
    )  # fmt: skip
    audit.record(
        actor, f"devops.approval.{said.answer}", gate,
        detail={"run": str(gate.run_id), "step": gate.step_key, "via": responder.via},
    )  # fmt: skip
    _conclude(gate, responder, Said(said.answer, comment, decision), token)
    return gate


def _decision(gate: ApprovalGate, said: Said) -> str:
    if gate.kind != GateKind.DECISION:
        if said.decision:
            raise Invalid.field("/decision", "Only an interrupted step asks for a decision.")
        return ""
    if said.answer == Answer.APPROVE and said.decision not in DECISIONS:
        words = f"Say what becomes of the step: {' or '.join(DECISIONS)}."
        raise Invalid.field("/decision", words, code="required")
    return said.decision if said.answer == Answer.APPROVE else ""


def _conclude(
    gate: ApprovalGate, responder: Responder, said: Said, token: StepApprovalToken | None
) -> None:
    user = User.objects.filter(pk=responder.user_id).first() if responder.user_id else None
    if said.answer == Answer.REJECT:
        gates.close_gate(
            gate, GateStatus.REJECTED, by=responder.label, used=token, user=user,
            comment=said.comment,
        )  # fmt: skip
        reason = "interrupted" if gate.kind == GateKind.DECISION else "rejected"
        gates.end_step(
            gate, StepStatus.FAILURE, reason=reason,
            message=f"Step rejected: {said.comment} ({responder.label})",
        )  # fmt: skip
        gates.wake_run(gate.run, f"{gate.step_name} was rejected by {responder.label}.")
        return
    approvals = gate.votes.filter(answer=Answer.APPROVE).count()
    if approvals < gate.required:
        if token is not None:
            gates.use_token(token, TokenStatus.APPROVED, user=user, comment=said.comment)
        PipelineRun.objects.filter(pk=gate.run_id).update(
            waiting_detail=gates.waiting_words(gate)[:500]
        )
        gate_states.tell(gate)
        return
    gates.close_gate(
        gate, GateStatus.APPROVED, by=responder.label, used=token, user=user, comment=said.comment
    )
    if said.decision == TREAT_AS_DONE:
        gates.end_step(
            gate, StepStatus.SUCCESS, reason="treated_as_done",
            message=f"{responder.label} says that it was done before its worker was lost.",
        )  # fmt: skip
    gates.wake_run(gate.run, f"Approved by {responder.label}; a worker goes on at once.")


def _void(gate: ApprovalGate, why: str) -> None:
    gate.detail = why
    ApprovalGate.objects.filter(pk=gate.pk).update(detail=why)
    gates.close_gate(gate, GateStatus.VOID)
    gates.wake_run(gate.run, f"{why} The approval is asked anew.")


@transaction.atomic(durable=True)
def delegate(
    actor: Actor, execution: Execution, *, user_id: uuid.UUID, comment: str = ""
) -> ApprovalGate:
    """Hand the answer over to another member, who is mailed; one's own link is void then.

    Raises:
        AlreadyDecided: the step does not wait (any more), or the actor has answered.
        NotApprover: the actor is not asked.
        Invalid: the other one is no member who may answer, or is asked already.
    """
    actor.require(RESPOND)
    gate = _locked(gates.latest_gate(execution))
    if gate is None or gate.step_execution_id != execution.pk:
        raise AlreadyDecided(f"Step {execution.step_name} does not wait for an approval.")
    _check_open(gate)
    token = check_right(gate, responder_of(actor))
    member = members_who_may(gate.account_id).filter(user_id=user_id).first()
    if member is None or user_id == actor.user_id:
        raise Invalid.field(
            "/user_id", "Name another member whose role may answer approvals.", code="no-approver"
        )
    asked = gate.tokens.filter(recipient_email__iexact=member.user.email)
    if asked.exists() or gate.votes.filter(voter=str(user_id)).exists():
        raise Invalid.field("/user_id", f"{member.user} is asked already.", code="asked-already")
    if token is not None:
        gates.use_token(token, TokenStatus.VOID, user=None, comment=comment[:COMMENT_MAX])
    gates.add_token(gate, execution, Recipient(member.user.email, user_id), delegated_from=token)
    PipelineRun.objects.filter(pk=gate.run_id).update(
        waiting_detail=gates.waiting_words(gate)[:500]
    )
    gate_states.tell(gate)
    audit.record(
        actor, "devops.approval.delegate", gate,
        detail={"to": str(user_id), "comment": comment[:COMMENT_MAX]},
    )  # fmt: skip
    return gate


def expire_gates() -> int:
    """End the questions whose time is over; returns how many."""
    due = ApprovalGate.objects.filter(status=GateStatus.PENDING, expires_at__lte=timezone.now())
    keys = list(due.order_by("expires_at").values_list("pk", flat=True)[:200])
    return sum(_expire(key) for key in keys)


@transaction.atomic(durable=True)
def _expire(key: uuid.UUID) -> int:
    gate = _locked(ApprovalGate.objects.filter(pk=key, status=GateStatus.PENDING).first())
    if gate is None or not gate.is_pending:
        return 0
    gates.close_gate(gate, GateStatus.EXPIRED)
    audit.record(system_actor(gate.account_id), "devops.approval.expire", gate)
    gates.end_step(
        gate, StepStatus.FAILURE, reason="expired",
        message=f"The approval expired: no response before {_moment(gate.expires_at)}.",
    )  # fmt: skip
    gates.wake_run(gate.run, "The approval expired.")
    return 1


@transaction.atomic(durable=True)
def withdraw_gates(run_id: uuid.UUID) -> None:
    """Ask nobody any more about a run that was stopped just when it asked; it goes to its end."""
    run = PipelineRun.objects.select_for_update().get(pk=run_id)
    if run.cancel_requested_at is not None and gates.cancel_gates(run, run.cancelled_by):
        gates.wake_run(run, "Cancelling: nobody needs to answer any more.")


@transaction.atomic(durable=True)
def note_mail(message_id: str) -> None:
    """Keep on a token how its mail ended."""
    message = OutboxMessage.objects.filter(pk=message_id).first()
    if message is None or not outbox.mark_handled(message_id):
        return
    facts = message.payload["delivery"]
    arrived = facts["status"] == "delivered"
    StepApprovalToken.objects.filter(pk=facts["subscription_id"]).update(
        email_sent_at=message.created_at if arrived else None,
        email_error="" if arrived else facts["last_error"][:300],
    )
