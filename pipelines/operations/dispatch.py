"""Gives queued runs to workers: all labels held, a free slot, one run per concurrency key."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, F, Q

from devops.clock import DbNow
from pipelines.choices import RunStatus, WaitingFor, WorkerStatus
from pipelines.jobs import TAKE_RUNS, worker_queue
from pipelines.models import PipelineRun, Worker
from pipelines.operations.suspects import WORDS, Suspects

# Runs looked at in one go; more wait for the next tick or the next freed slot.
WINDOW = 200


@dataclass(slots=True)
class Fleet:
    """The online workers with their free slots, as one query saw them."""

    workers: list[Worker]
    free: dict[uuid.UUID, int]

    def choose(self, labels: Iterable[str], preferred_host: str = "") -> Worker | None:
        """The worker with all labels and the most free slots; the preferred host's first."""
        wanted = set(labels)
        fitting = [
            worker
            for worker in self.workers
            if self.free[worker.pk] > 0 and wanted <= set(worker.labels)
        ]
        return max(
            fitting,
            key=lambda worker: (worker.host == preferred_host, self.free[worker.pk]),
            default=None,
        )

    def explain(self, labels: list[str]) -> tuple[str, str]:
        """Why nobody takes a run with these labels: (waiting_for, a sentence)."""
        if not self.workers:
            return WaitingFor.WORKER, "No worker is online. Start one with `powernode worker`."
        wanted = set(labels)
        if any(wanted <= set(worker.labels) for worker in self.workers):
            busy = sum(worker.capacity for worker in self.workers if wanted <= set(worker.labels))
            return WaitingFor.WORKER, f"All {busy} slots of the fitting workers are taken."
        held = set().union(*(worker.labels for worker in self.workers))
        missing = sorted(wanted - held)
        if missing:
            words = " and ".join(missing)
            return WaitingFor.WORKER, f"No online worker has the label {words}."
        words = ", ".join(sorted(wanted))
        return WaitingFor.WORKER, f"No single online worker has all of the labels {words}."


def read_fleet() -> Fleet:
    """The workers whose lease holds by the database's clock, with their free slots."""
    rows = (
        Worker.objects.filter(status=WorkerStatus.ONLINE, lease_expires_at__gt=DbNow())
        .annotate(
            busy=Count("runs", filter=Q(runs__status__in=[RunStatus.QUEUED, RunStatus.RUNNING]))
        )
        .order_by("name")
    )
    free = {worker.pk: worker.capacity - worker.busy for worker in rows}
    return Fleet([*rows], free)


def slot_holder(concurrency_key: str | None) -> PipelineRun | None:
    """The run that holds the key, running or already given to a worker."""
    if concurrency_key is None:
        return None
    return (
        PipelineRun.objects.filter(concurrency_key=concurrency_key)
        .filter(Q(status=RunStatus.RUNNING) | Q(status=RunStatus.QUEUED, worker__isnull=False))
        .only("id", "run_number", "snapshot", "waiting_for")
        .first()
    )


def held_by(holder: PipelineRun) -> str:
    """The sentence for a run that waits for another's concurrency slot."""
    words = f"Run #{holder.run_number} of {holder.snapshot.get('name')} holds the concurrency group"
    waits = holder.waiting_for in {WaitingFor.APPROVAL, WaitingFor.DECISION}
    return f"{words} while it waits for people." if waits else f"{words}."


@transaction.atomic(durable=True)
def dispatch_waiting() -> int:
    """Assign what can be assigned, oldest and most important first; returns how many.

    Safe to call from anywhere at any time: every assignment is a compare-and-swap.
    """
    waiting = list(_waiting_runs())
    if not waiting:
        return 0
    fleet = read_fleet()
    taken: set[str] = set()
    suspects = Suspects(waiting)
    assigned: dict[uuid.UUID, list[str]] = defaultdict(list)
    for run in waiting:
        if suspects.must_wait(run):
            _say(run, WaitingFor.WORKER, WORDS)
            continue
        worker = _worker_for(run, fleet, taken)
        if worker is not None and _assign(run, worker):
            suspects.note_try(run)
            fleet.free[worker.pk] -= 1
            taken.add(run.concurrency_key or "")
            assigned[worker.pk].append(str(run.pk))
    for worker_id in assigned:
        TAKE_RUNS.send(queue=worker_queue(worker_id))
    return sum(map(len, assigned.values()))


def _waiting_runs() -> list[PipelineRun]:
    """Orphans first: they were started and hold their concurrency slot."""
    columns = (
        "id",
        "status",
        "fence",
        "concurrency_key",
        "runner_labels",
        "workspace_host",
        "waiting_for",
        "waiting_detail",
    )
    orphans = PipelineRun.objects.filter(
        status=RunStatus.RUNNING, worker=None, waiting_for=WaitingFor.WORKER
    ).only(*columns)[:WINDOW]
    queued = (
        PipelineRun.objects.filter(status=RunStatus.QUEUED, worker=None)
        .order_by(F("priority").desc(), "id")
        .only(*columns)[:WINDOW]
    )
    return [*orphans, *queued]


def _worker_for(run: PipelineRun, fleet: Fleet, taken: set[str]) -> Worker | None:
    """A worker for the run, or None with the reason written on the run."""
    if run.status == RunStatus.QUEUED and run.concurrency_key:
        holder = slot_holder(run.concurrency_key)
        if holder is not None:
            _say(run, WaitingFor.SLOT, held_by(holder))
            return None
        if run.concurrency_key in taken:
            return None
    worker = fleet.choose(run.runner_labels, run.workspace_host)
    if worker is None:
        _say(run, *fleet.explain(run.runner_labels))
    return worker


def _assign(run: PipelineRun, worker: Worker) -> bool:
    changed = PipelineRun.objects.filter(
        pk=run.pk, status=run.status, worker=None, fence=run.fence
    ).update(worker=worker, waiting_for=WaitingFor.NOTHING, waiting_detail="")
    return changed == 1


def _say(run: PipelineRun, waiting_for: str, detail: str) -> None:
    """Write the reason once; a sweep that finds the same reason writes nothing."""
    if (run.waiting_for, run.waiting_detail) != (waiting_for, detail):
        PipelineRun.objects.filter(pk=run.pk, status=run.status, worker=None).update(
            waiting_for=waiting_for, waiting_detail=detail
        )
