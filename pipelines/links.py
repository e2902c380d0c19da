"""What the holder of an approval link may see and is told: what the mail said, no more."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from devops.access import Actor
from pipelines import inbox
from pipelines.choices import Answer, GateStatus
from pipelines.models import ApprovalGate, StepApprovalToken
from pipelines.operations.approvals import check_usable, token_of


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the holder of a link."""

    step_name: str
    pipeline_name: str
    run_number: int
    trigger_type: str
    trigger_context: dict[str, str]
    status: str
    detail: str
    expires_at: datetime
    time_remaining_seconds: int
    requires_comment: bool
    required: int
    approvals: int
    step_configuration: dict[str, str]


def question(raw: str) -> Question:
    """What is asked of the holder of a token; changes nothing.

    Raises:
        NotFound: there is no such token.
        AlreadyDecided: it is spent.
        ApprovalExpired: too late.
    """
    token = token_of(raw)
    check_usable(token, token.gate)
    return question_of(token)


def question_of(token: StepApprovalToken) -> Question:
    """The words of a token's question, whatever became of it."""
    gate = token.gate
    run = gate.run
    left = (token.expires_at - timezone.now()).total_seconds()
    return Question(
        step_name=gate.step_name,
        pipeline_name=str(run.snapshot.get("name", "")),
        run_number=run.run_number,
        trigger_type=run.trigger_type,
        trigger_context={
            "branch": run.branch, "commit_sha": gate.commit_sha, "title": run.title,
            "actor": run.actor_label,
        },
        status=token.status,
        detail=gate.detail,
        expires_at=token.expires_at,
        time_remaining_seconds=max(0, int(left)),
        requires_comment=gate.require_comment,
        required=gate.required,
        approvals=inbox.approvals_so_far(gate),
        step_configuration={
            "step_type": str(gate.plan.get("step_type", "")),
            "description": str(run.snapshot.get("description", "")),
        },
    )  # fmt: skip


def link_actor(raw: str, address: str | None, agent: str) -> Actor:
    """The holder of a link, for the audit trail; it may nothing else.

    Raises:
        NotFound: there is no such token.
    """
    token = token_of(raw)
    holder = Actor(
        "link", token.account_id, token.recipient_email, frozenset(),
        user_id=token.recipient_user_id,
    )  # fmt: skip
    return holder.seen_from(address, agent)


def outcome_words(gate: ApprovalGate, answer: str) -> str:
    """What follows from an answer."""
    if answer == Answer.REJECT:
        return f"{gate.step_name} is rejected; the run does not go on to it."
    if gate.status == GateStatus.APPROVED:
        return f"{gate.step_name} is approved; the run goes on at once."
    left = gate.required - inbox.approvals_so_far(gate)
    more = "one more approval" if left == 1 else f"{left} more approvals"
    return f"Your approval counts; {gate.step_name} needs {more}."
