"""Workflows sent to a free runner that has the wanted labels, followed to their end."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, DomainError
from gitintegration.choices import CI_ACTIVE, DispatchStatus, RunnerScope, RunnerStatus
from gitintegration.models import GitPipeline, GitRepository, GitRunner, RunnerDispatch
from gitintegration.operations.ci import start_workflow, sync_run
from gitintegration.operations.connections import connected_to
from gitintegration.states import dispatch_states

DISPATCH_POLL = timedelta(seconds=10)
DISPATCH_POLLS = 180
# Whoever sends one and did not say how that went is dead.
_SENDING_LIMIT = timedelta(minutes=2)


def pick_runner(mirror: GitRepository, labels: Sequence[str]) -> GitRunner | None:
    """The free runner with all labels that ran the fewest jobs."""
    wanted = set(labels)
    rows = GitRunner.objects.filter(
        credential=mirror.credential, status=RunnerStatus.ONLINE, busy=False
    ).order_by("total_jobs_run", "id")
    for runner in rows:
        reaches = runner.runner_scope != RunnerScope.REPOSITORY or (
            runner.repository_id == mirror.pk
        )
        if reaches and wanted <= set(runner.labels):
            return runner
    return None


def dispatch(
    actor: Actor,
    mirror: GitRepository,
    *,
    workflow: str,
    labels: Sequence[str],
    ref: str = "",
    inputs: Mapping[str, str] | None = None,
    key: str = "",
) -> RunnerDispatch:
    """Send a workflow to a free runner with all the labels, once per key.

    Hosts choose the runner by a workflow's own labels: where its file takes an input
    `runner_labels`, the picked runner's labels pin it.

    Raises:
        Conflict: no free runner has the labels.
        HostError: the host refuses; the dispatch is kept as failed.
    """
    actor.require("git.pipelines.trigger")
    wanted = f"{actor.account_id.hex}:{key}"[:120] if key else f"dispatch:{uuid.uuid4()}"
    row, is_new = _enter(actor, mirror, workflow, list(labels), ref, dict(inputs or {}), wanted)
    if not is_new:
        return row
    pinned = {**row.input_params, "runner_labels": ",".join(row.runner.labels)}
    try:
        with connected_to(mirror) as client:
            run_id = start_workflow(client, mirror, workflow, row.ref, pinned)
    except DomainError as error:
        _end_dispatch(row, DispatchStatus.FAILED, str(error))
        raise
    _note_dispatched(row, run_id)
    row.refresh_from_db()
    return row


@transaction.atomic(durable=True)
def _enter(
    actor: Actor,
    mirror: GitRepository,
    workflow: str,
    labels: list[str],
    ref: str,
    inputs: dict[str, str],
    key: str,
) -> tuple[RunnerDispatch, bool]:
    """The dispatch of the key, and whether it is this call's own."""
    known = RunnerDispatch.objects.filter(key=key)
    if (row := known.first()) is not None:
        return row, False
    try:
        with transaction.atomic():
            runner = _take_runner(mirror, labels)
            row = RunnerDispatch.objects.create(
                account_id=actor.account_id, runner=runner, repository=mirror,
                workflow=workflow[:255], ref=(ref or mirror.default_branch)[:255],
                input_params=inputs, runner_labels=labels, key=key,
            )  # fmt: skip
    except (IntegrityError, Conflict):
        # Somebody else used the key, and perhaps the last runner, at the same moment.
        if (row := known.first()) is None:
            raise
        return row, False
    audit.record(actor, "git.runner.dispatch", runner, detail={"workflow": workflow[:200]})
    return row, True


def _take_runner(mirror: GitRepository, labels: Sequence[str]) -> GitRunner:
    while (runner := pick_runner(mirror, labels)) is not None:
        free = GitRunner.objects.filter(pk=runner.pk, status=RunnerStatus.ONLINE, busy=False)
        if free.update(status=RunnerStatus.BUSY, busy=True):
            return runner
    raise Conflict(
        f"No free runner has the labels {', '.join(labels) or '(any)'}.",
        remedy="Wait for one, or register another runner with these labels.",
    )


@transaction.atomic(durable=True)
def _note_dispatched(row: RunnerDispatch, run_id: str) -> None:
    dispatch_states.transition(
        row, DispatchStatus.DISPATCHED, workflow_run_id=run_id, dispatched_at=timezone.now(),
        next_poll_at=timezone.now() + DISPATCH_POLL,
    )  # fmt: skip


def poll_dispatches() -> int:
    """Look at the runs of dispatches that are due; returns how many."""
    now = timezone.now()
    due = RunnerDispatch.objects.filter(
        status__in=[DispatchStatus.DISPATCHED, DispatchStatus.RUNNING], next_poll_at__lte=now
    )
    polled = 0
    for row in due.select_related("repository", "runner")[:50]:
        mine = RunnerDispatch.objects.filter(pk=row.pk, next_poll_at=row.next_poll_at)
        if mine.update(polls=F("polls") + 1, next_poll_at=now + DISPATCH_POLL):
            _poll(row)
            polled += 1
    lost = RunnerDispatch.objects.filter(
        status=DispatchStatus.PENDING, created_at__lt=now - _SENDING_LIMIT
    )
    for row in lost[:50]:
        words = "Its sender died; whether the host started it is not known."
        _end_dispatch(row, DispatchStatus.FAILED, words)
    return polled


def _poll(row: RunnerDispatch) -> None:
    if row.polls >= DISPATCH_POLLS:
        _end_dispatch(row, DispatchStatus.FAILED, "The run did not end within half an hour.")
        return
    run = sync_run(str(row.repository_id), row.workflow_run_id) if row.workflow_run_id else None
    if run is None:
        return
    if run.status in CI_ACTIVE:
        _note_running(row, run)
    elif run.conclusion == "success":
        _end_dispatch(row, DispatchStatus.COMPLETED, "", run)
    else:
        _end_dispatch(
            row, DispatchStatus.FAILED, f"The run ended with {run.conclusion or run.status}.", run
        )


@transaction.atomic(durable=True)
def _note_running(row: RunnerDispatch, run: GitPipeline) -> None:
    if row.status == DispatchStatus.DISPATCHED:
        dispatch_states.transition(row, DispatchStatus.RUNNING, workflow_url=run.web_url)


@transaction.atomic(durable=True)
def _end_dispatch(
    row: RunnerDispatch, status: str, words: str, run: GitPipeline | None = None
) -> None:
    """End it, free its runner, and count the job there."""
    now = timezone.now()
    changes: dict[str, Any] = {"error_message": words[:1000], "completed_at": now}
    if run is not None:
        changes |= {"workflow_url": run.web_url, "duration_ms": run.duration_ms}
        changes["output_result"] = {"conclusion": run.conclusion, "status": run.status}
    dispatch_states.transition(row, status, **changes)
    # What the host never took was no job.
    ran = int(row.dispatched_at is not None)
    succeeded = ran if status == DispatchStatus.COMPLETED else 0
    GitRunner.objects.filter(pk=row.runner_id).update(
        status=RunnerStatus.ONLINE, busy=False, total_jobs_run=F("total_jobs_run") + ran,
        successful_jobs=F("successful_jobs") + succeeded,
        failed_jobs=F("failed_jobs") + ran - succeeded,
    )  # fmt: skip
