"""The lives of a run and of an attempt at a step, and how each move is told."""

import uuid
from typing import Any

from django.db.models import F

from devops import nudge, outbox
from devops.state import StateMachine
from pipelines.choices import GateStatus, RunStatus, StepStatus
from pipelines.models import ApprovalGate, PipelineRun, StepExecution

R, S, G = RunStatus, StepStatus, GateStatus
# What listeners hear of a gate, by what became of it.
_GATE_EVENTS = {
    G.PENDING: "approval_required",
    G.APPROVED: "approval_granted",
    G.REJECTED: "approval_rejected",
    G.EXPIRED: "approval_expired",
    G.CANCELLED: "approval_cancelled",
    G.VOID: "approval_void",
}


def decimal_seconds(milliseconds: int | None) -> float | None:
    """Milliseconds as seconds with three decimals."""
    return None if milliseconds is None else milliseconds / 1000


def run_facts(run: PipelineRun, current_step: dict[str, Any] | None = None) -> dict[str, Any]:
    """The run as listeners see it (message payload, version 1)."""
    done = run.steps_done * 100 // run.steps_total if run.steps_total else 0
    return {
        "id": str(run.pk),
        "run_number": run.run_number,
        "title": run.title,
        "status": run.status,
        "reason": run.reason,
        "waiting_for": run.waiting_for,
        "waiting_detail": run.waiting_detail,
        "trigger_type": run.trigger_type,
        "branch": run.branch,
        "commit_sha": run.commit_sha,
        "started_at": run.started_at and run.started_at.isoformat(),
        "completed_at": run.completed_at and run.completed_at.isoformat(),
        "duration_seconds": decimal_seconds(run.duration_ms),
        "progress_percentage": done,
        "steps_done": run.steps_done,
        "steps_total": run.steps_total,
        "error_message": run.error_message,
        "pipeline_id": str(run.pipeline_id),
        "pipeline_name": run.snapshot.get("name", ""),
        "current_step": current_step,
    }


def step_facts(execution: StepExecution) -> dict[str, Any]:
    """The attempt as listeners see it (message payload, version 1)."""
    return {
        "id": str(execution.pk),
        "step_key": execution.step_key,
        "step_name": execution.step_name,
        "step_type": execution.step_type,
        "attempt": execution.attempt,
        "status": execution.status,
        "reason": execution.reason,
        "started_at": execution.started_at and execution.started_at.isoformat(),
        "completed_at": execution.completed_at and execution.completed_at.isoformat(),
        "duration_seconds": decimal_seconds(execution.duration_ms),
        "error_message": execution.error_message,
        "exit_code": execution.exit_code,
    }


def gate_facts(gate: ApprovalGate) -> dict[str, Any]:
    """The question as listeners see it (message payload, version 1)."""
    return {
        "id": str(gate.pk),
        "kind": gate.kind,
        "status": gate.status,
        "step_key": gate.step_key,
        "step_name": gate.step_name,
        "required": gate.required,
        "detail": gate.detail,
        "expires_at": gate.expires_at and gate.expires_at.isoformat(),
        "decided_at": gate.decided_at and gate.decided_at.isoformat(),
    }


def _describe_gate(gate: ApprovalGate) -> tuple[str, dict[str, Any]]:
    step = gate.step_execution
    return "step_update", {
        "version": 1,
        "event": _GATE_EVENTS[G(gate.status)],
        "pipeline_run": run_facts(gate.run),
        "pipeline_run_id": str(gate.run_id),
        "step_execution": step_facts(step) if step is not None else None,
        "approval": gate_facts(gate),
        "responded_by": gate.decided_by,
    }


def _describe_run(run: PipelineRun) -> tuple[str, dict[str, Any]]:
    name = "run_completed" if run_states.is_terminal(run.status) else "run_updated"
    return name, {"version": 1, "pipeline_run": run_facts(run)}


def _describe_step(execution: StepExecution) -> tuple[str, dict[str, Any]]:
    return "step_updated", {
        "version": 1,
        "pipeline_run": run_facts(execution.run),
        "step_execution": step_facts(execution),
    }


class StepMachine(StateMachine[StepExecution]):
    """Steps speak on their run's topic, so that one number orders all that happens in a run."""

    def tell(self, obj: StepExecution) -> None:
        PipelineRun.objects.filter(pk=obj.run_id).update(version=F("version") + 1)
        obj.run = PipelineRun.objects.get(pk=obj.run_id)
        name, payload = self.describe(obj)
        outbox.record(obj.account_id, run_topic(obj.run_id), obj.run.version, name, payload)
        if self.is_terminal(obj.status):
            # Readers of the log wait for the end of the step, which comes after its last byte.
            nudge.send_after_commit(f"log.{obj.pk.hex}", {"type": "log.nudge", "size": -1})


class GateMachine(StateMachine[ApprovalGate]):
    """Gates speak on their run's topic, too."""

    def tell(self, obj: ApprovalGate) -> None:
        PipelineRun.objects.filter(pk=obj.run_id).update(version=F("version") + 1)
        obj.run = PipelineRun.objects.get(pk=obj.run_id)
        if obj.step_execution is not None:
            obj.step_execution.refresh_from_db()
        name, payload = self.describe(obj)
        outbox.record(obj.account_id, run_topic(obj.run_id), obj.run.version, name, payload)


def end_pending_steps(run_id: uuid.UUID, to: str, reason: str) -> int:
    """Skip or cancel every step of a run that has not begun; told by the run's own message."""
    return StepExecution.objects.filter(run_id=run_id, status=S.PENDING).update(
        status=to, reason=reason, version=F("version") + 1
    )


def run_topic(run_id: uuid.UUID) -> str:
    """The topic, and socket group, of everything that happens in a run."""
    return f"run.{run_id.hex}"


run_states: StateMachine[PipelineRun] = StateMachine(
    "run",
    {
        R.PENDING: {R.QUEUED, R.CANCELLED, R.FAILURE},
        R.QUEUED: {R.RUNNING, R.CANCELLED, R.FAILURE},
        R.RUNNING: {R.SUCCESS, R.FAILURE, R.CANCELLED},
        R.SUCCESS: set(),
        R.FAILURE: set(),
        R.CANCELLED: set(),
    },
    _describe_run,
    leased={R.RUNNING},
)

step_states = StepMachine(
    "step",
    {
        S.PENDING: {S.RUNNING, S.WAITING_APPROVAL, S.SKIPPED, S.CANCELLED, S.FAILURE},
        S.WAITING_APPROVAL: {S.RUNNING, S.FAILURE, S.CANCELLED, S.SUCCESS},
        S.RUNNING: {S.SUCCESS, S.FAILURE, S.CANCELLED, S.SKIPPED},
        S.SUCCESS: set(),
        S.FAILURE: set(),
        S.SKIPPED: set(),
        S.CANCELLED: set(),
    },
    _describe_step,
)

gate_states = GateMachine(
    "gate",
    {
        G.PENDING: {G.APPROVED, G.REJECTED, G.EXPIRED, G.CANCELLED, G.VOID},
        # What was approved and changed before it began is asked anew.
        G.APPROVED: {G.VOID},
        G.REJECTED: set(),
        G.EXPIRED: set(),
        G.CANCELLED: set(),
        G.VOID: set(),
    },
    _describe_gate,
)
