"""One worker's turn at one run: what its steps have in common, alone or side by side."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.utils import timezone

from devops.errors import Fenced
from devops.storage.logs import LogWriter
from pipelines import step_types
from pipelines.choices import CLEANUP_TIME, TIMED_OUT, Phase, StepStatus, WaitingFor
from pipelines.engine import boundary
from pipelines.engine.attempt import Attempt
from pipelines.engine.control import RunControl, StepControl
from pipelines.engine.gates import Waiting, consult
from pipelines.engine.moves import Repeat, StepMove, Wait, Write, is_delayed
from pipelines.engine.planning import failed, plan_step, step_deadline
from pipelines.engine.session import Session
from pipelines.engine.snapshots import Keeper
from pipelines.engine.views import Stage
from pipelines.engine.workspace import Workspace
from pipelines.models import StepExecution
from pipelines.steps.base import Parked, StepFailedError


@dataclass(slots=True)
class Turn:
    """What is known and not yet committed while a worker executes a run.

    `moves` and `warnings` wait for the next commit, which tells the end of one step and the
    start of the next in one transaction. Steps that run side by side share the lease: whoever
    plans, settles or commits holds `lock`.
    """

    session: Session
    control: RunControl
    workspace: Workspace
    moves: list[StepMove] = field(default_factory=list)
    warnings: int = 0
    has_extra_time: bool = False
    keeper: Keeper = field(init=False)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _building: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.keeper = Keeper(self.session, self.workspace)
        # What an earlier turn granted is not granted anew.
        self.has_extra_time = self.session.timed_out

    def begin(self, execution: StepExecution, control: StepControl) -> Attempt | Waiting | None:
        """Plan a step and commit its start; None when it ended without running.

        Or people are to be asked first; nothing of that is written yet.
        """
        with self.lock:
            self.note_deadline()
            was_running = execution.status == StepStatus.RUNNING
            is_decided = execution.status != StepStatus.PENDING
            plan = plan_step(self.session, execution, is_decided=is_decided)
            self.warnings += plan.warnings
            if plan.instead is not None:
                self.settle(plan.instead)
                return None
            gate: Waiting | StepMove | None = self._too_late(execution)
            if gate is None and not was_running:
                gate = consult(self.session, execution)
            if isinstance(gate, StepMove):
                self.settle(gate)
                return None
            if gate is not None:
                return gate
            # A worker died over it, and what it had begun goes on: in the time that it had.
            is_resumed = was_running and not execution.parked_kind
            deadline = step_deadline(self.session, execution)
            if is_resumed and execution.deadline_at is not None:
                deadline = execution.deadline_at
            if not was_running:
                self.moves.append(StepMove.start(execution, deadline, plan.name))
            self.commit()
        return Attempt(self.session, execution, plan, self.workspace, control, deadline, is_resumed)

    def perform(self, attempt: Attempt) -> StepMove | Parked:
        """Run a started attempt, or have what a parked one started called off."""
        if attempt.execution.parked_kind and self.is_called_off(attempt.execution):
            outcome: StepMove | Parked = attempt.call_off()
        elif attempt.execution.parked_kind and self._has_waited_too_long(attempt):
            outcome = attempt.give_up()
        else:
            if attempt.is_resumed and self.is_called_off(attempt.execution):
                attempt.control.stop("cancelled")
            outcome = attempt.perform(self._rebuild_workspace)
        if self.control.reason == "lease_lost":
            raise Fenced("The lease was lost while the step ran.")
        deadline = self.session.run.deadline_at
        is_late = deadline is not None and timezone.now() >= deadline
        if is_late and isinstance(outcome, StepMove) and outcome.changes["reason"] == "timed_out":
            self.session.timed_out = True
        return outcome

    def _too_late(self, execution: StepExecution) -> StepMove | None:
        """The end of a step that waited, approved or not, when the run was stopped meanwhile.

        What stands under `finally` may still ask, and begin.
        """
        if execution.status != StepStatus.WAITING_APPROVAL or execution.phase != Phase.MAIN:
            return None
        if self.session.is_cancelled:
            words = "Cancelled before it began."
            changes = {
                "reason": "cancelled", "error_message": words, "completed_at": timezone.now(),
            }  # fmt: skip
            return StepMove(execution, StepStatus.CANCELLED, changes)
        if self.session.timed_out:
            return failed(execution, "timed_out", "The run's time was over before it began.")
        return None

    def _has_waited_too_long(self, attempt: Attempt) -> bool:
        """Whether a parked step's time, or the run's, is over and nobody has answered."""
        if attempt.execution.wake_message:
            return False
        is_over = attempt.deadline_at is not None and attempt.deadline_at <= timezone.now()
        return is_over or (self.session.timed_out and attempt.execution.phase == Phase.MAIN)

    def is_called_off(self, execution: StepExecution) -> bool:
        """Whether a cancel concerns a step that began before it came."""
        asked_at = self.session.run.cancel_requested_at
        if not self.session.is_cancelled or asked_at is None or execution.started_at is None:
            return self.session.is_cancelled
        return execution.started_at <= asked_at

    def settle(self, move: StepMove) -> None:
        """Let later steps see an end at once; it is committed with the next start."""
        self.warnings += move.warnings
        self.session.pin(move.commit_sha)
        if move.to == StepStatus.FAILURE and move.execution.continue_on_error:
            self.warnings += 1
        self.moves.append(move)
        move.apply()

    def catch_up(self, stage: Stage) -> None:
        """Keep the folder that a predecessor on this machine left after a stage."""
        if (self.workspace.root / "built").exists():
            self.keeper.recall()
            self.keep_workspace(stage)

    def keep_workspace(self, stage: Stage) -> None:
        """Keep the folder as a finished stage left it, in one commit with the stage's end."""
        snapshot = self.keeper.after(stage)
        if snapshot is not None:
            self.commit(also=[partial(snapshot.save, force_insert=True)])

    def commit(
        self, repeats: Sequence[Repeat] = (), also: Sequence[Write] = ()
    ) -> list[StepExecution]:
        """Write what waits to be written; returns the attempts that follow on `repeats`."""
        moves, self.moves = self.moves, []
        warnings, self.warnings = self.warnings, 0
        following = boundary.advance(
            self.session.lease, moves, repeats, warnings=warnings, also=also
        )
        for repeat, attempt in zip(repeats, following, strict=True):
            self.session.follow_up(repeat.execution, attempt)
        if self.session.lease.cancel_requested:
            self.control.stop("cancelled")
        return following

    def leave(
        self,
        waiting_for: str,
        detail: str,
        repeats: Sequence[Repeat] = (),
        *,
        asked: int = 0,
        also: Sequence[Write] = (),
    ) -> bool:
        """Let go of the run until something outside happens; false when that happened already.

        `asked` counts the steps that wait for people.
        """
        wait = Wait(waiting_for, detail, self.session.is_cancelled, asked, also)
        is_left = boundary.park(
            self.session.lease, self.moves, wait, repeats, warnings=self.warnings
        )
        if not is_left and self.session.lease.cancel_requested:
            self.control.stop("cancelled")
        return is_left

    def hand_over(self, stopped: Sequence[StepMove] = ()) -> None:
        """This worker ends: another one repeats what was interrupted and goes on."""
        why = f"Worker {self.session.worker.name} was stopped; another one takes over."
        repeats = [Repeat(move.execution) for move in stopped]
        boundary.release(self.session.lease, [*self.moves, *stopped], repeats, why)

    def seconds_left(self, execution: StepExecution) -> float:
        """How long an attempt still has to wait for its moment; nothing once the run is ending."""
        moment = execution.deadline_at
        is_ending = self.session.is_cancelled or self.session.timed_out
        if is_ending or moment is None or not is_delayed(execution):
            return 0.0
        if self.session.run.deadline_at is not None:
            moment = min(moment, self.session.run.deadline_at)
        return max(0.0, (moment - timezone.now()).total_seconds())

    def note_cancel(self) -> None:
        """Turn what was said to the run into what later steps may ask for."""
        if self.control.reason == "lease_lost":
            raise Fenced("The lease was lost.")
        if self.control.reason in {"cancelled", "force_cancelled"}:
            self.session.is_cancelled = True
            self.control.consume_cancel()

    def note_deadline(self) -> None:
        """After the run's time only what runs in any case still runs, for a time of its own."""
        deadline = self.session.run.deadline_at
        if deadline is not None and timezone.now() >= deadline and not self.has_extra_time:
            self.session.timed_out = True
            self.has_extra_time = True
            # Written with the next commit: whoever takes over goes on with what is left of it.
            self.session.run.reason = TIMED_OUT
            self.session.run.deadline_at = timezone.now() + CLEANUP_TIME

    def _rebuild_workspace(self, writer: LogWriter) -> None:
        """Where the run's folder is not, bring back what was kept and repeat the steps after it.

        Raises:
            StepFailedError: one of them did not succeed this time.
        """
        with self._building:
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
                covered = self.keeper.restore(writer)
                for execution in finished:
                    if execution.position > covered:
                        self._replay(execution, writer)
            marker.touch()

    def _replay(self, execution: StepExecution, writer: LogWriter) -> None:
        writer.write(f"::group::Rebuilding the workspace: {execution.step_name}\n".encode())
        with self.lock:
            plan = plan_step(self.session, execution, is_decided=True)
        if plan.instead is not None:
            raise StepFailedError(
                f"The workspace could not be rebuilt: {plan.instead.changes['error_message']}",
                reason="workspace_lost",
            )
        deadline = step_deadline(self.session, execution)
        control = StepControl(self.control)
        attempt = Attempt(self.session, execution, plan, self.workspace, control, deadline)
        attempt.rebuild(writer)
        writer.write(b"::endgroup::\n")


def parking(attempt: Attempt, parked: Parked) -> StepMove:
    """The move of a step that waits for something outside, at most as long as it may run."""
    ends = (parked.deadline, attempt.deadline_at if parked.kind == "external" else None)
    changes = {
        "parked_kind": parked.kind,
        "parked_ref": parked.ref,
        "deadline_at": min(moment for moment in ends if moment is not None),
        "wake_message": None,
    }
    return StepMove(attempt.execution, StepStatus.RUNNING, changes)


def delay_words(execution: StepExecution, due_at: datetime | None) -> tuple[str, str]:
    """What a run waits for whose step is tried again later: a word and a sentence."""
    return (
        WaitingFor.EXTERNAL,
        f"Step {execution.step_name} is tried again at {due_at:%H:%M:%S} UTC.",
    )
