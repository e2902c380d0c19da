"""Runs are started by hand, cancelled and repeated."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, FieldProblem, Invalid
from devops.models import Repository
from pipelines import selectors
from pipelines.choices import (
    RUN_TERMINAL,
    RunStatus,
    StepStatus,
    TriggerType,
    WaitingFor,
)
from pipelines.inputs import check_inputs
from pipelines.jobs import DISPATCH
from pipelines.models import Pipeline, PipelineRun, StepExecution
from pipelines.operations.cancellation import stop_run
from pipelines.operations.checks import settle_check
from pipelines.operations.creation import Origin, create_run

WRITE_RUNS = "devops.pipeline_runs.write"


@transaction.atomic(durable=True)
def trigger_run(
    actor: Actor,
    pipeline: Pipeline,
    *,
    inputs: Mapping[str, Any] | None = None,
    ref: str = "",
    sha: str = "",
    title: str = "",
) -> PipelineRun:
    """Start a run by hand or by API.

    Raises:
        Conflict: the pipeline is switched off.
        Invalid: an input is missing, unknown or of the wrong type.
    """
    actor.require(WRITE_RUNS)
    if not pipeline.is_active:
        raise Conflict(
            f"Pipeline {pipeline.name} is switched off.",
            remedy="Switch it on in its settings, then start it again.",
        )
    definition = selectors.definition_of(pipeline)
    values = check_inputs(definition["triggers"], inputs or {})
    link = pipeline.links.select_related("repository").first()
    repository = link.repository if link else None
    branch = ref.removeprefix("refs/heads/") or (repository.default_branch if repository else "")
    full_ref = f"refs/heads/{branch}" if branch and not branch.startswith("refs/") else branch
    origin = Origin(
        trigger_type=TriggerType.MANUAL,
        context=_manual_context(actor, repository, full_ref, branch, sha),
        inputs=values,
        title=title or f"Started by {actor.label}",
        ref=full_ref,
        branch=branch,
        sha=sha,
        actor_label=actor.label,
        user_id=actor.user_id,
        repository=repository,
        definition_source=pipeline.source_path,
    )
    run = create_run(pipeline, definition, origin)
    audit.record(actor, "devops.pipeline.trigger", pipeline, detail={"run": run.run_number})
    return run


def _manual_context(
    actor: Actor, repository: Repository | None, ref: str, branch: str, sha: str
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "actor": actor.label, "ref": ref, "branch": branch, "tag": "", "sha": sha,
        "changed_paths": None,
    }  # fmt: skip
    if repository is not None:
        context["repository"] = repository_context(repository)
    return context


def repository_context(repository: Repository) -> dict[str, Any]:
    """The `repository` context of expressions."""
    return {
        "full_name": repository.full_name,
        "default_branch": repository.default_branch,
        "clone_url": repository.clone_url,
    }


@transaction.atomic(durable=True)
def cancel_run(actor: Actor, run: PipelineRun) -> PipelineRun:
    """Ask a run to stop; asked again, or when no worker has it, it stops at once.

    Raises:
        IllegalTransition: the run is over (unless it was cancelled: then nothing happens).
    """
    actor.require(WRITE_RUNS)
    run = PipelineRun.objects.select_for_update().get(pk=run.pk)
    if run.status == RunStatus.CANCELLED:
        return run
    audit.record(actor, "devops.pipeline_run.cancel", run)
    stop_run(run, actor.label)
    return run


@transaction.atomic(durable=True)
def retry_run(actor: Actor, run: PipelineRun, *, start_from: str = "start") -> PipelineRun:
    """Repeat a finished run with the definition and the event it had.

    Raises:
        Conflict: the run is not over.
        Invalid: this release repeats whole runs only.
    """
    actor.require(WRITE_RUNS)
    if start_from != "start":
        raise Invalid(
            f"A run cannot be repeated from {start_from!r} yet.",
            errors=[FieldProblem("/from", "not-available", "Only `start` is possible.")],
            remedy="Repeat the whole run with `from: start`.",
        )
    if run.status not in RUN_TERMINAL:
        raise Conflict(
            f"Run #{run.run_number} is still {run.status}.",
            remedy="Wait for its end or cancel it, then repeat it.",
        )
    pipeline = run.pipeline
    definition = {key: value for key, value in run.snapshot.items() if key != "definition_version"}
    origin = Origin(
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
    again = create_run(pipeline, definition, origin)
    settle_check(again.repository, again.commit_sha)
    audit.record(actor, "devops.pipeline_run.retry", run, detail={"run": again.run_number})
    return again


@transaction.atomic(durable=True)
def wake_step(execution_id: str, message: Mapping[str, Any]) -> bool:
    """Let a parked step go on with what its far side said; false when it waits no more."""
    execution = (
        StepExecution.objects.select_for_update()
        .filter(pk=execution_id, status=StepStatus.RUNNING)
        .exclude(parked_kind="")
        .first()
    )
    if execution is None:
        return False
    woken = PipelineRun.objects.filter(
        pk=execution.run_id, status=RunStatus.RUNNING, worker=None
    ).exclude(waiting_for=WaitingFor.WORKER)
    changed = woken.update(
        waiting_for=WaitingFor.WORKER,
        waiting_detail="The step goes on as soon as a worker has a free slot.",
        fence=F("fence") + 1,
    )
    if changed:
        StepExecution.objects.filter(pk=execution.pk).update(wake_message=dict(message))
        DISPATCH.send()
    return bool(changed)
