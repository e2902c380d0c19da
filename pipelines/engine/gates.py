"""Gates before steps: whether one may begin, must wait for people, or ends without having begun."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from pipelines.choices import GateKind, GateStatus, StepStatus
from pipelines.engine.moves import StepMove
from pipelines.engine.session import Session
from pipelines.expressions import ExpressionError, interpolate_value
from pipelines.models import ApprovalGate, PipelineRun, StepExecution
from pipelines.operations.gates import (
    Opening,
    canonical_digest,
    close_gate,
    latest_gate,
    open_gate,
    waiting_words,
)

_CHANGED = "What the step would do changed since it was approved."


@dataclass(slots=True)
class Waiting:
    """The step must wait for people: `ask` writes the question into the commit that parks."""

    session: Session
    execution: StepExecution
    opening: Opening
    standing: ApprovalGate | None = None

    @property
    def detail(self) -> str:
        """What the run says until the question stands."""
        return f"Step {self.execution.step_name} waits for an approval."

    def move(self) -> list[StepMove]:
        """The attempt waits; one that waited already stays as it is."""
        if self.execution.status == StepStatus.WAITING_APPROVAL:
            return []
        return [StepMove(self.execution, StepStatus.WAITING_APPROVAL)]

    def ask(self) -> None:
        """Open the gate, unless the same question stands already; part of the caller's commit."""
        standing = self.standing
        if (standing is not None and standing.status != GateStatus.PENDING) or (
            standing is not None and standing.plan_digest != self.opening.plan_digest
        ):
            close_gate(standing, GateStatus.VOID)
        elif standing is not None:
            ApprovalGate.objects.filter(pk=standing.pk).update(step_execution=self.execution)
            self._say(ApprovalGate.objects.select_related("run").get(pk=standing.pk))
            return
        self._say(open_gate(self.session.run, self.execution, self.opening))

    def _say(self, gate: ApprovalGate) -> None:
        words = waiting_words(gate)[:500]
        PipelineRun.objects.filter(pk=gate.run_id).update(waiting_detail=words)


def consult(session: Session, execution: StepExecution) -> Waiting | StepMove | None:
    """None: the step may begin; a move: it ends here; else it waits.

    An approval counts for every attempt of the run at this step, as long as the plan is the same.
    """
    step = session.definitions[execution.step_key]
    if not step.get("requires_approval"):
        return None
    # What was decided about an interrupted attempt is no approval of the next one's plan.
    gate = latest_gate(execution, GateKind.APPROVAL)
    if gate is not None and gate.step_execution_id == execution.pk:
        ended = _ended(execution, gate)
        if ended is not None:
            return ended
    plan = shown_plan(session, execution)
    opening = Opening(
        settings=step.get("approval_settings") or {}, plan=plan, plan_digest=canonical_digest(plan)
    )
    if gate is None or gate.status in {
        GateStatus.CANCELLED, GateStatus.REJECTED, GateStatus.EXPIRED
    }:  # fmt: skip
        return Waiting(session, execution, opening)
    same = gate.plan_digest == opening.plan_digest
    if gate.status == GateStatus.APPROVED and same:
        return None
    if gate.status == GateStatus.VOID:
        return Waiting(session, execution, replace(opening, why=gate.detail))
    if not same:
        opening = replace(opening, why=_CHANGED)
    return Waiting(session, execution, opening, gate)


def _ended(execution: StepExecution, gate: ApprovalGate) -> StepMove | None:
    """The attempt's end, where the run was stopped while it waited for the answer."""
    if execution.status != StepStatus.WAITING_APPROVAL or gate.status != GateStatus.CANCELLED:
        return None
    return StepMove(
        execution, StepStatus.CANCELLED,
        {
            "reason": "cancelled", "error_message": "Cancelled while it waited for an approval.",
            "completed_at": timezone.now(),
        },
    )  # fmt: skip


def shown_plan(session: Session, execution: StepExecution) -> dict[str, Any]:
    """What the step would do, evaluated, as people may see it: secrets by name only.

    Where it runs is no part of it: another worker changes nothing of what was approved.
    """
    step = session.definitions[execution.step_key]
    names = list(step.get("secret_refs") or ())
    contexts = session.contexts(execution, {name: f"(secret {name})" for name in names})
    contexts["worker"] = {"name": "", "labels": []}
    written = {**step["configuration"], **step.get("inputs", {})}
    return {
        "step_type": execution.step_type,
        "configuration": _evaluated(session, execution, written, contexts),
        "environment": _evaluated(session, execution, step.get("environment") or {}, contexts),
        "secrets": names,
        "matrix": execution.matrix,
        "commit_sha": session.run.commit_sha,
        "ref": session.run.ref,
        "definition": canonical_digest(session.run.snapshot),
    }


def _evaluated(
    session: Session,
    execution: StepExecution,
    written: Mapping[str, Any],
    contexts: Mapping[str, Any],
) -> dict[str, Any]:
    # Files differ from one worker's folder to another's; a text that hashes them counts as written.
    known = session.functions(execution).items()
    functions = {name: each for name, each in known if name.lower() != "hashfiles"}
    try:
        return dict(interpolate_value(dict(written), contexts, functions=functions))
    except ExpressionError:
        # Only with the secrets' values it can be evaluated: the text itself is what counts.
        return dict(written)
