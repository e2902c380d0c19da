"""Gates are opened with the step that waits, and closed with what follows from the answer.

Every function here is part of its caller's transaction.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from devops.deliveries import enqueue_mail, give_up
from devops.models import User
from devops.sqlforms import db_json, db_text
from devops.tokens import digest
from pipelines.choices import (
    GATE_HOURS_DEFAULT,
    PEOPLE,
    GateKind,
    GateStatus,
    RunStatus,
    StepStatus,
    TokenStatus,
    WaitingFor,
)
from pipelines.jobs import DISPATCH
from pipelines.models import ApprovalGate, PipelineRun, StepApprovalToken, StepExecution
from pipelines.operations.approval_mail import compose
from pipelines.operations.approvers import Recipient, recipients_of, resolve_recipients
from pipelines.states import gate_states, step_states

TOKEN_BYTES = 32
_DETAIL_MAX = 500
_PLAN_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """What a gate is about.

    Attributes:
        settings: `approval` of the step, as the definition has it.
        plan: what the step would do, without secrets, as approvers see it.
        plan_digest: its hash; the answer counts for exactly this.
        why: why it is asked again, if it is.
    """

    kind: str = GateKind.APPROVAL
    settings: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    plan_digest: str = ""
    why: str = ""


def canonical_digest(value: object) -> str:
    """The hash of a JSON value, the same however it was written."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def binding_of(run: PipelineRun) -> str:
    """The hash of what a run is: its commit, its definition, its inputs."""
    return canonical_digest([run.commit_sha, run.ref, run.snapshot, run.inputs])


def open_gate(run: PipelineRun, execution: StepExecution | None, opening: Opening) -> ApprovalGate:
    """Ask, and mail whoever is asked by name; each address gets a token of its own."""
    named = recipients_of(opening.settings, run) if execution is not None else []
    asked = _asked(run, named)
    hours = float(opening.settings.get("timeout_hours") or GATE_HOURS_DEFAULT)
    gate = ApprovalGate(
        account_id=run.account_id,
        run=run,
        step_execution=execution,
        kind=opening.kind,
        step_key=execution.step_key if execution else "",
        step_name=execution.step_name if execution else "",
        matrix_index=execution.matrix_index if execution else 0,
        detail=db_text(opening.why, _DETAIL_MAX),
        required=int(opening.settings.get("required") or 1),
        require_comment=bool(opening.settings.get("require_comment")),
        allow_self_approval=bool(opening.settings.get("allow_self_approval")),
        is_open=not named,
        recipients=named,
        plan=_bounded(opening.plan),
        plan_digest=opening.plan_digest,
        binding=binding_of(run),
        commit_sha=run.commit_sha,
        expires_at=timezone.now() + timedelta(hours=hours) if execution is not None else None,
    )
    gate.save(force_insert=True)
    if execution is not None:
        for recipient in asked:
            add_token(gate, execution, recipient)
    gate_states.tell(gate)
    return gate


def _asked(run: PipelineRun, named: list[str]) -> list[Recipient]:
    found = resolve_recipients(run.account_id, named)
    if found or not named:
        return found
    # Nobody of those named is here any more: the owners, who may change the pipeline, decide.
    return resolve_recipients(run.account_id, ["role:owner"])


def _bounded(plan: Mapping[str, Any]) -> Any:
    text = db_json(dict(plan))
    if len(text) <= _PLAN_MAX_BYTES:
        return json.loads(text)
    kept = {name: plan[name] for name in ("step_type", "commit_sha", "branch") if name in plan}
    return {**kept, "is_too_long": True}


def add_token(
    gate: ApprovalGate,
    execution: StepExecution,
    recipient: Recipient,
    *,
    delegated_from: StepApprovalToken | None = None,
) -> StepApprovalToken:
    """Ask one more address: a token of which we keep the hash, and the mail that holds it."""
    assert gate.expires_at is not None  # noqa: S101  (gates of steps always end)
    raw = secrets.token_urlsafe(TOKEN_BYTES)
    token = StepApprovalToken.objects.create(
        account_id=gate.account_id,
        gate=gate,
        step_execution=execution,
        recipient_email=recipient.email,
        recipient_user_id=recipient.user_id,
        delegated_from=delegated_from,
        token_digest=digest(raw),
        expires_at=gate.expires_at,
    )
    if gate.run.pipeline.notification_settings.get("on_approval_required") is not False:
        enqueue_mail(
            gate.account_id, recipient.email, "approval_required", compose(gate, token, raw),
            key=f"approval:{token.pk.hex}",
        )  # fmt: skip
    return token


def waiting_words(gate: ApprovalGate) -> str:
    """The sentence on a run that waits for people."""
    said = gate.votes.count()
    left = max(1, gate.required - said)
    count = f"{left} approvals" if left > 1 else "an approval"
    if gate.is_open:
        whom = "of anyone with the permission devops.approvals.respond"
    else:
        rows = gate.tokens.filter(status=TokenStatus.PENDING)
        emails = list(rows.values_list("recipient_email", flat=True)[:4])
        whom = f"of {', '.join(emails[:3])}{' and others' if len(emails) > 3 else ''}"
    held = " The run keeps its concurrency slot." if gate.run.concurrency_key else ""
    again = f" {gate.detail}" if gate.detail else ""
    return f"Step {gate.step_name} waits for {count} {whom}.{held}{again}"


def latest_gate(execution: StepExecution, kind: str = "") -> ApprovalGate | None:
    """The newest question about a step of a run, whichever attempt it was asked for."""
    rows = ApprovalGate.objects.filter(
        run_id=execution.run_id,
        step_key=execution.step_key,
        matrix_index=execution.matrix_index,
    )
    return (rows.filter(kind=kind) if kind else rows).order_by("-id").first()


def close_gate(
    gate: ApprovalGate,
    to: str,
    *,
    by: str = "",
    used: StepApprovalToken | None = None,
    user: User | None = None,
    comment: str = "",
) -> None:
    """Move a gate on; every link but the one that was used is void at once."""
    # One that was approved and changed keeps who approved it.
    decided: dict[str, Any] = {}
    if gate.is_pending:
        decided = {"decided_at": timezone.now(), "decided_by": by[:200]}
    gate_states.transition(gate, to, **decided)
    spent = TokenStatus.EXPIRED if to == GateStatus.EXPIRED else TokenStatus.VOID
    if used is not None:
        use_token(used, to, user=user, comment=comment)
    pending = gate.tokens.filter(status=TokenStatus.PENDING)
    unused = list(pending.values_list("pk", flat=True))
    pending.update(status=spent)
    for token_id in unused:
        # A mail about what is settled does not go out any more.
        give_up(token_id, "The question is settled.")


def use_token(token: StepApprovalToken, to: str, *, user: User | None, comment: str) -> None:
    """Spend a token."""
    StepApprovalToken.objects.filter(pk=token.pk).update(
        status=to, responded_at=timezone.now(), responded_by=user, response_comment=comment
    )


def cancel_gates(run: PipelineRun, by: str) -> int:
    """Nobody needs to answer any more: the run is stopped."""
    gates = ApprovalGate.objects.filter(run=run, status=GateStatus.PENDING)
    found = list(gates.select_related("run", "step_execution"))
    for gate in found:
        close_gate(gate, GateStatus.CANCELLED, by=by)
    return len(found)


def end_step(gate: ApprovalGate, to: str, *, reason: str, message: str) -> None:
    """The step that waited ends without having begun."""
    execution = gate.step_execution
    assert execution is not None  # noqa: S101  (only gates of steps end steps)
    execution.refresh_from_db()
    step_states.transition(
        execution, to, reason=reason, error_message=message, completed_at=timezone.now()
    )
    failed_softly = to == StepStatus.FAILURE and execution.continue_on_error
    PipelineRun.objects.filter(pk=gate.run_id).update(
        steps_done=F("steps_done") + 1, warnings=F("warnings") + (1 if failed_softly else 0)
    )


def wake_run(run: PipelineRun, words: str) -> bool:
    """Let a worker go on with a run that waited for people; false when it does not wait."""
    # A worker that is just leaving the run holds its row: it is seen waiting, or sees the answer.
    PipelineRun.objects.select_for_update().filter(pk=run.pk).first()
    woken = PipelineRun.objects.filter(
        pk=run.pk, status=RunStatus.RUNNING, worker=None, waiting_for__in=PEOPLE
    ).update(
        waiting_for=WaitingFor.WORKER, waiting_detail=words[:_DETAIL_MAX], fence=F("fence") + 1
    )
    if woken:
        DISPATCH.send()
    return bool(woken)
