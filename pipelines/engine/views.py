"""The steps of a run as later steps see them, and which of them run side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from pipelines.choices import STEP_TERMINAL, StepStatus
from pipelines.models import StepExecution

Stage = list[StepExecution]
# The worst first: what a step with several executions is said to have come to.
_WORST = (
    StepStatus.FAILURE,
    StepStatus.CANCELLED,
    StepStatus.RUNNING,
    StepStatus.WAITING_APPROVAL,
    StepStatus.PENDING,
    StepStatus.SUCCESS,
    StepStatus.SKIPPED,
)


def stages_of(executions: Iterable[StepExecution]) -> list[Stage]:
    """Divide executions into stages: a group, a step's combinations, or a single step."""
    return [list(rows) for _, rows in groupby(executions, key=_stage_key)]


def stage_as_it_is(executions: Sequence[StepExecution], stage: Stage) -> Stage:
    """Return the latest attempts of a stage."""
    keys = {(row.step_key, row.matrix_index) for row in stage}
    return [row for row in executions if (row.step_key, row.matrix_index) in keys]


def _stage_key(execution: StepExecution) -> tuple[str, str]:
    if execution.group_key:
        return ("group", execution.group_key)
    return ("step", execution.step_key)


def step_views(
    executions: Sequence[StepExecution],
    is_matrix: Callable[[str], bool],
    viewer: StepExecution,
) -> dict[str, Any]:
    """Return the `steps` context of a step: each by its key, and `previous`.

    `previous` is the last step before the viewer's stage that was not skipped; after a group it is
    an object by the keys of its members.
    """
    views: dict[str, Any] = {}
    previous: Mapping[str, Any] = {"status": None, "outputs": {}, "attempt": 0}
    own = _stage_key(viewer)
    for stage in stages_of(executions):
        members = {
            key: _view(list(rows), is_list=is_matrix(key))
            for key, rows in groupby(stage, key=lambda row: row.step_key)
        }
        views |= members
        if _stage_key(stage[0]) != own and _is_over(stage):
            previous = members if stage[0].group_key else next(iter(members.values()))
    return {**views, "previous": previous}


def outputs_of(
    executions: Sequence[StepExecution], is_matrix: Callable[[str], bool]
) -> dict[str, Any]:
    """Return what the steps left, by key; a matrix's are a list in its order."""
    found: dict[str, Any] = {}
    for key, rows in groupby(executions, key=lambda row: row.step_key):
        outputs = [row.outputs for row in rows]
        if any(outputs):
            found[key] = outputs if is_matrix(key) else outputs[0]
    return found


def _view(rows: list[StepExecution], *, is_list: bool) -> dict[str, Any]:
    return {
        "status": min((StepStatus(row.status) for row in rows), key=_WORST.index).value,
        "outputs": [row.outputs for row in rows] if is_list else rows[0].outputs,
        "attempt": max(row.attempt for row in rows),
    }


def _is_over(stage: Stage) -> bool:
    return all(row.status in STEP_TERMINAL for row in stage) and any(
        row.status != StepStatus.SKIPPED for row in stage
    )
