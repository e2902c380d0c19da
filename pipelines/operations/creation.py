"""How a run comes into being: numbered, snapshotted, queued and offered to a worker at once."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F
from django.utils import timezone

from devops import outbox
from devops.models import Repository
from pipelines.choices import Phase, RunStatus, StepStatus, Trust, WaitingFor
from pipelines.expressions import ExpressionError, interpolate
from pipelines.jobs import TAKE_RUNS, worker_queue
from pipelines.models import Pipeline, PipelineRun, PipelineStep, StepExecution
from pipelines.operations.concurrency import (
    NEWEST_WINS,
    make_room,
    policy_of,
    rejection,
    rivals,
)
from pipelines.operations.dispatch import Fleet, held_by, read_fleet, slot_holder
from pipelines.operations.reporting import announce_run
from pipelines.operations.trust import ask_to_trust
from pipelines.states import end_pending_steps, run_facts, run_topic


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
    *,
    fleet: Fleet | None = None,
) -> PipelineRun:
    """Insert a run with its steps inside the caller's transaction.

    A fitting worker with a free slot is chosen at once; otherwise the run says what it waits for
    and the dispatcher finds it. Whoever makes many runs in one transaction reads the fleet once.
    """
    # The UPDATE locks the pipeline's row: numbers have no gaps and no races.
    Pipeline.objects.filter(pk=pipeline.pk).update(last_run_number=F("last_run_number") + 1)
    number = Pipeline.objects.values_list("last_run_number", flat=True).get(pk=pipeline.pk)
    steps = [step for step in definition["steps"] if step.get("is_active", True)]
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
        steps_total=len(steps),
        version=1,
    )
    run.concurrency_key = _concurrency_key(run, definition)
    policy = policy_of(definition)
    reason, refused = _refusal(run, policy, origin)
    if refused:
        run.status, run.reason, run.error_message = RunStatus.CANCELLED, reason, refused
        run.completed_at = timezone.now()
    elif origin.trust == Trust.TRUSTED:
        make_room(run, policy)
        _offer(run, fleet)
    else:
        run.status = RunStatus.PENDING
        run.waiting_for = WaitingFor.TRUST
        run.waiting_detail = "A member must allow runs of this contributor first."
    run.save(force_insert=True)
    _insert_steps(run, pipeline, steps)
    if refused:
        end_pending_steps(run.pk, StepStatus.CANCELLED, reason)
    facts = {"version": 1, "pipeline_run": run_facts(run)}
    outbox.record(run.account_id, run_topic(run.pk), run.version, "run_created", facts)
    if run.waiting_for == WaitingFor.TRUST:
        ask_to_trust(run)
    announce_run(run)
    return run


def _refusal(run: PipelineRun, policy: str, origin: Origin) -> tuple[str, str]:
    """Why a run ends before it begins: a reason and a sentence, empty when it may begin."""
    if origin.is_superseded and policy in NEWEST_WINS:
        return "superseded", "A newer push of the branch was read before this one."
    return "rejected", rejection(run, policy)


def _insert_steps(run: PipelineRun, pipeline: Pipeline, steps: list[Mapping[str, Any]]) -> None:
    ids = dict(PipelineStep.objects.filter(pipeline=pipeline).values_list("key", "pk"))
    # The steps of `finally` come last, whatever their place in the list.
    ordered = sorted(steps, key=lambda step: step.get("phase") == Phase.FINALLY)
    StepExecution.objects.bulk_create(
        StepExecution(
            account_id=run.account_id,
            run=run,
            step_id=ids.get(step["key"]),
            step_key=step["key"],
            step_name=step["name"],
            step_type=step["step_type"],
            position=position,
            phase=step.get("phase") or Phase.MAIN,
            group_key=step.get("group_key") or "",
            continue_on_error=bool(step.get("continue_on_error")),
        )
        for position, step in enumerate(ordered, start=1)
    )


def _offer(run: PipelineRun, fleet: Fleet | None) -> None:
    """Choose a worker for a run that is about to be inserted, or say why none takes it."""
    # Whoever waits for the group already comes first.
    holder = slot_holder(run.concurrency_key) or rivals(run.concurrency_key).first()
    if holder is not None:
        run.waiting_for, run.waiting_detail = WaitingFor.SLOT, held_by(holder)
        return
    fleet = fleet or read_fleet()
    worker = fleet.choose(run.runner_labels)
    if worker is None:
        run.waiting_for, run.waiting_detail = fleet.explain(run.runner_labels)
        return
    run.worker = worker
    fleet.free[worker.pk] -= 1
    TAKE_RUNS.send(queue=worker_queue(worker.pk))


def _concurrency_key(run: PipelineRun, definition: Mapping[str, Any]) -> str | None:
    """What only one running run may hold: the named group, else the pipeline itself."""
    group = ((definition.get("settings") or {}).get("concurrency") or {}).get("group")
    if group:
        contexts = {
            "trigger": {"type": run.trigger_type, **run.trigger_context},
            "pipeline": {"name": definition["name"], "slug": definition["slug"]},
            "inputs": run.inputs,
            "repository": run.trigger_context.get("repository", {}),
        }
        try:
            group = interpolate(group, contexts)
        except ExpressionError:
            # A group that cannot be evaluated must not let two runs meet: the text itself is it.
            group = str(group)
        return f"{run.account_id.hex}:{group}"[:200]
    if definition["allow_concurrent"]:
        return None
    return f"pipeline:{run.pipeline_id.hex}"
