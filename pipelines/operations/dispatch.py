"""Gives queued runs to workers: all labels held, a free slot, one run per concurrency key."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from devops.clock import DbNow
from pipelines.choices import PEOPLE, RunStatus, WaitingFor, WorkerStatus
from pipelines.jobs import TAKE_RUNS, worker_queue
from pipelines.models import PipelineRun, Worker
from pipelines.operations.suspects import WORDS, Suspects

# Runs looked at in one go.
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


# What a run says that has others of its group before it.
BEHIND = "Earlier runs of its concurrency group go first."


def line_up(run: PipelineRun, ahead: Sequence[PipelineRun]) -> None:
    """Say on a run that is about to be inserted what it waits for behind others of its group."""
    run.waiting_for = WaitingFor.SLOT
    run.waiting_detail = held_by(ahead[0]) if len(ahead) == 1 else BEHIND


def held_by(holder: PipelineRun) -> str:
    """The sentence for a run that waits for another's concurrency slot."""
    words = f"Run #{holder.run_number} of {holder.snapshot.get('name')} holds the concurrency group"
    waits = holder.waiting_for in PEOPLE
    return f"{words} while it waits for people." if waits else f"{words}."


@transaction.atomic(durable=True)
def dispatch_waiting() -> int:
    """Assign what can be assigned, oldest and most important first; returns how many.

    Safe to call from anywhere at any time: every assignment is a compare-and-swap. How long a
    group's queue is, and how many runs want a worker that nobody has, costs nobody else a turn.
    """
    _name_holders()
    # Orphans first: they were started and hold their concurrency slot.
    orphans = PipelineRun.objects.filter(
        status=RunStatus.RUNNING, worker=None, waiting_for=WaitingFor.WORKER
    )
    rows = [orphans.order_by("id"), _first_of_their_groups(_queued())]
    if not any(each.exists() for each in rows):
        return 0
    fleet = read_fleet()
    assigned: dict[uuid.UUID, list[str]] = defaultdict(list)
    for each in rows:
        _give_out(each, fleet, assigned)
    for worker_id in assigned:
        TAKE_RUNS.send(queue=worker_queue(worker_id))
    return sum(map(len, assigned.values()))


def _queued() -> QuerySet[PipelineRun]:
    rows = PipelineRun.objects.filter(status=RunStatus.QUEUED, worker=None)
    return rows.order_by(F("priority").desc(), "id")


def _give_out(
    rows: QuerySet[PipelineRun], fleet: Fleet, assigned: dict[uuid.UUID, list[str]]
) -> None:
    """Give runs to workers; those whose labels no free worker has are told so, all at once."""
    unfit: list[list[str]] = []
    while True:
        fitting = rows.exclude(runner_labels__in=unfit) if unfit else rows
        window = list(fitting.only(*_COLUMNS)[:WINDOW])
        suspects = Suspects(window)
        before = len(unfit)
        for run in window:
            if run.runner_labels in unfit:
                continue
            worker = fleet.choose(run.runner_labels, run.workspace_host)
            if worker is None:
                unfit.append(run.runner_labels)
                _explain(rows, run.runner_labels, fleet)
            elif suspects.must_wait(run):
                _say(run, WaitingFor.WORKER, WORDS)
            elif _assign(run, worker):
                suspects.note_try(run)
                fleet.free[worker.pk] -= 1
                assigned[worker.pk].append(str(run.pk))
        if len(window) < WINDOW or len(unfit) == before:
            return


def _explain(rows: QuerySet[PipelineRun], labels: list[str], fleet: Fleet) -> None:
    """Write the reason on all that want these labels; where it stands already, nothing is."""
    waiting_for, detail = fleet.explain(labels)
    told = Q(waiting_for=waiting_for, waiting_detail=detail)
    keys = rows.filter(runner_labels=labels).exclude(told).order_by().values("pk")
    PipelineRun.objects.filter(pk__in=keys, worker=None).update(
        waiting_for=waiting_for, waiting_detail=detail
    )


def _is_held() -> Q:
    """For a run of a group: whether another has its slot, running or given to a worker."""
    same = PipelineRun.objects.filter(concurrency_key=OuterRef("concurrency_key"))
    # Two questions: each is one step in the index, however long the queue is.
    return Q(Exists(same.filter(status=RunStatus.RUNNING))) | Q(
        Exists(same.filter(status=RunStatus.QUEUED, worker__isnull=False))
    )


def _ahead() -> QuerySet[PipelineRun]:
    """For a subquery: what waits for the same slot and comes first."""
    rows = PipelineRun.objects.filter(
        status=RunStatus.QUEUED, worker=None, concurrency_key=OuterRef("concurrency_key")
    )
    # A sum is in no index: SQLite would walk along the priorities of all groups, row by row.
    ranked = rows.annotate(rank=F("priority") + 0)
    more = Q(rank__gt=OuterRef("priority"))
    return ranked.filter(more | Q(rank=OuterRef("priority"), pk__lt=OuterRef("pk")))


def _first_of_their_groups(rows: QuerySet[PipelineRun]) -> QuerySet[PipelineRun]:
    """Without those whose concurrency slot is held, or is another's first."""
    return rows.filter(Q(concurrency_key=None) | (~_is_held() & ~Exists(_ahead())))


def _name_holders() -> None:
    """Each group's next run says who holds the slot; those behind it wait for their turn."""
    nexts = _queued().filter(_is_held(), ~Exists(_ahead()), concurrency_key__isnull=False)
    waiting = list(nexts.only(*_COLUMNS)[:WINDOW])
    if not waiting:
        return
    keys = {run.concurrency_key for run in waiting}
    columns = ("id", "run_number", "snapshot", "waiting_for", "concurrency_key")
    holding = PipelineRun.objects.filter(
        Q(status=RunStatus.RUNNING) | Q(worker__isnull=False),
        concurrency_key__in=keys, status__in=[RunStatus.QUEUED, RunStatus.RUNNING],
    )  # fmt: skip
    # In the order of the alphabet: one that runs replaces one that was only given to a worker.
    holders = {each.concurrency_key: each for each in holding.order_by("status").only(*columns)}
    for run in waiting:
        holder = holders.get(run.concurrency_key)
        if holder is not None:
            _say(run, WaitingFor.SLOT, held_by(holder))


_COLUMNS = (
    "id", "status", "fence", "concurrency_key", "runner_labels", "workspace_host", "waiting_for",
    "waiting_detail",
)  # fmt: skip


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
