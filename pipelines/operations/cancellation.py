"""How a run is stopped, whoever asks for it: a person, or a newer run of its group."""

from django.db.models import F, Q
from django.utils import timezone

from pipelines.choices import (
    PEOPLE,
    STEP_TERMINAL,
    Phase,
    RunStatus,
    StepStatus,
    WaitingFor,
)
from pipelines.jobs import DISPATCH, INTERRUPT_RUN, worker_queue
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.attempts import let_go
from pipelines.operations.gates import cancel_gates
from pipelines.states import end_pending_steps, run_states, step_states

CANCELLED = "cancelled"
SUPERSEDED = "superseded"


def stop_run(run: PipelineRun, by: str, reason: str = CANCELLED) -> None:
    """Stop a run inside the caller's transaction, which holds its row.

    A run whose step is being executed is asked to stop and goes through its `finally` steps; asked
    again it ends at once, as does one that no worker has.

    Raises:
        IllegalTransition: the run is over.
    """
    cancel_gates(run, by)
    run.refresh_from_db()
    if run.status != RunStatus.RUNNING or run.cancel_requested_at is not None:
        _end_now(run, by, reason)
    elif run.worker_id is not None:
        _ask(run, by, reason, "Cancelling: the running step is being ended.")
        INTERRUPT_RUN.send(
            queue=worker_queue(run.worker_id), run_id=str(run.pk), reason="cancelled"
        )
    elif not _is_left_over(run):
        _end_now(run, by, reason)
    else:
        # A worker goes, stops what was started outside, and runs what runs in any case.
        words = "Cancelling: a worker stops what the waiting step started."
        if run.waiting_for in PEOPLE:
            words = "Cancelling: nobody needs to answer any more; a worker ends the run."
        elif run.waiting_for == WaitingFor.WORKER:
            words = "Cancelling: the next free worker ends the run; cancel again to end it at once."
        PipelineRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING, worker=None).update(
            waiting_for=WaitingFor.WORKER, fence=F("fence") + 1
        )
        _ask(run, by, reason, words)
        DISPATCH.send()


def _is_left_over(run: PipelineRun) -> bool:
    """Whether a worker must still do something for a run that none has at the moment."""
    if run.waiting_for != WaitingFor.WORKER:
        return True
    steps = StepExecution.objects.filter(run=run)
    parked = Q(status=StepStatus.RUNNING) & ~Q(parked_kind="")
    always = Q(phase=Phase.FINALLY) & ~Q(status__in=STEP_TERMINAL)
    return steps.filter(parked | always).exists()


def _ask(run: PipelineRun, by: str, reason: str, detail: str) -> None:
    PipelineRun.objects.filter(pk=run.pk, status=RunStatus.RUNNING).update(
        cancel_requested_at=timezone.now(),
        cancelled_by=by[:200],
        cancel_reason=reason,
        waiting_detail=detail,
        version=F("version") + 1,
    )
    run.refresh_from_db()
    run_states.tell(run)


def _end_now(run: PipelineRun, by: str, reason: str) -> None:
    worker_id = run.worker_id
    live = list(
        StepExecution.objects.filter(
            run=run, status__in=[StepStatus.RUNNING, StepStatus.WAITING_APPROVAL]
        )
    )
    if worker_id is None:
        let_go(live)
    for execution in live:
        step_states.transition(
            execution, StepStatus.CANCELLED, reason=reason, completed_at=timezone.now()
        )
    end_pending_steps(run.pk, StepStatus.CANCELLED, reason)
    run.refresh_from_db()
    run_states.transition(
        run,
        RunStatus.CANCELLED,
        takeover=True,
        reason=reason,
        cancelled_by=by[:200],
        error_message=cancel_words(by, reason),
        completed_at=timezone.now(),
        worker=None,
        waiting_for=WaitingFor.NOTHING,
        waiting_detail="",
        deadline_at=None,
    )
    if worker_id is not None:
        INTERRUPT_RUN.send(
            queue=worker_queue(worker_id), run_id=str(run.pk), reason="force_cancelled"
        )
    DISPATCH.send()


def cancel_words(by: str, reason: str) -> str:
    """The sentence on a run that was stopped."""
    if reason == SUPERSEDED:
        return f"Superseded by {by}."
    return f"Cancelled by {by}." if by else "Cancelled."
