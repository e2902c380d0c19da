"""What the overview shows of single runs: the step a live one is at, why others failed."""

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from devops.access import Actor
from pipelines import selectors
from pipelines.choices import StepStatus
from pipelines.failures import current_step, latest_attempts, log_line
from pipelines.models import PipelineRun, StepExecution


def with_steps(
    actor: Actor, live: Sequence[PipelineRun], failed: Sequence[PipelineRun]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`{run, step}` of what goes on, and `{run, line, url}` of what failed; one query for both."""
    steps: dict[uuid.UUID, list[StepExecution]] = {run.pk: [] for run in (*live, *failed)}
    for step in selectors.steps_of_runs(actor, list(steps)):
        steps[step.run_id].append(step)
    latest = {key: latest_attempts(rows) for key, rows in steps.items()}
    return (
        [{"run": run, "step": _at_work(latest[run.pk])} for run in live],
        [{"run": run, **_why(run, latest[run.pk])} for run in failed],
    )


def _at_work(latest: list[StepExecution]) -> str:
    """The running step, else the one that waits for somebody."""
    for status in (StepStatus.RUNNING, StepStatus.WAITING_APPROVAL):
        for step in latest:
            if step.status == status:
                return step.step_name
    return ""


def _why(run: PipelineRun, latest: list[StepExecution]) -> dict[str, str]:
    """The first failing line and its address; the run's page says more."""
    chosen = current_step(latest)
    failed = next((step for step in latest if str(step.pk) == chosen), None)
    if failed is None:
        return {"line": run.error_message, "url": run.url}
    number = failed.first_error_line or 0
    try:
        line = _line(failed.log_id, number)
    except LookupError:
        return {"line": failed.error_message, "url": f"{run.url}?step={failed.pk}"}
    return {"line": line, "url": f"{run.url}?step={failed.pk}#L{number}"}


# A failed step's log does not change: the overview, which is looked at most, reads it once.
@lru_cache(maxsize=512)
def _line(log_id: uuid.UUID, number: int) -> str:
    line = log_line(log_id, number)
    if not line:
        raise LookupError(log_id)
    return line
