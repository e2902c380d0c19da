"""How a run comes into being: numbered, snapshotted, queued and offered to a worker at once."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F
from django.utils import timezone

from devops import outbox
from devops.models import Repository
from pipelines.choices import RUN_TERMINAL, Phase, RunStatus, StepStatus, Trust, WaitingFor
from pipelines.documents.expansion import ExpansionError, Planned, expand
from pipelines.expressions import ExpressionError, interpolate
from pipelines.jobs import TAKE_RUNS, worker_queue
from pipelines.models import Pipeline, PipelineRun, PipelineStep, StepExecution
from pipelines.operations.attempts import ended_as
from pipelines.operations.concurrency import (
    NEWEST_WINS,
    give_up_older,
    gives_up_older,
    make_room,
    policy_of,
    rejection,
    rivals,
)
from pipelines.operations.dispatch import Fleet, line_up, read_fleet
from pipelines.operations.reporting import announce_run
from pipelines.operations.trust import ask_to_trust
from pipelines.states import end_pending_steps, run_facts, run_topic

# The reason of a run that could not be brought into executions.
UNUSABLE_MATRIX = "matrix"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run comes from.

    Attributes:
        context: the `trigger` context of expressions (see the pipeline document).
        event_key: unique per pipeline; a second run with it is never made.
        is_superseded: it came late, after the event that replaced it.
    """

    trigger_type: str
    context: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    ref: str = ""
    branch: str = ""
    sha: str = ""
    actor_label: str = ""
    user_id: uuid.UUID | None = None
    event_key: str | None = None
    repository: Repository | None = None
    definition_source: str = ""
    trust: str = Trust.TRUSTED
    retry_of: PipelineRun | None = None
    priority: int = 0
    is_superseded: bool = False


def create_run(
    pipeline: Pipeline,
    definition: Mapping[str, Any],
    origin: Origin,
    carried: Sequence[StepExecution] = (),
) -> PipelineRun:
    """Insert a run with its steps inside the caller's transaction.

    What is `carried` from an earlier run is taken over as it ended there. A fitting worker with a
    free slot is chosen at once; otherwise the run says what it waits for and the dispatcher finds
    it.
    """
    # The UPDATE locks the pipeline's row: numbers have no gaps and no races.
    Pipeline.objects.filter(pk=pipeline.pk).update(last_run_number=F("last_run_number") + 1)
    number = Pipeline.objects.values_list("last_run_number", flat=True).get(pk=pipeline.pk)
    planned, unusable = plan_steps(definition, origin)
    run = new_run(pipeline, definition, origin, number, planned, carried)
    policy = policy_of(definition)
    reason, refused = _refusal(run, policy, origin)
    if not refused and gives_up_older(definition):
        give_up_older(run)
    if refused:
        run.status, run.reason, run.error_message = RunStatus.CANCELLED, reason, refused
    elif unusable:
        run.status, run.reason, run.error_message = RunStatus.FAILURE, UNUSABLE_MATRIX, unusable
    elif origin.trust == Trust.TRUSTED:
        make_room(run, policy)
        _offer(run)
    else:
        run.status = RunStatus.PENDING
        run.waiting_for = WaitingFor.TRUST
        run.waiting_detail = "A member must allow runs of this contributor first."
    if run.status in RUN_TERMINAL:
        run.completed_at = run.queued_at
    run.save(force_insert=True)
    ids = dict(PipelineStep.objects.filter(pipeline=pipeline).values_list("key", "pk"))
    StepExecution.objects.bulk_create(step_rows(run, ids, planned, carried))
    if refused:
        end_pending_steps(run.pk, StepStatus.CANCELLED, reason)
    _tell(run)
    return run


def _tell(run: PipelineRun) -> None:
    facts = {"version": 1, "pipeline_run": run_facts(run)}
    outbox.record(run.account_id, run_topic(run.pk), run.version, "run_created", facts)
    if run.waiting_for == WaitingFor.TRUST:
        ask_to_trust(run)
    announce_run(run)


def new_run(
    pipeline: Pipeline,
    definition: Mapping[str, Any],
    origin: Origin,
    number: int,
    planned: list[Planned],
    carried: Sequence[StepExecution] = (),
) -> PipelineRun:
    """The row of a run that is queued, as far as it is known before anybody takes it."""
    run = PipelineRun(
        account_id=pipeline.account_id,
        pipeline=pipeline,
        repository=origin.repository,
        run_number=number,
        title=origin.title[:300],
        status=RunStatus.QUEUED,
        queued_at=timezone.now(),
        trigger_type=origin.trigger_type,
        trigger_context=dict(origin.context),
        inputs=dict(origin.inputs),
        event_key=origin.event_key,
        ref=origin.ref[:300],
        branch=origin.branch[:255],
        commit_sha=origin.sha,
        snapshot={**definition, "definition_version": pipeline.definition_version},
        definition_source=origin.definition_source,
        trust_level=origin.trust,
        actor_label=origin.actor_label[:200],
        triggered_by_id=origin.user_id,
        retry_of=origin.retry_of,
        attempt=origin.retry_of.attempt + 1 if origin.retry_of else 1,
        priority=origin.priority,
        runner_labels=definition["runner_labels"],
        steps_total=len(planned),
        steps_done=len(carried),
        warnings=sum(row.status == StepStatus.FAILURE for row in carried),
        version=1,
    )
    run.concurrency_key = _concurrency_key(run, definition, origin)
    return run


def _refusal(run: PipelineRun, policy: str, origin: Origin) -> tuple[str, str]:
    """Why a run ends before it begins: a reason and a sentence, empty when it may begin."""
    is_newest_wanted = policy in NEWEST_WINS or gives_up_older(run.snapshot)
    if origin.is_superseded and is_newest_wanted:
        return "superseded", "A newer push of the branch was read before this one."
    return "rejected", rejection(run, policy)


def plan_steps(definition: Mapping[str, Any], origin: Origin) -> tuple[list[Planned], str]:
    """The executions of the run, or why there can be none."""
    steps = [step for step in definition["steps"] if step.get("is_active", True)]
    try:
        return expand(steps, _trigger_contexts(definition, origin)), ""
    except ExpansionError as error:
        return [], str(error)


def _trigger_contexts(definition: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """What expressions that are evaluated at the trigger may see."""
    return {
        "trigger": {"type": origin.trigger_type, **origin.context},
        "pipeline": {"name": definition["name"], "slug": definition["slug"]},
        "inputs": dict(origin.inputs),
        "repository": origin.context.get("repository", {}),
    }


def step_rows(
    run: PipelineRun,
    step_ids: Mapping[str, uuid.UUID],
    planned: list[Planned],
    carried: Sequence[StepExecution] = (),
) -> list[StepExecution]:
    """The rows of a run's executions; `step_ids` are the pipeline's present steps by key."""
    ends = {(row.step_key, row.matrix_index): ended_as(row) for row in carried}
    return [
        StepExecution(
            account_id=run.account_id,
            run=run,
            step_id=step_ids.get(each.step["key"]),
            step_key=each.step["key"],
            step_type=each.step["step_type"],
            position=each.position,
            phase=each.step.get("phase") or Phase.MAIN,
            group_key=each.step.get("group_key") or "",
            matrix=dict(each.matrix),
            matrix_index=each.index,
            continue_on_error=bool(each.step.get("continue_on_error")),
            **{
                "step_name": each.name,
                **ends.get((each.step["key"], each.index), {}),
            },
        )
        for each in planned
    ]


def _offer(run: PipelineRun) -> None:
    """Choose a worker for a run that is about to be inserted, or say why none takes it."""
    # Whoever waits for the group already comes first.
    ahead = list(rivals(run.concurrency_key)[:2]) if run.concurrency_key else []
    if ahead:
        line_up(run, ahead)
        return
    if give_to_worker(run, read_fleet()):
        TAKE_RUNS.send(queue=worker_queue(run.worker_id))


def give_to_worker(run: PipelineRun, fleet: Fleet) -> bool:
    """Take a free slot for a run that is about to be inserted, or say why there is none."""
    worker = fleet.choose(run.runner_labels)
    if worker is None:
        run.waiting_for, run.waiting_detail = fleet.explain(run.runner_labels)
        return False
    run.worker = worker
    fleet.free[worker.pk] -= 1
    return True


def _concurrency_key(run: PipelineRun, definition: Mapping[str, Any], origin: Origin) -> str | None:
    """What only one running run may hold: the named group, else the pipeline itself."""
    group = ((definition.get("settings") or {}).get("concurrency") or {}).get("group")
    if group:
        try:
            own = {"id": str(run.pk), "number": run.run_number, "attempt": run.attempt}
            group = interpolate(group, {**_trigger_contexts(definition, origin), "run": own})
        except ExpressionError:
            # A group that cannot be evaluated must not let two runs meet: the text itself is it.
            group = str(group)
        return f"{run.account_id.hex}:{group}"[:200]
    if definition["allow_concurrent"]:
        return None
    return f"pipeline:{run.pipeline_id.hex}"
