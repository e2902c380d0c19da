"""What is found again when a message was lost: silent workers, overdue waits, due dispatches."""

import logging
import shutil
import time
import uuid
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from devops.errors import DomainError
from pipelines.choices import (
    CLEANUP_TIME,
    PEOPLE,
    RUN_LIVE,
    TIMED_OUT,
    RunStatus,
    StepStatus,
    WaitingFor,
)
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.approvals import expire_gates
from pipelines.operations.attempts import RETRY, let_go
from pipelines.operations.cancellation import CANCELLED, stop_run
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.gates import cancel_gates
from pipelines.operations.hints import wake_hints
from pipelines.operations.known_tests import count_missed_reports
from pipelines.operations.quarantines import end_expired_quarantines
from pipelines.operations.runs import wake_step
from pipelines.operations.workers import retire_silent_workers
from pipelines.states import end_pending_steps, run_states, step_states

logger = logging.getLogger(__name__)


def sweep() -> dict[str, int]:
    """Everything that is due now; each part is safe to repeat and to run beside itself."""
    parts = (
        retire_silent_workers, wake_overdue_steps, expire_gates, call_overdue_runs,
        end_overdue_runs, dispatch_waiting, wake_hints, count_missed_reports,
        end_expired_quarantines,
    )  # fmt: skip
    done = {}
    for part in parts:
        try:
            done[part.__name__] = part()
        except DomainError as error:
            # A lost race over one row must not keep the other parts from their work.
            logger.warning("%s: %s", part.__name__, error)
    return done


def wake_overdue_steps() -> int:
    """Wake parked steps whose deadline passed, and those whose next attempt is due."""
    overdue = StepExecution.objects.filter(
        Q(status=StepStatus.RUNNING) | Q(status=StepStatus.PENDING, parked_kind=RETRY),
        deadline_at__lt=timezone.now(),
        run__status=RunStatus.RUNNING,
        run__worker=None,
    ).exclude(Q(parked_kind="") | Q(run__waiting_for=WaitingFor.WORKER))
    return sum(wake_step(str(pk), {}) for pk in overdue.values_list("pk", flat=True)[:200])


def call_overdue_runs() -> int:
    """Call runs back whose time passed while they waited outside, for what runs in any case."""
    now = timezone.now()
    overdue = PipelineRun.objects.filter(
        status=RunStatus.RUNNING, worker=None, deadline_at__lt=now
    ).exclude(waiting_for__in=[WaitingFor.WORKER, *PEOPLE])
    return overdue.update(
        waiting_for=WaitingFor.WORKER, waiting_detail="The run's time is over; a worker ends it.",
        fence=F("fence") + 1, reason=TIMED_OUT, deadline_at=now + CLEANUP_TIME,
    )  # fmt: skip


def end_overdue_runs() -> int:
    """End runs whose time is over while no worker holds them."""
    overdue = PipelineRun.objects.filter(
        status=RunStatus.RUNNING, worker=None, waiting_for=WaitingFor.WORKER,
        deadline_at__lt=timezone.now(),
    )  # fmt: skip
    return sum(_end_overdue(pk) for pk in overdue.values_list("pk", flat=True)[:200])


@transaction.atomic(durable=True)
def _end_overdue(run_id: uuid.UUID) -> int:
    run = PipelineRun.objects.select_for_update().get(pk=run_id)
    if run.status != RunStatus.RUNNING or run.worker_id is not None:
        return 0
    if run.cancel_requested_at is not None:
        stop_run(run, run.cancelled_by, run.cancel_reason or CANCELLED)
        return 1
    cancel_gates(run, "")
    live = [StepStatus.RUNNING, StepStatus.WAITING_APPROVAL]
    waiting = list(StepExecution.objects.filter(run=run, status__in=live))
    let_go(waiting)
    for execution in waiting:
        step_states.transition(
            execution, StepStatus.FAILURE, reason="timed_out", completed_at=timezone.now(),
            parked_kind="", error_message="The run's time was over while the step waited.",
        )  # fmt: skip
    end_pending_steps(run.pk, StepStatus.SKIPPED, "timed_out")
    run.refresh_from_db()
    run_states.transition(
        run, RunStatus.FAILURE, takeover=True, reason="timed_out",
        error_message="The run's time was over before another worker could take it.",
        completed_at=timezone.now(), waiting_for=WaitingFor.NOTHING, waiting_detail="",
    )  # fmt: skip
    return 1


def remove_old_workspaces() -> int:
    """Remove the folders of runs that are over: the old ones, and the oldest beyond the limit."""
    root = Path(settings.POWERNODE_WORKSPACE_ROOT)
    if not root.is_dir():
        return 0
    live = {
        pk.hex
        for pk in PipelineRun.objects.filter(status__in=RUN_LIVE).values_list("pk", flat=True)
    }
    folders = sorted(
        (folder for folder in root.iterdir() if folder.is_dir() and folder.name not in live),
        key=lambda folder: folder.stat().st_mtime,
    )
    too_old = time.time() - settings.POWERNODE_WORKSPACE_RETENTION_DAYS * 86400
    sizes = {folder: _size(folder) for folder in folders}
    excess = sum(sizes.values()) - settings.POWERNODE_WORKSPACE_MAX_BYTES
    removed = 0
    for folder in folders:
        if folder.stat().st_mtime >= too_old and excess <= 0:
            break
        shutil.rmtree(folder, ignore_errors=True)
        excess -= sizes[folder]
        removed += 1
    return removed


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink())
