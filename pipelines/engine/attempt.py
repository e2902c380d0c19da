"""One attempt at one step, from its evaluated configuration to its outcome."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from containers.public import Owner
from devops import nudge
from devops.connections import release_connection
from devops.errors import DomainError, Fenced, PermanentError, TransientError
from devops.safety.masking import Masker
from devops.storage.logs import LogWriter
from pipelines.choices import Phase, StepStatus
from pipelines.engine.caching import StepCaching
from pipelines.engine.control import StepControl
from pipelines.engine.declared import declared_outputs
from pipelines.engine.executors.base import Executor
from pipelines.engine.executors.docker import DockerExecutor
from pipelines.engine.executors.process import ProcessExecutor
from pipelines.engine.first_error import first_error_line
from pipelines.engine.moves import StepMove
from pipelines.engine.planning import Plan
from pipelines.engine.session import Session
from pipelines.engine.workspace import StepFiles, Workspace
from pipelines.models import StepExecution
from pipelines.operations.attempts import owner_of
from pipelines.steps.base import (
    Done,
    Outcome,
    Parked,
    StepContext,
    StepFailedError,
    StepHandler,
)
from pipelines.steps.registry import handler_for

logger = logging.getLogger(__name__)

FAIL_FAST = "Cancelled because a step beside it failed."


@dataclass(slots=True)
class Attempt:
    """Runs one started attempt through its handler and gathers what it left."""

    session: Session
    execution: StepExecution
    plan: Plan
    workspace: Workspace
    control: StepControl
    deadline_at: datetime | None
    is_resumed: bool = False
    _log_known: int = 0

    def perform(self, prepare: Callable[[LogWriter], None]) -> StepMove | Parked:
        """Prepare, then run the handler; whatever either raises becomes the attempt's failure.

        Raises:
            Fenced: another worker has the run.
        """
        files = self.workspace.step_files(self.execution.pk)
        if self.is_resumed:
            files.ensure()
        else:
            files.prepare()
        began = time.monotonic()
        with self._log() as writer:
            self._log_known = writer.settle() if self.is_resumed else 0
            executor = self._executor(files, writer)
            context = self._context(files, writer, executor)
            caching = self._caching(writer)
            outcome = self._call(lambda: self._prepared(context, prepare, writer, caching), writer)
            stopped = executor.should_stop()
            if isinstance(outcome, Parked):
                # What is written after the wake-up belongs to the same log.
                writer.suspend()
                return outcome
            move = self._move(outcome, files, stopped)
            self._warn(move, outcome.warnings, writer)
            if move.to == StepStatus.FAILURE and move.changes["error_message"]:
                writer.write(_line(move.changes["error_message"]))
            if move.to == StepStatus.SUCCESS:
                self._check_outputs(move, writer)
                if caching is not None:
                    caching.save()
        move.changes["duration_ms"] = round((time.monotonic() - began) * 1000)
        move.changes["log_truncated"] = bool(writer.dropped_bytes)
        if move.to == StepStatus.FAILURE:
            move.changes["first_error_line"] = first_error_line(self.execution.pk)
            release_connection()
        return move

    def rebuild(self, writer: LogWriter) -> None:
        """Run a finished `workspace` step again for its effect on the folder alone.

        Raises:
            StepFailedError: it did not succeed this time.
        """
        files = self.workspace.step_files(self.execution.pk)
        files.prepare()
        executor = self._executor(files, writer, is_rebuilding=True)
        context = self._context(files, writer, executor)
        outcome = self._call(lambda: self._handler().execute(context), writer)
        if not isinstance(outcome, Done) or outcome.status != "success":
            raise StepFailedError(
                f"The workspace could not be rebuilt: step {self.execution.step_name} failed.",
                reason="workspace_lost",
            )

    def call_off(self) -> StepMove:
        """Have a parked step's far side stopped; the attempt ends as cancelled."""
        return self._stopped(StepStatus.CANCELLED, "cancelled", "Cancelled while it waited.")

    def give_up(self) -> StepMove:
        """Have a parked step's far side stopped because its time is over: it has failed."""
        return self._stopped(StepStatus.FAILURE, "timed_out", self._timeout_words())

    def _stopped(self, to: str, reason: str, message: str) -> StepMove:
        files = self.workspace.step_files(self.execution.pk)
        files.prepare()

        def cancel() -> Outcome:
            context = self._context(files, writer, self._executor(files, writer))
            self._handler().cancel(context, self.execution.parked_ref)
            return Done()

        with self._log() as writer:
            outcome = self._call(cancel, writer)
        if isinstance(outcome, Done) and outcome.status == "failure":
            message += f" What it started may still go on: {outcome.error_message}"
        changes = {
            "reason": reason,
            "error_message": self._masked(message),
            "completed_at": timezone.now(),
            "parked_kind": "",
            "deadline_at": None,
        }
        return StepMove(self.execution, to, changes)

    def _caching(self, writer: LogWriter) -> StepCaching | None:
        declared = self.session.definitions[self.execution.step_key].get("cache")
        if not declared:
            return None
        contexts = self.plan.contexts or {}
        return StepCaching(self.session, self.workspace, declared, contexts, writer)

    def _prepared(
        self,
        context: StepContext,
        prepare: Callable[[LogWriter], None],
        writer: LogWriter,
        caching: StepCaching | None,
    ) -> Outcome:
        prepare(writer)
        if caching is not None and not self.execution.parked_kind:
            if self.is_resumed:
                caching.recall()
            else:
                caching.restore()
            is_hit = "true" if caching.is_hit else "false"
            context.environment = {**context.environment, "POWERNODE_CACHE_HIT": is_hit}
        if self.execution.parked_kind:
            message = self.execution.wake_message or {}
            return self._handler().resume(context, self.execution.parked_ref, message)
        if not self.is_resumed and context.should_stop():
            # Said while its start was committed: nothing is begun that had to be undone.
            raise StepFailedError("The step was stopped before it began.", reason="stopped")
        return self._handler().execute(context)

    def _handler(self) -> StepHandler:
        handler = handler_for(self.execution.step_type)
        if handler is None:
            text = f"This worker has no handler for the step type {self.execution.step_type!r}."
            raise StepFailedError(text, reason="handler_missing")
        return handler

    def _call(self, work: Callable[[], Outcome], writer: LogWriter) -> Outcome:
        try:
            return work()
        except (Fenced, DatabaseError):
            raise
        except Exception as error:
            reason, message = _failure(error)
            if reason == "defect":
                logger.exception("handler of %s failed", self.execution.step_type)
            return Done("failure", reason=reason, error_message=message)
        finally:
            writer.tick()

    def _move(self, outcome: Done, files: StepFiles, stopped: str) -> StepMove:
        try:
            outputs = {**files.read_outputs(), **outcome.outputs}
            summary = files.read_summary()
        except StepFailedError as error:
            outcome = Done("failure", reason="outputs", error_message=error.message)
            outputs, summary = dict(outcome.outputs), ""
        changes: dict[str, Any] = {
            "completed_at": timezone.now(),
            "outputs": self._masked(outputs),
            "summary": self._masked(summary),
            "exit_code": outcome.exit_code,
            "reason": outcome.reason,
            "error_message": self._masked(outcome.error_message),
            "deadline_at": None,
            "parked_kind": "",
            "wake_message": None,
        }
        if outcome.status == "success":
            return StepMove(
                self.execution, StepStatus.SUCCESS, changes, commit_sha=outcome.commit_sha
            )
        if stopped == "fail_fast":
            changes |= {"reason": stopped, "error_message": FAIL_FAST}
            return StepMove(self.execution, StepStatus.CANCELLED, changes)
        if stopped in {"cancelled", "force_cancelled"}:
            changes |= {"reason": "cancelled", "error_message": "Cancelled while it ran."}
            return StepMove(self.execution, StepStatus.CANCELLED, changes)
        if stopped == "timed_out":
            changes |= {"reason": "timed_out", "error_message": self._timeout_words()}
        elif stopped == "worker_stopped":
            changes |= {"reason": stopped, "error_message": "The worker was stopped."}
        return StepMove(self.execution, StepStatus.FAILURE, changes)

    def _check_outputs(self, move: StepMove, writer: LogWriter) -> None:
        """Bring declared outputs into their type; what is missing or does not fit is a warning."""
        declared = self.session.definitions[self.execution.step_key].get("outputs")
        if not declared:
            return
        move.changes["outputs"], complaints = declared_outputs(declared, move.changes["outputs"])
        self._warn(move, complaints, writer)

    def _warn(self, move: StepMove, texts: Sequence[str], writer: LogWriter) -> None:
        for text in texts:
            writer.write(_line(f"Warning: {text}"))
        move.warnings += len(texts)

    def _masked(self, value: Any) -> Any:
        """What a step leaves is shown to everyone who may see the run: no secret in it."""
        if not self.session.known_secrets:
            return value
        if isinstance(value, str):
            data = self.session.mask(value.encode("utf-8", errors="replace"))
            return data.decode(errors="replace")
        if isinstance(value, Mapping):
            return {self._masked(key): self._masked(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(member) for member in value]
        return value

    def _timeout_words(self) -> str:
        limit = self.session.definitions[self.execution.step_key].get("timeout_minutes")
        run_deadline = self.session.run.deadline_at
        is_runs = self.session.timed_out and self.execution.phase == Phase.MAIN
        if limit and not is_runs and (run_deadline is None or self.deadline_at != run_deadline):
            return f"The step took longer than its {limit:g} minutes and was ended."
        minutes = self.session.run.snapshot["timeout_minutes"]
        return f"The run took longer than its {minutes:g} minutes; the step was ended."

    def _executor(
        self, files: StepFiles, writer: LogWriter, *, is_rebuilding: bool = False
    ) -> Executor:
        left = None
        if self.deadline_at is not None:
            left = time.monotonic() + (self.deadline_at - timezone.now()).total_seconds()
        trusted, machine = self.session.facts.is_trusted, self.plan.machine
        if machine is None:
            return ProcessExecutor(
                self.workspace, files, writer, self.control, left, trusted, release_connection
            )
        lease = self.session.lease
        owner = owner_of(self.execution.pk)
        return DockerExecutor(
            self.workspace, files, writer, self.control, left, trusted, release_connection,
            machine,
            Owner(
                self.session.run.account_id,
                # What is repeated for its effect on the folder alone has containers of its own.
                f"{owner}:rebuilt:{lease.fence}" if is_rebuilding else owner,
                self.session.worker.pk.hex,
                lease.fence,
                {
                    "run": str(self.session.run.pk),
                    "step": self.execution.step_key,
                    "attempt": str(self.execution.attempt),
                },
            ),
            self._log_known,
        )  # fmt: skip

    def _context(self, files: StepFiles, writer: LogWriter, executor: Executor) -> StepContext:
        environment = {
            **(self.plan.environment or {}),
            "HOME": str(self.workspace.home),
            "TMPDIR": str(self.workspace.temporary),
            "POWERNODE_WORKSPACE": str(self.workspace.work),
            "POWERNODE_OUTPUT": str(files.output),
            "POWERNODE_SUMMARY": str(files.summary),
            "POWERNODE_STEP": self.execution.step_key,
        }
        facts, place = self.session.facts, self.execution.step_key
        if self.session.is_matrix(place):
            place = f"{place}.{self.execution.matrix_index}"
        return StepContext(
            run=facts,
            execution_id=self.execution.pk,
            step_key=self.execution.step_key,
            place=place,
            step_name=self.execution.step_name,
            attempt=self.execution.attempt,
            key=f"{facts.id.hex}:{place}:{self.execution.attempt}",
            config=self.plan.config,
            environment=environment,
            contexts=self.plan.contexts or {},
            workspace=self.workspace.work,
            scratch=files.folder,
            log=lambda text: writer.write(_line(text)),
            mask=self.session.mask,
            commands=executor,
            should_stop=executor.should_stop,
            deadline_at=self.deadline_at,
            is_resumed=self.is_resumed,
            standing=self.session.verdict().status,
        )

    @contextmanager
    def _log(self) -> Iterator[LogWriter]:
        group = f"log.{self.execution.pk.hex}"
        writer = LogWriter(
            self.execution.pk,
            self.session.run.account_id,
            masker=Masker(self.session.known_secrets),
            on_append=lambda info: nudge.send(
                group, {"type": "log.nudge", "size": info.size_bytes}
            ),
        )
        try:
            yield writer
        except Fenced:
            # A successor may go on with the same log.
            writer.abandon()
            raise
        finally:
            writer.close()
            nudge.send(group, {"type": "log.nudge", "size": -1})


def _line(text: str) -> bytes:
    return (text.rstrip("\n") + "\n").encode("utf-8", errors="replace")


def _failure(error: Exception) -> tuple[str, str]:
    """Reason and sentence for what a handler raised."""
    if isinstance(error, StepFailedError):
        return error.reason, error.message
    if isinstance(error, DomainError | PermanentError | TransientError):
        return "failed", str(error)
    if isinstance(error, OSError):
        return "system", _system_words(error)
    return "defect", f"The step's handler has a defect: {type(error).__name__}: {error}"


def _system_words(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"The worker's machine refused: {error.strerror or error}{where}."
