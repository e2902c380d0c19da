"""The steps of a run as later steps see them, and which of them run side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class StepPlace:
    """Where a step's executions stand in the run's list; `is_list` when it has a matrix."""

    key: str
    indices: tuple[int, ...]
    is_list: bool

    def view(self, executions: Sequence[StepExecution]) -> dict[str, Any]:
        """The step as later ones see it."""
        row = executions[self.indices[0]]
        if not self.is_list:
            return {"status": row.status, "outputs": row.outputs, "attempt": row.attempt}
        rows = [executions[index] for index in self.indices]
        return {
            "status": min((StepStatus(row.status) for row in rows), key=_WORST.index).value,
            "outputs": [row.outputs for row in rows],
            "attempt": max(row.attempt for row in rows),
        }


@dataclass(frozen=True, slots=True)
class StagePlace:
    """Where a stage's steps stand; they do not move while the run is executed."""

    key: tuple[str, str]
    steps: tuple[StepPlace, ...]

    def is_over(self, executions: Sequence[StepExecution]) -> bool:
        """Whether all of it ended, and not everything was skipped."""
        statuses = {executions[index].status for step in self.steps for index in step.indices}
        return statuses <= STEP_TERMINAL and statuses != {StepStatus.SKIPPED}


def layout_of(
    executions: Sequence[StepExecution], is_matrix: Callable[[str], bool]
) -> list[StagePlace]:
    """Return the stages of a run, each with its steps, by their places in the list."""
    places = []
    for stage, members in groupby(enumerate(executions), key=lambda each: _stage_key(each[1])):
        steps = [
            StepPlace(key, tuple(index for index, _ in rows), is_matrix(key))
            for key, rows in groupby(members, key=lambda each: each[1].step_key)
        ]
        places.append(StagePlace(stage, tuple(steps)))
    return places


def step_views(
    executions: Sequence[StepExecution], layout: Sequence[StagePlace], viewer: StepExecution
) -> dict[str, Any]:
    """Return the `steps` context of a step: each by its key, and `previous`.

    `previous` is the last step before the viewer's stage that was not skipped; after a group it is
    an object by the keys of its members.
    """
    views: dict[str, Any] = {}
    last: StagePlace | None = None
    own = _stage_key(viewer)
    for stage in layout:
        for step in stage.steps:
            views[step.key] = step.view(executions)
        if stage.key != own and stage.is_over(executions):
            last = stage
    return {**views, "previous": _previous(last, views)}


def _previous(stage: StagePlace | None, views: Mapping[str, Any]) -> Any:
    if stage is None:
        return {"status": None, "outputs": {}, "attempt": 0}
    if stage.key[0] == "group":
        return {step.key: views[step.key] for step in stage.steps}
    return views[stage.steps[0].key]


def outputs_of(executions: Sequence[StepExecution], layout: Sequence[StagePlace]) -> dict[str, Any]:
    """Return what the steps left, by key; a matrix's are a list in its order."""
    found: dict[str, Any] = {}
    for step in (step for stage in layout for step in stage.steps):
        outputs = [executions[index].outputs for index in step.indices]
        if any(outputs):
            found[step.key] = outputs if step.is_list else outputs[0]
    return found
