"""Why a run failed: the step, its first failing line, the last run that was green."""

import uuid
from typing import Any

from devops.access import Actor
from devops.storage import log_reader
from pipelines import selectors
from pipelines.choices import RunStatus, StepStatus
from pipelines.models import PipelineRun, StepExecution

LINE_MAX = 300


def latest_attempts(executions: list[StepExecution]) -> list[StepExecution]:
    """The last attempt at each step, in order."""
    return list({(row.step_key, row.matrix_index): row for row in executions}.values())


def current_step(latest: list[StepExecution]) -> str:
    """The step to look at first: the failing one, else the running one, else the first."""
    for step in latest:
        if step.status == StepStatus.FAILURE and not step.continue_on_error:
            return str(step.pk)
    running = (step for step in latest if step.status == StepStatus.RUNNING)
    first = next(running, latest[0] if latest else None)
    return str(first.pk) if first else ""


def explain_failure(
    actor: Actor, run: PipelineRun, latest: list[StepExecution]
) -> dict[str, Any] | None:
    """`{step_name, line, line_number, url, previous_green}` of a failed run, else None."""
    if run.status != RunStatus.FAILURE:
        return None
    chosen = current_step(latest)
    failed = next((step for step in latest if str(step.pk) == chosen), None)
    if failed is None or failed.status != StepStatus.FAILURE:
        return None
    line = first_line(failed)
    return {
        "step_name": failed.step_name,
        "line": line or failed.error_message,
        "line_number": failed.first_error_line if line else None,
        "url": f"{run.url}?step={failed.pk}#L{failed.first_error_line}",
        "previous_green": selectors.last_green_before(actor, run),
    }


def first_line(failed: StepExecution) -> str:
    """The text of the first failing line, or empty."""
    return log_line(failed.log_id, failed.first_error_line) if failed.first_error_line else ""


def log_line(log_id: uuid.UUID, number: int) -> str:
    """The text of one line of a log, or empty."""
    page = log_reader.read_lines(log_id, number, 1) if number else None
    return page.lines[0].text.strip()[:LINE_MAX] if page and page.lines else ""
