"""A question to people as the pages show it."""

import difflib
import json
from typing import Any

from devops.access import Actor
from devops.safety.documents import DocumentError
from pipelines import inbox
from pipelines.choices import GateKind, GateStatus
from pipelines.documents import export_yaml
from pipelines.models import ApprovalGate, PipelineRun
from pipelines.operations.approvers import members_who_may

DIFF_LINES = 400
_DECISIONS = [("repeat", "Run the step again"), ("treat_as_done", "Treat it as done")]


def gate_row(actor: Actor, gate: ApprovalGate) -> dict[str, Any]:
    """What a list shows of a question."""
    run = gate.run
    said = inbox.approvals_so_far(gate)
    return {
        "id": gate.pk,
        "kind": gate.kind,
        "status": gate.status,
        "name": gate.step_name or f"{run.pipeline.name} #{run.run_number}",
        "question": inbox.question_of(gate),
        "detail": gate.detail,
        "run": run,
        "pipeline": run.pipeline.name,
        "url": run.url,
        "sha": gate.commit_sha,
        "by": run.actor_label,
        "who_may": who_may(gate),
        "required": gate.required,
        "approvals": said,
        "left": max(0, gate.required - said),
        "requires_comment": gate.require_comment,
        "votes": list(gate.votes.all()),
        "recipients": inbox.recipients_of(gate),
        "expires_at": gate.expires_at,
        "decided_at": gate.decided_at,
        "decided_by": gate.decided_by,
        "created_at": gate.created_at,
        "can_answer": inbox.may_answer(actor, gate),
        "why_not": _why_not(actor, gate),
        "can_delegate": gate.kind == GateKind.APPROVAL,
        "decisions": _DECISIONS if gate.kind == GateKind.DECISION else [],
    }


def gate_detail(actor: Actor, gate: ApprovalGate) -> dict[str, Any]:
    """The same with what would happen, and what came since the last approval."""
    changes = inbox.changes_since(actor, gate) if gate.is_pending else inbox.Changes(None)
    return {
        **gate_row(actor, gate),
        "plan": _plan(gate),
        "changes": changes,
        "definition_diff": _definition_diff(changes.baseline, gate.run),
    }


def who_may(gate: ApprovalGate) -> str:
    """Whose word counts."""
    if gate.is_open:
        return "Anyone with the permission"
    return ", ".join(str(word) for word in gate.recipients)


def _why_not(actor: Actor, gate: ApprovalGate) -> str:
    """Why the reader cannot answer, where it is not plain."""
    if not gate.is_pending or inbox.may_answer(actor, gate):
        return ""
    if not actor.may(inbox.RESPOND):
        return "Your role does not answer approvals."
    if any(vote.voter == str(actor.user_id) for vote in gate.votes.all()):
        return "You have answered."
    if gate.run.triggered_by_id == actor.user_id and not gate.allow_self_approval:
        return "You started this run, and self-approval is disabled."
    return "Others are asked."


def _plan(gate: ApprovalGate) -> list[tuple[str, str]]:
    """The step's values as they were evaluated, one a line."""
    if gate.plan.get("is_too_long"):
        return [("configuration", "Too long to be shown here; see the pipeline's definition.")]
    values = {**gate.plan.get("configuration", {}), **gate.plan.get("environment", {})}
    rows = [("type", str(gate.plan.get("step_type", "")))] if gate.plan.get("step_type") else []
    rows += [(str(name), _text(value)) for name, value in values.items()]
    if gate.plan.get("secrets"):
        rows.append(("secrets", ", ".join(gate.plan["secrets"])))
    return rows


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2)


def _definition_diff(baseline: inbox.Baseline | None, run: PipelineRun) -> list[dict[str, str]]:
    """How the pipeline itself differs from the one that ran then."""
    if baseline is None:
        return []
    try:
        before, after = (export_yaml(each.snapshot).splitlines() for each in (baseline.run, run))
    except (DocumentError, KeyError):
        return []
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:DIFF_LINES]
    kinds = {"+": "addition", "-": "deletion", "@": "hunk"}
    return [{"kind": kinds.get(line[:1], ""), "text": line} for line in lines]


def shown_gates(actor: Actor, run: PipelineRun) -> list[ApprovalGate]:
    """The questions that a run's page shows: what waits, and what people said."""
    return [
        gate
        for gate in inbox.gates_of_run(actor, run)
        if gate.status != GateStatus.VOID or gate.votes.all()
    ]


def other_approvers(actor: Actor) -> list[dict[str, str]]:
    """The members to whom one can hand an answer."""
    if not actor.may(inbox.RESPOND):
        return []
    return [
        {"id": str(row.user_id), "name": str(row.user), "email": row.user.email}
        for row in members_who_may(actor.account_id)[:200]
        if row.user_id != actor.user_id
    ]
