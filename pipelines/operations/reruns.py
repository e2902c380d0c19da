"""A finished run is repeated: all of it, its failed steps, or from any step, with changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, FieldProblem, Invalid
from pipelines.choices import RUN_TERMINAL, StepStatus
from pipelines.models import Pipeline, PipelineRun, StepExecution, WorkspaceSnapshot
from pipelines.operations.checks import settle_check
from pipelines.operations.creation import Origin, create_run
from pipelines.operations.definitions import WRITE as WRITE_PIPELINES
from pipelines.operations.definitions import check_definition
from pipelines.operations.runs import WRITE_RUNS

START, FAILED = "start", "failed"
EDITABLE = ("configuration", "environment", "condition", "timeout_minutes")
# Ends that later steps can build upon.
_KEEPS = frozenset({StepStatus.SUCCESS, StepStatus.SKIPPED})
# Reasons of steps that were left out because of another one.
_LEFT_OUT = frozenset({"earlier_failure", "timed_out", "worker_lost", "matrix"})


@dataclass(frozen=True, slots=True)
class _Point:
    """Where a re-run begins: what it takes over, and the first stage that it does not."""

    carried: list[StepExecution]
    stage_start: int
    stage_end: int


@transaction.atomic(durable=True)
def retry_run(
    actor: Actor,
    run: PipelineRun,
    *,
    start_from: str = START,
    edits: Mapping[str, Mapping[str, Any]] | None = None,
) -> PipelineRun:
    """Repeat a finished run as a new one, with the definition and the event it had.

    `start_from` is `start`, `failed` (the failed steps and all after them) or the key of a step;
    what comes before is taken over with its results and its workspace. `edits` change steps of
    this one repetition: `{key: {configuration, environment, condition, timeout_minutes}}`.

    Raises:
        Conflict: the run is not over, its pipeline is switched off or deleted, or a step before the
            point has failed.
        Invalid: there is no such step, or an edit breaks a rule; names the field.
    """
    actor.require(WRITE_RUNS)
    if run.status not in RUN_TERMINAL:
        raise Conflict(
            f"Run #{run.run_number} is still {run.status}.",
            remedy="Wait for its end or cancel it, then repeat it.",
        )
    _check_pipeline(run.pipeline)
    definition = {key: value for key, value in run.snapshot.items() if key != "definition_version"}
    point = _point(run, start_from)
    if edits:
        definition = _edited(actor, run, definition, edits, point)
    again = create_run(run.pipeline, definition, _origin(actor, run), carried=point.carried)
    settle_check(again.repository, again.commit_sha)
    _take_over_snapshots(run, again, point)
    detail = {"run": again.run_number, "from": start_from, "edited": sorted(edits or {})}
    audit.record(actor, "devops.pipeline_run.retry", run, detail=detail)
    return again


def _check_pipeline(pipeline: Pipeline) -> None:
    """Refuse to start anything of a pipeline that is switched off or gone."""
    if pipeline.deleted_at is not None:
        raise Conflict(
            f"Pipeline {pipeline.name} was deleted; its runs cannot be repeated.",
            remedy="Make the pipeline anew, then start it.",
        )
    if not pipeline.is_active:
        raise Conflict(
            f"Pipeline {pipeline.name} is switched off.",
            remedy="Switch it on in its settings, then repeat the run.",
        )


def _origin(actor: Actor, run: PipelineRun) -> Origin:
    return Origin(
        trigger_type=run.trigger_type,
        context={**run.trigger_context, "retry_of": str(run.pk)},
        inputs=run.inputs,
        title=run.title,
        ref=run.ref,
        branch=run.branch,
        sha=run.commit_sha,
        actor_label=actor.label,
        user_id=actor.user_id,
        repository=run.repository,
        definition_source=run.definition_source,
        trust=run.trust_level,
        retry_of=run,
        priority=run.priority,
    )


def latest_of(run: PipelineRun) -> list[StepExecution]:
    """The last attempt at each execution of a run, in order."""
    rows = StepExecution.objects.filter(run=run).order_by("position", "matrix_index", "attempt")
    return list({(row.step_key, row.matrix_index): row for row in rows}.values())


def has_failed(row: StepExecution) -> bool:
    """Whether a re-run of the failed steps repeats this one."""
    if row.status == StepStatus.FAILURE:
        return not row.continue_on_error
    return row.status not in _KEEPS or row.reason in _LEFT_OUT


def _point(run: PipelineRun, start_from: str) -> _Point:
    rows = latest_of(run)
    if start_from == START or not rows:
        return _Point([], 1, 1)
    stages = [list(each) for _, each in groupby(rows, key=lambda row: row.group_key or row.pk)]
    stages = _joined(stages)
    wanted = _is_wanted(run, rows, start_from)
    for index, stage in enumerate(stages):
        if any(wanted(row) for row in stage):
            kept = [row for row in stage if not wanted(row)]
            before = [row for earlier in stages[:index] for row in earlier]
            carried = [*before, *(row for row in kept if not has_failed(row))]
            _check_carried(before)
            return _Point(carried, stage[0].position, stage[-1].position)
    raise Conflict(
        f"No step of run #{run.run_number} has failed.",
        remedy="Repeat it from `start` or from the key of a step.",
    )


def _joined(parts: Sequence[list[StepExecution]]) -> list[list[StepExecution]]:
    """Put the combinations of a step together, as the engine runs them."""
    stages: list[list[StepExecution]] = []
    for part in parts:
        is_same = stages and not part[0].group_key and stages[-1][0].step_key == part[0].step_key
        if is_same:
            stages[-1] += part
        else:
            stages.append([*part])
    return stages


def _is_wanted(
    run: PipelineRun, rows: list[StepExecution], start_from: str
) -> Callable[[StepExecution], bool]:
    if start_from == FAILED:
        return has_failed
    keys = {row.step_key for row in rows}
    if start_from not in keys:
        known = ", ".join(dict.fromkeys(row.step_key for row in rows))
        raise Invalid(
            f"Run #{run.run_number} has no step {start_from!r}.",
            errors=[FieldProblem("/from", "unknown-step", f"Its steps are: {known}.")],
            remedy="Use `start`, `failed` or the key of a step.",
        )
    return lambda row: row.step_key == start_from


def _check_carried(rows: list[StepExecution]) -> None:
    broken = next((row for row in rows if has_failed(row)), None)
    if broken is not None:
        raise Conflict(
            f"Step {broken.step_name} comes before and did not succeed.",
            remedy=f"Repeat the run from `failed` or from `{broken.step_key}`.",
        )


def _edited(
    actor: Actor,
    run: PipelineRun,
    definition: dict[str, Any],
    edits: Mapping[str, Mapping[str, Any]],
    point: _Point,
) -> dict[str, Any]:
    """The definition with changed steps, checked like one that is written, and who changed it."""
    actor.require(WRITE_PIPELINES)
    if run.pipeline.is_system:
        raise Conflict(f"{run.pipeline.name} is a system pipeline; its steps cannot be changed.")
    steps = [dict(step) for step in definition["steps"]]
    places = {step["key"]: index for index, step in enumerate(steps)}
    carried = {row.step_key for row in point.carried}
    for key, changes in edits.items():
        _check_edit(key, changes, places, carried)
        steps[places[key]] |= changes
    edited = {**definition, "steps": steps}
    _check_edited(edited, places, edits)
    entry = {
        "by": actor.label,
        "at": timezone.now().isoformat(),
        "steps": {key: dict(changes) for key, changes in edits.items()},
    }
    return {**edited, "edits": [*definition.get("edits", []), entry]}


def _check_edit(
    key: str, changes: Mapping[str, Any], places: Mapping[str, int], carried: set[str]
) -> None:
    if key not in places:
        raise Invalid.field(f"/edits/{key}", f"The run has no step {key!r}.", code="unknown-step")
    if key in carried:
        raise Invalid.field(
            f"/edits/{key}", "The step is taken over, so a change would do nothing.",
            code="carried", remedy=f"Repeat the run from `{key}` or from a step before it.",
        )  # fmt: skip
    unknown = next((name for name in changes if name not in EDITABLE), None)
    if unknown is not None:
        raise Invalid.field(
            f"/edits/{key}/{unknown}", f"Only {', '.join(EDITABLE)} can be changed.",
            code="unknown-field",
        )  # fmt: skip


def _check_edited(
    definition: Mapping[str, Any], places: Mapping[str, int], edits: Mapping[str, Any]
) -> None:
    """Lint what comes of the edits; findings point into them where they can."""
    moved = {f"/steps/{places[key]}": f"/edits/{key}" for key in edits}
    plain = {name: value for name, value in definition.items() if name != "edits"}
    try:
        check_definition(plain)
    except Invalid as invalid:
        errors = [_moved(problem, moved) for problem in invalid.errors]
        raise Invalid(str(invalid), errors=errors) from invalid


def _moved(problem: FieldProblem, moved: Mapping[str, str]) -> FieldProblem:
    for place, target in moved.items():
        if problem.pointer == place or problem.pointer.startswith(f"{place}/"):
            pointer = target + problem.pointer[len(place) :]
            return FieldProblem(pointer, problem.code, problem.detail, problem.remedy)
    return problem


def _take_over_snapshots(run: PipelineRun, again: PipelineRun, point: _Point) -> None:
    """Give the new run what was kept of the workspace up to the point."""
    if not point.carried:
        return
    is_partial = any(row.position >= point.stage_start for row in point.carried)
    last = point.stage_end if is_partial else point.stage_start - 1
    # Locked, so that retention cannot take the bytes away meanwhile.
    rows = list(
        WorkspaceSnapshot.objects.select_for_update()
        .filter(run=run, position__lte=last)
        .order_by("position")
    )
    if not rows:
        return
    copies = [
        WorkspaceSnapshot(
            account_id=row.account_id, run=again, position=row.position, tree=row.tree,
            blob_id=row.blob_id, size_bytes=row.size_bytes, file_count=row.file_count,
            note=row.note,
        )
        for row in rows
    ]  # fmt: skip
    # Since the last one nothing changed: steps between it and the point need not be repeated.
    copies[-1].position = max(copies[-1].position, point.stage_start - 1)
    WorkspaceSnapshot.objects.bulk_create(copies)
