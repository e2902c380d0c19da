"""What is to be done with a step, seen from its run: conditions, values, deadlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from devops.errors import DomainError
from pipelines import step_types
from pipelines.choices import Phase, StepStatus
from pipelines.documents.expansion import one_line
from pipelines.documents.vocabulary import NO_IMAGE
from pipelines.engine.executors.docker import Machine, env_text
from pipelines.engine.moves import StepMove
from pipelines.engine.session import Session
from pipelines.expressions import ExpressionError, condition, interpolate, interpolate_value
from pipelines.expressions.coercion import to_string
from pipelines.models import StepExecution


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with a step: run it with these values, or move it on without running."""

    config: Any = None
    environment: Mapping[str, str] | None = None
    contexts: Mapping[str, Any] | None = None
    name: str = ""
    instead: StepMove | None = None
    warnings: int = 0
    machine: Machine | None = None


def plan_step(session: Session, execution: StepExecution, *, is_decided: bool = False) -> Plan:
    """Decide whether the step runs, and with which values.

    `is_decided`: it began already, so neither its switch nor its condition is asked again.
    """
    step = session.definitions[execution.step_key]
    if not is_decided:
        refusal = _refusal(session, execution, step)
        if refusal is not None:
            return refusal
    functions = session.functions(execution)
    try:
        secrets = session.read_secrets(step)
    except DomainError as error:
        return Plan(instead=failed(execution, "secret_missing", str(error)))
    contexts = session.contexts(execution, secrets)
    try:
        environment = _environment(session, step, contexts, functions)
        name = _name(session, step, execution, contexts, functions)
        raw = interpolate_value(
            {**step["configuration"], **step.get("inputs", {})}, contexts, functions=functions
        )
        config = step_types.build_configuration(execution.step_type, raw)
        machine = _machine(session, step, contexts, functions)
    except (
        ExpressionError,
        step_types.ConfigurationError,
        step_types.UnknownStepTypeError,
    ) as error:
        message = f"The configuration of step {execution.step_name} is not usable: {error}"
        return Plan(instead=failed(execution, "configuration", message))
    return Plan(config, environment, contexts, name, machine=machine)


def _machine(
    session: Session,
    step: Mapping[str, Any],
    contexts: Mapping[str, Any],
    functions: Mapping[str, Any],
) -> Machine | None:
    """Where the step's commands run: None on this worker, else in a container of an image."""
    whole = session.run.snapshot.get("settings") or {}
    image = step.get("image") or whole.get("image") or ""
    if not image or image == NO_IMAGE:
        return None
    services = {**(whole.get("services") or {}), **(step.get("services") or {})}
    image = to_string(interpolate(image, contexts, functions=functions))
    return Machine(image, interpolate_value(services, contexts, functions=functions))


def _refusal(session: Session, execution: StepExecution, step: Mapping[str, Any]) -> Plan | None:
    if not step.get("is_active", True):
        return Plan(instead=StepMove.skip(execution, "inactive", "The step is switched off."))
    functions = session.functions(execution)
    source = step.get("condition") or ""
    try:
        # What stands under `finally` runs whatever happened, unless it says otherwise.
        if condition(
            source,
            session.contexts(execution, {}) if source else {},
            functions=functions,
            implies_success=execution.phase != Phase.FINALLY,
        ):
            return None
    except ExpressionError as error:
        message = f"The condition could not be evaluated, so the step did not run: {error}"
        move = StepMove.skip(execution, "condition_error", message)
        return Plan(instead=move, warnings=1)
    return Plan(instead=_not_run(session, execution, step))


def _not_run(session: Session, execution: StepExecution, step: Mapping[str, Any]) -> StepMove:
    if session.is_cancelled:
        return StepMove(execution, StepStatus.CANCELLED, {"reason": "cancelled"})
    if session.timed_out:
        return StepMove.skip(execution, "timed_out", "The run's time was over.")
    if session.has_failed(execution):
        return StepMove.skip(execution, "earlier_failure", "An earlier step failed.")
    text = f"The condition {step.get('condition')!r} was not met."
    return StepMove.skip(execution, "condition", text)


def failed(execution: StepExecution, reason: str, message: str) -> StepMove:
    """The end of an attempt that could not run."""
    now = timezone.now()
    changes = {"reason": reason, "error_message": message, "completed_at": now}
    return StepMove(execution, StepStatus.FAILURE, changes)


def step_deadline(session: Session, execution: StepExecution) -> datetime | None:
    """When the attempt's time is over: its own limit or the run's, whichever is first."""
    limit = session.definitions[execution.step_key].get("timeout_minutes")
    # What it waited for outside counts; what people were asked in between does not.
    is_going_on = execution.parked_kind == "external" and execution.started_at is not None
    began = execution.started_at if is_going_on else None
    own = (began or timezone.now()) + timedelta(minutes=limit) if limit else None
    moments = [moment for moment in (own, session.run.deadline_at) if moment is not None]
    return min(moments, default=None)


def _environment(
    session: Session,
    step: Mapping[str, Any],
    contexts: dict[str, Any],
    functions: Mapping[str, Any],
) -> dict[str, str]:
    """The step's variables; from here on, expressions see their values in `env`."""
    for declared in (session.run.snapshot.get("environment", {}), step.get("environment", {})):
        values = interpolate_value(declared, contexts, functions=functions)
        contexts["env"] = {**contexts["env"], **values}
    environment = {name: env_text(value) for name, value in contexts["env"].items()}
    return {**contexts["secrets"], **environment, **session.base_environment()}


def _name(
    session: Session,
    step: Mapping[str, Any],
    execution: StepExecution,
    contexts: Mapping[str, Any],
    functions: Mapping[str, Any],
) -> str:
    """The name as the step begins; one without expressions has it already."""
    if "${{" not in step["name"] or "${{" not in execution.step_name:
        return execution.step_name
    evaluated = to_string(interpolate(step["name"], contexts, functions=functions))
    return one_line(session.mask(evaluated.encode("utf-8", errors="replace")).decode())
