"""Runs are started by hand, cancelled and woken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.models import Repository
from gitintegration.public import GitRefusedError, check_ref
from pipelines import selectors
from pipelines.choices import RunStatus, StepStatus, TriggerType, WaitingFor
from pipelines.documents import is_by_hand
from pipelines.inputs import check_inputs
from pipelines.jobs import DISPATCH
from pipelines.models import Pipeline, PipelineRun, StepExecution
from pipelines.operations.attempts import RETRY
from pipelines.operations.cancellation import stop_run
from pipelines.operations.creation import UNUSABLE_MATRIX, Origin, create_run

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
        Conflict: the pipeline is switched off, or forbids a start by hand.
        Invalid: an input is missing, unknown or of the wrong type, or makes a matrix unusable, or
            the ref is none.
    """
    actor.require(WRITE_RUNS)
    if not pipeline.is_active:
        raise Conflict(
            f"Pipeline {pipeline.name} is switched off.",
            remedy="Switch it on in its settings, then start it again.",
        )
    definition = selectors.definition_of(pipeline)
    if not is_by_hand(definition["triggers"]):
        raise Conflict(
            f"Pipeline {pipeline.name} is not started by hand: its document says `manual: false`.",
            remedy="Start it by one of its other triggers, or take `manual: false` out.",
        )
    values = check_inputs(definition["triggers"], inputs or {})
    link = pipeline.links.select_related("repository").first()
    repository = link.repository if link else None
    check_written_ref(ref)
    place = place_of(ref, repository)
    origin = Origin(
        trigger_type=TriggerType.MANUAL,
        context=_manual_context(actor, repository, place, sha),
        inputs=values,
        title=title or f"Started by {actor.label}",
        ref=place.ref,
        branch=place.branch,
        sha=sha,
        actor_label=actor.label,
        user_id=actor.user_id,
        repository=repository,
        definition_source=pipeline.source_path,
    )
    run = create_run(pipeline, definition, origin)
    if run.reason == UNUSABLE_MATRIX:
        raise Invalid(run.error_message, remedy="Give other inputs or change the pipeline.")
    audit.record(actor, "devops.pipeline.trigger", pipeline, detail={"run": run.run_number})
    return run


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its repository a run happens: a branch or a tag, and its full name."""

    ref: str
    branch: str = ""
    tag: str = ""


def place_of(written: str, repository: Repository | None) -> Place:
    """The place of a branch's or tag's name; the default branch where none is given."""
    tag = written.removeprefix("refs/tags/")
    if tag != written:
        return Place(written, tag=tag)
    branch = written.removeprefix("refs/heads/")
    branch = branch or (repository.default_branch if repository else "")
    ref = f"refs/heads/{branch}" if branch and not branch.startswith("refs/") else branch
    return Place(ref, branch)


def check_written_ref(written: str) -> None:
    """Refuse what can be no branch or tag, before a run fails of it.

    Raises:
        Invalid: it can be none.
    """
    try:
        check_ref(written or "main")
    except GitRefusedError as error:
        raise Invalid.field(
            "/ref", str(error), code="invalid-ref",
            remedy="Give a branch such as `main`, or a tag as `refs/tags/v1.0`.",
        ) from error  # fmt: skip


def _manual_context(
    actor: Actor, repository: Repository | None, place: Place, sha: str
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "actor": actor.label, "ref": place.ref, "branch": place.branch, "tag": place.tag,
        "sha": sha, "changed_paths": None,
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
def wake_step(execution_id: str, message: Mapping[str, Any]) -> bool:
    """Let a parked step go on with what its far side said; false when it waits no more.

    Steps beside it may still keep a worker busy; then the step goes on before the run is left.
    """
    parked = StepExecution.objects.filter(pk=execution_id).exclude(parked_kind="")
    run_id = parked.values_list("run_id", flat=True).first()
    # Whoever leaves the run locks its row too: either it sees the message or we see it waiting.
    rows = PipelineRun.objects.select_for_update().filter(status=RunStatus.RUNNING)
    run = rows.filter(pk=run_id).first() if run_id is not None else None
    if run is None:
        return False
    told = parked.filter(status=StepStatus.RUNNING, wake_message__isnull=True)
    is_told = bool(told.update(wake_message=dict(message)))
    is_due = parked.filter(status=StepStatus.PENDING, parked_kind=RETRY).exists()
    if not is_told and not is_due:
        return False
    waits = run.worker_id is None and run.waiting_for != WaitingFor.WORKER
    if waits:
        PipelineRun.objects.filter(pk=run.pk).update(
            waiting_for=WaitingFor.WORKER,
            waiting_detail="The step goes on as soon as a worker has a free slot.",
            fence=F("fence") + 1,
        )
        DISPATCH.send()
    return is_told or waits
