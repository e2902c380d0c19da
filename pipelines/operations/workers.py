"""Workers come, prove to be alive, drain and go; what they held is released."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from containers.public import attachable_owners, instances_of, release_owners
from devops import audit
from devops.access import Actor, is_operator
from devops.clock import DbIn, DbNow, database_now
from devops.errors import NotFound, PermissionDenied
from devops.storage.logs import close_abandoned
from pipelines import step_types
from pipelines.choices import (
    WORKER_LOSSES_MAX,
    GateKind,
    Phase,
    RunStatus,
    StepStatus,
    WaitingFor,
    WorkerStatus,
)
from pipelines.models import PipelineRun, StepExecution, Worker
from pipelines.operations.attempts import owner_of, repeat_attempt
from pipelines.operations.gates import Opening, cancel_gates, open_gate, waiting_words
from pipelines.states import end_pending_steps, run_states, step_states

WRITE_WORKERS = "devops.workers.write"


@transaction.atomic(durable=True)
def register_worker(
    name: str,
    *,
    host: str,
    pid: int,
    labels: Iterable[str],
    capacity: int,
    version: str,
    executor: str,
) -> Worker:
    """Enter a worker process; a row of the same name belongs to its dead predecessor."""
    now = database_now()
    previous = Worker.objects.filter(name=name).first()
    if previous is not None:
        _release_runs(previous, "its process was replaced", lost=True)
    worker, _ = Worker.objects.update_or_create(
        name=name,
        defaults={
            "host": host,
            "pid": pid,
            "labels": sorted(set(labels)),
            "capacity": capacity,
            "version": version,
            "executor": executor,
            "status": WorkerStatus.ONLINE,
            "lease_expires_at": now + timedelta(seconds=settings.POWERNODE_LEASE_SECONDS),
            "last_heartbeat_at": now,
            "started_at": now,
            "stopped_at": None,
            "stop_reason": "",
        },
    )
    return worker


def renew_lease(worker_id: uuid.UUID) -> bool:
    """Prove to be alive; false when the worker was declared lost and must register anew."""
    return bool(
        Worker.objects.filter(pk=worker_id)
        .exclude(status=WorkerStatus.OFFLINE)
        .update(lease_expires_at=DbIn(settings.POWERNODE_LEASE_SECONDS), last_heartbeat_at=DbNow())
    )


@transaction.atomic(durable=True)
def drain_worker(actor: Actor, worker_id: uuid.UUID) -> Worker:
    """Give the worker no more runs; it finishes those it has.

    Raises:
        PermissionDenied: the actor is no operator; workers serve every account.
        NotFound: there is no such worker.
    """
    actor.require(WRITE_WORKERS)
    if not is_operator(actor):
        raise PermissionDenied(
            "Workers serve every account; only an operator may drain one.",
            remedy="Ask the operator of this installation.",
        )
    worker = Worker.objects.select_for_update().filter(pk=worker_id).first()
    if worker is None:
        raise NotFound("No worker with that identifier.")
    if worker.status == WorkerStatus.ONLINE:
        Worker.objects.filter(pk=worker_id).update(status=WorkerStatus.DRAINING)
        audit.record(actor, "devops.worker.drain", worker)
    return worker


@transaction.atomic(durable=True)
def retire_worker(worker_id: uuid.UUID, reason: str, *, lost: bool) -> int:
    """Take a worker out and release its runs at once; returns how many that were.

    `lost` counts as a death in the steps that were running; an orderly stop does not.
    """
    worker = Worker.objects.select_for_update().filter(pk=worker_id).first()
    if worker is None:
        return 0
    released = _release_runs(worker, reason, lost=lost)
    Worker.objects.filter(pk=worker_id).update(
        status=WorkerStatus.OFFLINE,
        stopped_at=DbNow(),
        stop_reason=reason,
        lease_expires_at=DbNow(),
    )
    return released


@transaction.atomic(durable=True)
def abandon_run(run_id: uuid.UUID, worker_id: uuid.UUID, reason: str) -> None:
    """Hand back one run that its worker could not execute; counts as a death in its step."""
    run = PipelineRun.objects.select_for_update().filter(pk=run_id, worker_id=worker_id).first()
    worker = Worker.objects.filter(pk=worker_id).first()
    if run is not None and worker is not None:
        _release_run(run, worker, f"gave the run up ({reason})", lost=True)


def retire_silent_workers() -> int:
    """Take out every worker whose lease ran out; returns how many that were."""
    silent = list(
        Worker.objects.exclude(status=WorkerStatus.OFFLINE)
        .filter(lease_expires_at__lt=DbNow())
        .values_list("pk", flat=True)
    )
    for worker_id in silent:
        retire_worker(worker_id, "no heartbeat within its lease", lost=True)
    return len(silent)


def _release_runs(worker: Worker, reason: str, *, lost: bool) -> int:
    """Hand back the worker's runs; the raised fence makes its late writes void."""
    PipelineRun.objects.filter(worker=worker, status=RunStatus.QUEUED).update(
        worker=None, fence=F("fence") + 1
    )
    runs = list(
        PipelineRun.objects.select_for_update().filter(worker=worker, status=RunStatus.RUNNING)
    )
    for run in runs:
        _release_run(run, worker, f"is gone ({reason})", lost=lost)
    return len(runs)


def _release_run(run: PipelineRun, worker: Worker, what: str, *, lost: bool) -> None:
    PipelineRun.objects.filter(pk=run.pk).update(
        worker=None,
        fence=F("fence") + 1,
        waiting_for=WaitingFor.WORKER,
        waiting_detail=f"Worker {worker.name} {what}; another one takes over.",
    )
    _interrupt_steps(run, worker, what, lost=lost)


def _interrupted(run: PipelineRun, *, lost: bool) -> list[StepExecution]:
    """The attempts that ran, or the one that its worker died of before it began."""
    attempts = StepExecution.objects.filter(run=run)
    running = list(attempts.filter(status=StepStatus.RUNNING))
    if running:
        kept = _gone_on_with(running)
        return [each for each in running if not each.parked_kind and each not in kept]
    if not lost:
        return []
    phases = {Phase.MAIN: 0, Phase.FINALLY: 1}
    # An approved one waits until it begins; after its approval nobody is asked again.
    pending = attempts.filter(status__in=[StepStatus.PENDING, StepStatus.WAITING_APPROVAL])
    first = min(pending, key=lambda each: (phases[Phase(each.phase)], each.position), default=None)
    return [first] if first is not None else []


def _gone_on_with(running: Iterable[StepExecution]) -> list[StepExecution]:
    """The attempts whose containers outlive the worker: another one goes on watching them."""
    owners = {owner_of(each.pk): each for each in running if _reattaches(each)}
    # The last death that a step may cost ends it, whatever its container does.
    found = attachable_owners(owners, attachments_below=WORKER_LOSSES_MAX - 1)
    return [owners[owner] for owner in found]


def _reattaches(execution: StepExecution) -> bool:
    try:
        return not execution.parked_kind and step_types.get(execution.step_type).reattaches
    except step_types.UnknownStepTypeError:
        return False


def _interrupt_steps(run: PipelineRun, worker: Worker, what: str, *, lost: bool) -> None:
    """End the attempts that were running, and prepare their repetition or the run's end."""
    interrupted = _interrupted(run, lost=lost)
    undecided = [each for each in interrupted if _wants_decision(each)]
    for running in interrupted:
        close_abandoned(running.pk)
        reason = "interrupted" if running in undecided else "worker_lost"
        step_states.transition(
            running,
            StepStatus.FAILURE,
            reason=reason if lost or running in undecided else "worker_stopped",
            completed_at=DbNow(),
            error_message=f"Worker {worker.name} {what}.",
        )
    losses = {each: _losses(each) if lost else 0 for each in interrupted}
    poisoned = next((each for each in interrupted if losses[each] >= WORKER_LOSSES_MAX), None)
    if poisoned is None:
        for running in interrupted:
            repeated = repeat_attempt(running)
            if running in undecided:
                _ask_decision(run, repeated, f"Worker {worker.name} {what}.")
        return
    _give_up(
        run,
        f"The worker was lost {losses[poisoned]} times in step {poisoned.step_name}; "
        f"the last time: {worker.name} {what}.",
    )


def _wants_decision(execution: StepExecution) -> bool:
    """Whether it had begun something that must not happen twice unasked."""
    if execution.status != StepStatus.RUNNING:
        return False
    try:
        return step_types.get(execution.step_type).effect == "once"
    except step_types.UnknownStepTypeError:
        return False


def _ask_decision(run: PipelineRun, repeated: StepExecution, why: str) -> None:
    """Have people say whether the step runs again, counts as done, or has failed."""
    step_states.transition(repeated, StepStatus.WAITING_APPROVAL)
    step: Mapping[str, Any] = next(
        (each for each in run.snapshot.get("steps", ()) if each["key"] == repeated.step_key), {}
    )
    settings_of_step = step.get("approval_settings") or {}
    opening = Opening(
        kind=GateKind.DECISION,
        # Whoever started it knows best what became of it.
        settings={**settings_of_step, "allow_self_approval": True, "required": 1},
        plan={"step_type": repeated.step_type, "configuration": step.get("configuration") or {}},
        why=f"{why} Nobody knows whether the step had done its work.",
    )
    gate = open_gate(run, repeated, opening)
    PipelineRun.objects.filter(pk=run.pk).update(
        waiting_for=WaitingFor.DECISION, waiting_detail=waiting_words(gate)[:500]
    )


def _losses(execution: StepExecution) -> int:
    """How many workers a step has cost, those after whose death it was gone on with as well."""
    tries = StepExecution.objects.filter(
        run_id=execution.run_id, step_key=execution.step_key, matrix_index=execution.matrix_index
    )
    owners = [owner_of(pk) for pk in tries.values_list("pk", flat=True)]
    taken_over = sum(row.attachments for row in instances_of(execution.account_id, owners))
    return tries.filter(reason="worker_lost").count() + taken_over


def _give_up(run: PipelineRun, message: str) -> None:
    """End a run that costs one worker after the other."""
    tries = [
        owner_of(pk) for pk in StepExecution.objects.filter(run=run).values_list("pk", flat=True)
    ]
    release_owners(tries)
    cancel_gates(run, "")
    waiting = [StepStatus.RUNNING, StepStatus.WAITING_APPROVAL]
    for parked in StepExecution.objects.filter(run=run, status__in=waiting):
        step_states.transition(
            parked,
            StepStatus.CANCELLED,
            reason="worker_lost",
            completed_at=DbNow(),
            error_message="The run ended while the step waited.",
        )
    end_pending_steps(run.pk, StepStatus.SKIPPED, "worker_lost")
    run.refresh_from_db()
    run_states.transition(
        run,
        RunStatus.FAILURE,
        takeover=True,
        reason="worker_lost",
        waiting_for=WaitingFor.NOTHING,
        waiting_detail="",
        completed_at=DbNow(),
        error_message=message,
    )
