"""The life of a claimed run, top to bottom: each step in order, then the verdict."""

import logging
import shutil
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

from django.utils import timezone

from devops.connections import release_connection
from devops.errors import Fenced
from devops.storage.logs import LogWriter
from pipelines import step_types
from pipelines.choices import STEP_TERMINAL, Phase, RunStatus, StepStatus, WaitingFor
from pipelines.engine import boundary, gates
from pipelines.engine.attempt import Attempt
from pipelines.engine.control import RunControl
from pipelines.engine.moves import StepMove
from pipelines.engine.planning import plan_step, step_deadline
from pipelines.engine.session import Session
from pipelines.engine.workspace import Workspace
from pipelines.models import StepExecution, Worker
from pipelines.operations.approvals import withdraw_gates
from pipelines.steps.base import Parked, StepFailedError

logger = logging.getLogger(__name__)

# What steps that run in any case get when the run's own time is over.
CLEANUP_TIME = timedelta(minutes=10)


def execute_run(run_id: uuid.UUID, worker: Worker, control: RunControl) -> None:
    """Take a run that was given to this worker as far as it goes.

    Ends when the run is over, waits for something outside, was taken over, or the worker stops.
    Whatever happens here, the rows say what is left to do.
    """
    lease = boundary.claim(run_id, worker.pk, worker.host)
    if lease is None:
        return
    try:
        session = Session.load(lease, worker)
        session.recall_secrets()
        if lease.cancel_requested:
            # The predecessor heard it; it must not hit the steps that run after a cancel.
            control.stop("cancelled")
        release_connection()
        Execution(session, control, Workspace.of(run_id)).execute()
    except Fenced as fenced:
        logger.info("run %s is no longer ours: %s", run_id, fenced)


@dataclass(slots=True)
class Execution:
    """One worker's turn at one run.

    `moves` and `warnings` wait for the next commit, which tells the end of one step and the
    start of the next in one transaction.
    """

    session: Session
    control: RunControl
    workspace: Workspace
    moves: list[StepMove] = field(default_factory=list)
    warnings: int = 0
    has_extra_time: bool = False

    def execute(self) -> None:
        """Go through the steps; a parked or released run is simply left."""
        self._take_over()
        for phase in (Phase.MAIN, Phase.FINALLY):
            for execution in self.session.of_phase(phase):
                if not self._step(execution):
                    return
        self._note_cancel()
        boundary.finish(
            self.session.lease, self.moves, self.session.verdict(), warnings=self.warnings
        )
        self._tidy()

    def _take_over(self) -> None:
        """What a predecessor left: its command is ended, the folders are there."""
        self.workspace.prepare()
        self.workspace.end_orphan()

    def _step(self, execution: StepExecution) -> bool:
        """Take one step to its end; false when the run must be left here."""
        if execution.status in STEP_TERMINAL:
            return True
        self._note_cancel()
        self._note_deadline()
        is_parked = execution.status == StepStatus.RUNNING
        plan = plan_step(self.session, execution, is_decided=execution.status != StepStatus.PENDING)
        self.warnings += plan.warnings
        if plan.instead is not None:
            self._settle(plan.instead)
            return True
        gate = None if is_parked else gates.consult(self.session, execution)
        if gate is not None:
            return self._stop_at(gate)
        deadline = step_deadline(self.session, execution)
        attempt = Attempt(self.session, execution, plan, self.workspace, self.control, deadline)
        if is_parked and self.session.is_cancelled:
            return self._end(attempt.call_off())
        if not is_parked:
            self.moves.append(StepMove.start(execution, deadline))
        self._commit()
        outcome = attempt.perform(self._rebuild_workspace)
        if isinstance(outcome, Parked):
            return self._park(execution, outcome)
        return self._end(outcome)

    def _end(self, move: StepMove) -> bool:
        """Take in how the attempt ended."""
        if self.control.reason == "lease_lost":
            raise Fenced("The lease was lost while the step ran.")
        deadline = self.session.run.deadline_at
        if move.changes.get("reason") == "timed_out" and deadline and timezone.now() >= deadline:
            self.session.timed_out = True
        if move.changes.get("reason") == "worker_stopped":
            why = f"Worker {self.session.worker.name} was stopped; another one takes over."
            boundary.release(self.session.lease, [*self.moves, move], [move.execution], why)
            return False
        self._settle(move)
        if self.control.reason == "worker_stopped":
            why = f"Worker {self.session.worker.name} was stopped; another one takes over."
            boundary.release(self.session.lease, self.moves, [], why)
            return False
        return True

    def _settle(self, move: StepMove) -> None:
        """Let later steps see the end at once; it is committed with the next start."""
        if move.to == StepStatus.FAILURE and move.execution.continue_on_error:
            self.warnings += 1
        self.moves.append(move)
        move.apply()

    def _commit(self) -> None:
        moves, self.moves = self.moves, []
        warnings, self.warnings = self.warnings, 0
        boundary.advance(self.session.lease, moves, warnings=warnings)
        if self.session.lease.cancel_requested:
            self.control.stop("cancelled")

    def _note_cancel(self) -> None:
        """Turn what was said to the run into what later steps may ask for."""
        if self.control.reason == "lease_lost":
            raise Fenced("The lease was lost.")
        if self.control.reason in {"cancelled", "force_cancelled"}:
            self.session.is_cancelled = True
            self.control.consume_cancel()

    def _note_deadline(self) -> None:
        """After the run's time only what runs in any case still runs, for a time of its own."""
        deadline = self.session.run.deadline_at
        if deadline is not None and timezone.now() >= deadline and not self.has_extra_time:
            self.session.timed_out = True
            self.has_extra_time = True
            self.session.run.deadline_at = timezone.now() + CLEANUP_TIME

    def _stop_at(self, gate: gates.Waiting | StepMove) -> bool:
        """End the step here, or ask people and let go of the run until they answered."""
        if isinstance(gate, StepMove):
            self._settle(gate)
            return True
        moves, lease = [*self.moves, *gate.move()], self.session.lease
        boundary.park(
            lease, moves, WaitingFor.APPROVAL, gate.detail,
            warnings=self.warnings, also=gate.ask,
        )  # fmt: skip
        if lease.cancel_requested and not self.session.is_cancelled:
            # It came while the question was written: nobody is to be asked any more.
            withdraw_gates(lease.run.pk)
        return False

    def _park(self, execution: StepExecution, parked: Parked) -> bool:
        move = StepMove(
            execution,
            StepStatus.RUNNING,
            {
                "parked_kind": parked.kind,
                "parked_ref": parked.ref,
                "deadline_at": parked.deadline,
                "wake_message": None,
            },
        )
        boundary.park(
            self.session.lease,
            [*self.moves, move],
            parked.kind,
            parked.detail,
            warnings=self.warnings,
        )
        return False

    def _rebuild_workspace(self, writer: LogWriter) -> None:
        """On a machine without the run's folder, run the finished `workspace` steps again.

        Raises:
            StepFailedError: one of them did not succeed this time.
        """
        marker = self.workspace.root / "built"
        if marker.exists():
            return
        finished = [
            execution
            for execution in self.session.executions
            if execution.status == StepStatus.SUCCESS
            and step_types.get(execution.step_type).effect == "workspace"
        ]
        if finished:
            self.workspace.clear()
            for execution in finished:
                self._replay(execution, writer)
        marker.touch()

    def _replay(self, execution: StepExecution, writer: LogWriter) -> None:
        writer.write(f"::group::Rebuilding the workspace: {execution.step_name}\n".encode())
        plan = plan_step(self.session, execution, is_decided=True)
        if plan.instead is not None:
            raise StepFailedError(
                f"The workspace could not be rebuilt: {plan.instead.changes['error_message']}",
                reason="workspace_lost",
            )
        deadline = step_deadline(self.session, execution)
        attempt = Attempt(self.session, execution, plan, self.workspace, self.control, deadline)
        attempt.rebuild(writer)
        writer.write(b"::endgroup::\n")

    def _tidy(self) -> None:
        """The run is over: its scratch files go, its working folder stays for retries."""
        for folder in ("tmp", "steps"):
            shutil.rmtree(self.workspace.root / folder, ignore_errors=True)
        if self.session.run.status == RunStatus.SUCCESS:
            self.workspace.clear()
