"""The hosts' own CI, mirrored: what they tell, what we fetch, and what we ask them to do."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, DomainError
from gitintegration.choices import CI_ACTIVE, CiStatus, ProviderType
from gitintegration.clients.errors import NotFoundOnHost, NotSupported
from gitintegration.clients.host import HostClient, every
from gitintegration.clients.protocol import CiFacts, TriggerEvent
from gitintegration.clients.shapes import WorkflowDefinition, WorkflowJob, WorkflowRun
from gitintegration.jobs import SYNC_RUN
from gitintegration.models import GitPipeline, GitPipelineJob, GitRepository
from gitintegration.operations.approvals import follow_host
from gitintegration.operations.connections import connected_to
from gitintegration.states import ci_states, job_states

logger = logging.getLogger(__name__)

TRIGGER, CANCEL = "git.pipelines.trigger", "git.pipelines.cancel"
RECENT_RUNS = 30
# Hosts that do not say which run they started.
_SILENT = frozenset({ProviderType.GITEA})
_FINISHED = frozenset({CiStatus.COMPLETED, CiStatus.FAILED, CiStatus.CANCELLED, CiStatus.SKIPPED})
# Our words for why a host started a run; its own word is kept in metadata.
_EVENTS: Mapping[str, str] = {
    "push": "push", "tag_push": "push", "pull_request": "pull_request",
    "pull_request_target": "pull_request", "merge_request_event": "pull_request",
    "external_pull_request_event": "pull_request", "schedule": "schedule",
    "scheduled": "schedule", "workflow_dispatch": "workflow_dispatch",
    "repository_dispatch": "api", "api": "api", "trigger": "api", "pipeline": "api",
    "parent_pipeline": "api", "web": "manual", "manual": "manual", "chat": "manual",
}  # fmt: skip


@transaction.atomic
def take_run(mirror: GitRepository, found: WorkflowRun) -> GitPipeline:
    """Create or update the mirror of a run; news that is older than what we have is left out."""
    facts = {
        "name": (found.name or f"Pipeline #{found.id}")[:255],
        "status": found.status,
        "conclusion": found.conclusion,
        "trigger_event": _EVENTS.get(found.event, ""),
        "ref": found.ref[:500],
        "sha": found.sha[:64],
        "head_sha": found.sha[:64],
        "actor_username": found.actor[:255],
        "actor_id": found.actor_id[:255],
        "web_url": found.web_url[:500],
        "run_number": found.run_number,
        "run_attempt": max(1, found.run_attempt),
        "started_at": found.started_at,
        "completed_at": found.completed_at,
        "duration_ms": _duration(found.started_at, found.completed_at),
    }
    run = _row(mirror, found.id, facts)
    if found.run_attempt < run.run_attempt:
        return run
    run.metadata = {**run.metadata, "host_event": found.event[:100]}
    _update(run, facts, metadata=run.metadata, synced_at=timezone.now())
    follow_host(run)
    return run


@transaction.atomic
def take_jobs(run: GitPipeline, found: Sequence[WorkflowJob]) -> None:
    """Create or update the mirrors of a run's jobs, and count them."""
    # Two that fetched the same run at once must not both make its jobs.
    run.refresh_from_db(from_queryset=GitPipeline.objects.select_for_update())
    known = {job.external_id: job for job in run.jobs.all()}
    for number, each in enumerate(found, start=1):
        facts = {
            "name": each.name[:255],
            "status": each.status,
            "conclusion": each.conclusion,
            "step_number": number,
            "runner_id": each.runner_id[:255],
            "runner_name": each.runner_name[:255],
            "runner_os": each.runner_os[:50],
            "logs_url": each.web_url[:500],
            "started_at": each.started_at,
            "completed_at": each.completed_at,
            "duration_ms": _duration(each.started_at, each.completed_at),
            "steps": [_step(step) for step in each.steps],
        }
        job = known.get(each.id)
        if job is None:
            job = GitPipelineJob.objects.create(
                account_id=run.account_id, pipeline=run, external_id=each.id, **facts
            )
            job_states.tell(job)
        else:
            _update_job(job, facts)
    _count(run)


@transaction.atomic
def take_event(mirror: GitRepository, event: TriggerEvent) -> GitPipeline | None:
    """What a delivery said of a run or a job; the details are fetched afterwards."""
    facts = event.ci
    if facts is None or not facts.run_id:
        return None
    if mirror.credential and mirror.credential.provider.provider_type == ProviderType.BITBUCKET:
        # Its deliveries name a run by its number; only the fetched run tells its id.
        SYNC_RUN.send(repository_id=str(mirror.pk), run_id=facts.run_id)
        return None
    if event.type == "workflow_job":
        run = GitPipeline.objects.filter(repository=mirror, external_id=facts.run_id).first()
        if run is not None:
            _take_job_event(run, facts)
    else:
        values = {
            "name": (facts.name or f"Pipeline #{facts.run_id}")[:255], "status": facts.status,
            "conclusion": facts.conclusion, "ref": (event.ref or event.branch)[:500],
            "sha": event.sha[:64], "head_sha": event.sha[:64], "web_url": facts.web_url[:500],
            "actor_username": event.actor[:255], "actor_id": event.actor_id[:255],
        }  # fmt: skip
        run = _row(mirror, facts.run_id, values)
        # A finished run that is told of as running: that delivery came late.
        if not (run.status in _FINISHED and facts.status not in _FINISHED):
            _update(run, {name: value for name, value in values.items() if value})
    SYNC_RUN.send(repository_id=str(mirror.pk), run_id=facts.run_id)
    return run


def sync_run(repository_id: str, run_id: str) -> GitPipeline | None:
    """Fetch one run with its jobs; None when it or its mirror is gone."""
    mirror = _mirror(repository_id)
    if mirror is None:
        return None
    try:
        with connected_to(mirror) as client:
            found = client.get_workflow_run(mirror.full_name, run_id)
            jobs = client.list_workflow_jobs(mirror.full_name, run_id)
    except NotFoundOnHost:
        return None
    except DomainError as error:
        # Away, or the credential is off: the sweeper of active runs asks again.
        logger.warning("run %s of %s could not be fetched: %s", run_id, mirror, error)
        return None
    run = take_run(mirror, found)
    take_jobs(run, jobs)
    return run


def sync_recent_runs(mirror: GitRepository, limit: int = RECENT_RUNS) -> int:
    """Fetch the newest runs of a repository without their jobs; returns how many.

    Raises:
        HostError: the host does not answer.
    """
    with connected_to(mirror) as client:
        found = list(
            every(
                lambda page: client.list_workflow_runs(mirror.full_name, page=page, per_page=limit),
                limit,
            )
        )
    # Oldest first, so that our keys sort them as the host does.
    for each in reversed(found):
        take_run(mirror, each)
    return len(found)


def sweep_active_runs() -> int:
    """Ask again for runs that are under way and were not told of for a minute."""
    silent = GitPipeline.objects.filter(status__in=CI_ACTIVE, repository__gone_at=None).filter(
        Q(synced_at=None) | Q(synced_at__lt=timezone.now() - timedelta(seconds=60))
    )
    keys = list(silent.order_by("synced_at").values_list("repository_id", "external_id")[:50])
    for repository_id, run_id in keys:
        SYNC_RUN.send_now(repository_id=str(repository_id), run_id=run_id)
    return len(keys)


def list_workflows(
    actor: Actor, mirror: GitRepository
) -> tuple[list[WorkflowDefinition], list[str]]:
    """The workflows that can be started, and the branches to start them on, asked of the host.

    Raises:
        HostError: the host does not answer.
    """
    actor.require(TRIGGER)
    with connected_to(mirror) as client:
        try:
            workflows = [each for each in client.list_workflows(mirror.full_name) if each.is_active]
        except (NotSupported, NotFoundOnHost):
            workflows = []
        branches = client.list_branches(mirror.full_name, per_page=100)
    return workflows[:200], [branch.name for branch in branches.items]


def trigger_run(
    actor: Actor, mirror: GitRepository, *, workflow: str, ref: str, inputs: Mapping[str, str]
) -> str:
    """Have the host start a workflow; returns its run's id, empty when it did not say.

    Raises:
        HostError: the host refuses.
    """
    actor.require(TRIGGER)
    with connected_to(mirror) as client:
        run_id = start_workflow(client, mirror, workflow, ref or mirror.default_branch, inputs)
    _note(actor, "git.pipeline.trigger", mirror, {"workflow": workflow, "ref": ref})
    if run_id:
        sync_run(str(mirror.pk), run_id)
    return run_id


def start_workflow(
    client: HostClient, mirror: GitRepository, workflow: str, ref: str, inputs: Mapping[str, str]
) -> str:
    """Have a host start a workflow; its run's id, looked for where the host does not say it."""
    kind = mirror.credential.provider.provider_type if mirror.credential else ""
    known = _dispatched(client, mirror, ref) if kind in _SILENT else []
    run_id = client.trigger_workflow(mirror.full_name, workflow, ref, inputs)
    if run_id or kind not in _SILENT:
        return run_id
    fresh = [each for each in _dispatched(client, mirror, ref) if each not in known]
    return fresh[0] if fresh else ""


def _dispatched(client: HostClient, mirror: GitRepository, ref: str) -> list[str]:
    branch = ref.removeprefix("refs/heads/")
    runs = client.list_workflow_runs(mirror.full_name, branch=branch)
    return [run.id for run in runs.items if run.event == "workflow_dispatch"]


def cancel_run(actor: Actor, run: GitPipeline) -> None:
    """Have the host stop a run; what becomes of it is what the host says next.

    Raises:
        Conflict: it is over.
        HostError: the host refuses.
    """
    actor.require(CANCEL)
    if run.status not in CI_ACTIVE:
        raise Conflict(f"The run is {run.status} already.")
    with connected_to(run.repository) as client:
        client.cancel_workflow_run(run.repository.full_name, run.external_id)
    _note(actor, "git.pipeline.cancel", run, {})
    sync_run(str(run.repository_id), run.external_id)


def retry_run(actor: Actor, run: GitPipeline) -> str:
    """Have the host run it again; returns the id of the run that does.

    Raises:
        Conflict: it succeeded, or is not over.
        HostError: the host refuses.
    """
    actor.require(TRIGGER)
    if run.conclusion == "success":
        raise Conflict("The run succeeded; there is nothing to repeat.")
    if run.status in CI_ACTIVE:
        raise Conflict("The run is not over yet.", remedy="Cancel it first, or wait.")
    with connected_to(run.repository) as client:
        run_id = client.rerun_workflow(run.repository.full_name, run.external_id)
    _note(actor, "git.pipeline.retry", run, {})
    sync_run(str(run.repository_id), run_id or run.external_id)
    return run_id


@transaction.atomic(durable=True)
def _note(actor: Actor, action: str, target: Any, detail: Mapping[str, str]) -> None:
    audit.record(actor, action, target, detail=detail)


def _mirror(repository_id: str) -> GitRepository | None:
    rows = GitRepository.objects.select_related("credential__provider")
    return rows.filter(pk=repository_id, credential__isnull=False).first()


def _row(mirror: GitRepository, external_id: str, facts: Mapping[str, Any]) -> GitPipeline:
    run, is_new = GitPipeline.objects.select_for_update().get_or_create(
        repository=mirror, external_id=external_id,
        defaults={"account_id": mirror.account_id, **facts},
    )  # fmt: skip
    if is_new:
        ci_states.tell(run)
    return run


def _update(run: GitPipeline, facts: Mapping[str, Any], **more: Any) -> None:
    """Write what changed, and tell of it once."""
    changed = {name: value for name, value in facts.items() if getattr(run, name) != value}
    if not changed:
        if more:
            GitPipeline.objects.filter(pk=run.pk).update(**more)
        return
    GitPipeline.objects.filter(pk=run.pk).update(
        **changed, **more, version=F("version") + 1, updated_at=timezone.now()
    )
    run.refresh_from_db()
    ci_states.tell(run)


def _update_job(job: GitPipelineJob, facts: Mapping[str, Any]) -> None:
    changed = {name: value for name, value in facts.items() if getattr(job, name) != value}
    if not changed:
        return
    GitPipelineJob.objects.filter(pk=job.pk).update(
        **changed, version=F("version") + 1, updated_at=timezone.now()
    )
    job.refresh_from_db()
    job_states.tell(job)


def _take_job_event(run: GitPipeline, facts: CiFacts) -> None:
    job = run.jobs.filter(external_id=facts.job_id).first()
    if job is None or (job.status in _FINISHED and facts.status not in _FINISHED):
        return
    _update_job(job, {"status": facts.status, "conclusion": facts.conclusion})
    _count(run)


def _count(run: GitPipeline) -> None:
    jobs = list(run.jobs.values_list("status", "conclusion"))
    counts = {
        "total_jobs": len(jobs),
        "completed_jobs": sum(status in _FINISHED for status, _ in jobs),
        "failed_jobs": sum(status == CiStatus.FAILED for status, _ in jobs),
    }
    _update(run, counts)


def _duration(started: datetime | None, completed: datetime | None) -> int | None:
    if started is None or completed is None:
        return None
    return max(0, round((completed - started).total_seconds() * 1000))


def _step(step: Any) -> dict[str, Any]:
    return {
        "name": step.name[:255],
        "number": step.number,
        "status": step.status,
        "conclusion": step.conclusion,
        "started_at": step.started_at.isoformat() if step.started_at else None,
        "completed_at": step.completed_at.isoformat() if step.completed_at else None,
    }
