"""One attempt at one step, from its evaluated configuration to its outcome."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from devops import nudge
from devops.errors import DomainError, Fenced, PermanentError, TransientError
from devops.safety.masking import Masker
from devops.storage.logs import LogWriter
from pipelines import step_types
from pipelines.choices import StepStatus
from pipelines.engine.boundary import StepMove, release_connection
from pipelines.engine.control import RunControl
from pipelines.engine.executors.process import ProcessExecutor
from pipelines.engine.first_error import first_error_line
from pipelines.engine.session import Session
from pipelines.engine.workspace import StepFiles, Workspace
from pipelines.expressions import ExpressionError, condition, interpolate_value
from pipelines.models import StepExecution
from pipelines.steps.base import Done, Outcome, Parked, StepContext, StepFailedError
from pipelines.steps.registry import handler_for

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a step: run it with these values, or move it on without running."""

    config: Any = None
    environment: Mapping[str, str] | None = None
    contexts: Mapping[str, Any] | None = None
    instead: StepMove | None = None
    warnings: int = 0


def plan_step(session: Session, execution: StepExecution) -> Plan:
    """Decide whether the step runs, and with which values."""
    step = session.definitions[execution.step_key]
    contexts = session.contexts(step)
    functions = session.functions()
    if not step.get("is_active", True):
        return Plan(instead=StepMove.skip(execution, "inactive", "The step is switched off."))
    try:
        if not condition(step.get("condition") or "", contexts, functions=functions):
            return Plan(instead=_not_run(session, execution, step))
    except ExpressionError as error:
        message = f"The condition could not be evaluated, so the step did not run: {error}"
        move = StepMove.skip(execution, "condition_error", message)
        return Plan(instead=move, warnings=1)
    try:
        environment = _environment(session, step, contexts, functions)
        raw = interpolate_value(
            {**step["configuration"], **step.get("inputs", {})}, contexts, functions=functions
        )
        config = step_types.build_configuration(execution.step_type, raw)
    except (
        ExpressionError,
        step_types.ConfigurationError,
        step_types.UnknownStepTypeError,
    ) as error:
        message = f"The configuration of step {execution.step_name} is not usable: {error}"
        return Plan(instead=failed(execution, "configuration", message))
    return Plan(config, environment, contexts)


def _not_run(session: Session, execution: StepExecution, step: Mapping[str, Any]) -> StepMove:
    if session.is_cancelled:
        return StepMove(execution, StepStatus.CANCELLED, {"reason": "cancelled"})
    if session.has_failed():
        return StepMove.skip(execution, "earlier_failure", "An earlier step failed.")
    text = f"The condition {step.get('condition')!r} was not met."
    return StepMove.skip(execution, "condition", text)


def failed(execution: StepExecution, reason: str, message: str) -> StepMove:
    """The end of an attempt that could not run."""
    now = timezone.now()
    changes = {"reason": reason, "error_message": message, "completed_at": now}
    return StepMove(execution, StepStatus.FAILURE, changes)


def _environment(
    session: Session,
    step: Mapping[str, Any],
    contexts: Mapping[str, Any],
    functions: Mapping[str, Any],
) -> dict[str, str]:
    declared = {**session.run.snapshot.get("environment", {}), **step.get("environment", {})}
    values = interpolate_value(declared, contexts, functions=functions)
    environment = {name: _text(value) for name, value in values.items()}
    for name in step.get("secret_refs", ()):
        if name in session.secrets:
            environment.setdefault(name, session.secrets[name])
    return {**environment, **session.base_environment()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def step_deadline(session: Session, execution: StepExecution) -> datetime | None:
    """When the attempt's time is over: its own limit or the run's, whichever is first."""
    limit = session.definitions[execution.step_key].get("timeout_minutes")
    own = timezone.now() + timedelta(minutes=limit) if limit else None
    moments = [moment for moment in (own, session.run.deadline_at) if moment is not None]
    return min(moments, default=None)


@dataclass(slots=True)
class Attempt:
    """Runs one started attempt through its handler and gathers what it left."""

    session: Session
    execution: StepExecution
    plan: Plan
    workspace: Workspace
    control: RunControl
    deadline_at: datetime | None

    def perform(self) -> StepMove | Parked:
        """Run the handler; whatever it raises becomes the attempt's failure.

        Raises:
            Fenced: another worker has the run.
        """
        files = self.workspace.step_files(self.execution.pk)
        files.prepare()
        began = time.monotonic()
        with self._log() as writer:
            executor = self._executor(files, writer)
            context = self._context(files, writer, executor)
            outcome = self._call(context, writer)
            stopped = executor.should_stop()
            if isinstance(outcome, Parked):
                return outcome
            move = self._move(outcome, files, stopped)
            if move.to == StepStatus.FAILURE and move.changes["error_message"]:
                writer.write(_line(move.changes["error_message"]))
        move.changes["duration_ms"] = round((time.monotonic() - began) * 1000)
        move.changes["log_truncated"] = bool(writer.dropped_bytes)
        if move.to == StepStatus.FAILURE:
            move.changes["first_error_line"] = first_error_line(self.execution.pk)
        return move

    def rebuild(self, writer: LogWriter) -> None:
        """Run a finished `workspace` step again for its effect on the folder alone.

        Raises:
            StepFailedError: it did not succeed this time.
        """
        files = self.workspace.step_files(self.execution.pk)
        files.prepare()
        executor = self._executor(files, writer)
        outcome = self._call(self._context(files, writer, executor), writer)
        if not isinstance(outcome, Done) or outcome.status != "success":
            raise StepFailedError(
                f"The workspace could not be rebuilt: step {self.execution.step_name} failed.",
                reason="workspace_lost",
            )

    def _call(self, context: StepContext, writer: LogWriter) -> Outcome:
        handler = handler_for(self.execution.step_type)
        if handler is None:
            text = f"This worker has no handler for the step type {self.execution.step_type!r}."
            return Done("failure", reason="handler_missing", error_message=text)
        try:
            if self.execution.parked_kind:
                message = self.execution.wake_message or {}
                return handler.resume(context, self.execution.parked_ref, message)
            return handler.execute(context)
        except StepFailedError as error:
            return Done("failure", reason=error.reason, error_message=error.message)
        except Fenced:
            raise
        except (DomainError, PermanentError, TransientError) as error:
            return Done("failure", reason="failed", error_message=str(error))
        except OSError as error:
            return Done("failure", reason="system", error_message=_system_words(error))
        except DatabaseError:
            raise
        except Exception as error:
            logger.exception("handler of %s failed", self.execution.step_type)
            text = f"The step's handler has a defect: {type(error).__name__}: {error}"
            return Done("failure", reason="defect", error_message=text)
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
            "outputs": outputs,
            "summary": summary,
            "exit_code": outcome.exit_code,
            "reason": outcome.reason,
            "error_message": outcome.error_message,
            "deadline_at": None,
            "parked_kind": "",
            "wake_message": None,
        }
        if outcome.status == "success":
            return StepMove(self.execution, StepStatus.SUCCESS, changes)
        if stopped in {"cancelled", "force_cancelled"}:
            changes |= {"reason": "cancelled", "error_message": "Cancelled while it ran."}
            return StepMove(self.execution, StepStatus.CANCELLED, changes)
        if stopped == "timed_out":
            changes |= {"reason": "timed_out", "error_message": self._timeout_words()}
        elif stopped == "worker_stopped":
            changes |= {"reason": stopped, "error_message": "The worker was stopped."}
        return StepMove(self.execution, StepStatus.FAILURE, changes)

    def _timeout_words(self) -> str:
        limit = self.session.definitions[self.execution.step_key].get("timeout_minutes")
        run_deadline = self.session.run.deadline_at
        if limit and (run_deadline is None or self.deadline_at != run_deadline):
            return f"The step took longer than its {limit:g} minutes and was ended."
        minutes = self.session.run.snapshot["timeout_minutes"]
        return f"The run took longer than its {minutes:g} minutes; the step was ended."

    def _executor(self, files: StepFiles, writer: LogWriter) -> ProcessExecutor:
        left = None
        if self.deadline_at is not None:
            left = time.monotonic() + (self.deadline_at - timezone.now()).total_seconds()
        return ProcessExecutor(
            self.workspace,
            files,
            writer,
            self.control,
            left,
            self.session.facts.is_trusted,
            release_connection,
        )

    def _context(
        self, files: StepFiles, writer: LogWriter, executor: ProcessExecutor
    ) -> StepContext:
        environment = {
            **(self.plan.environment or {}),
            "HOME": str(self.workspace.home),
            "TMPDIR": str(self.workspace.temporary),
            "POWERNODE_WORKSPACE": str(self.workspace.work),
            "POWERNODE_OUTPUT": str(files.output),
            "POWERNODE_SUMMARY": str(files.summary),
            "POWERNODE_STEP": self.execution.step_key,
        }
        facts = self.session.facts
        return StepContext(
            run=facts,
            execution_id=self.execution.pk,
            step_key=self.execution.step_key,
            step_name=self.execution.step_name,
            attempt=self.execution.attempt,
            key=f"{facts.id.hex}:{self.execution.step_key}:{self.execution.attempt}",
            config=self.plan.config,
            environment=environment,
            contexts=self.plan.contexts or {},
            workspace=self.workspace.work,
            scratch=files.folder,
            log=lambda text: writer.write(_line(text)),
            commands=executor,
            should_stop=executor.should_stop,
            deadline_at=self.deadline_at,
        )

    @contextmanager
    def _log(self) -> Iterator[LogWriter]:
        group = f"log.{self.execution.pk.hex}"
        writer = LogWriter(
            self.execution.pk,
            self.session.run.account_id,
            masker=Masker(self.session.secrets.values()),
            on_append=lambda info: nudge.send(
                group, {"type": "log.nudge", "size": info.size_bytes}
            ),
        )
        try:
            yield writer
        finally:
            writer.close()
            nudge.send(group, {"type": "log.nudge", "size": -1})


def _line(text: str) -> bytes:
    return (text.rstrip("\n") + "\n").encode("utf-8", errors="replace")


def _system_words(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"The worker's machine refused: {error.strerror or error}{where}."
