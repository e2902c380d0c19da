"""The slots of a worker process: one long-lived thread each, and one heartbeat for all."""

import logging
import queue
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from containers.public import renew_leases
from devops.connections import release_connection
from devops.outages import outage_words
from pipelines.choices import RunStatus
from pipelines.engine.control import RunControl
from pipelines.engine.executors.process import describe
from pipelines.engine.loop import execute_run
from pipelines.models import PipelineRun, Worker
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.workers import (
    abandon_run,
    register_worker,
    renew_lease,
    retire_worker,
)

logger = logging.getLogger(__name__)

# Seconds between two looks at what became of our runs in the database.
WATCH_SECONDS = 1.0


class EnginePool:
    """Executes the runs that the dispatcher gives to this worker.

    A slot's thread spawns its own children: their death signal is tied to the thread that
    started them, so it must live as long as they do.
    """

    def __init__(self, name: str, labels: Iterable[str], capacity: int, pid: int) -> None:
        self._identity = {
            "host": socket.gethostname(),
            "pid": pid,
            "labels": [*labels],
            "capacity": capacity,
            "version": product_version(),
            "executor": describe(),
        }
        self.worker: Worker = register_worker(name, **self._identity)  # type: ignore[arg-type]
        self._work: queue.SimpleQueue[uuid.UUID | None] = queue.SimpleQueue()
        self._controls: dict[uuid.UUID, RunControl] = {}
        self._lock = threading.Lock()
        self._slots: list[threading.Thread] = []
        self._idle = 0
        self._stopping = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to prove to be alive and take what is already waiting."""
        self._heart.start()
        dispatch_waiting()
        self.take()

    def take(self) -> None:
        """Pick up every run that is assigned to this worker and not yet executed here."""
        rows = PipelineRun.objects.filter(
            worker_id=self.worker.pk, status__in=[RunStatus.QUEUED, RunStatus.RUNNING]
        ).order_by("id")
        assigned = list(rows.values_list("pk", flat=True))
        with self._lock:
            fresh = [run_id for run_id in assigned if run_id not in self._controls]
            for run_id in fresh:
                self._controls[run_id] = RunControl()
                self._ensure_slot()
                self._work.put(run_id)
        release_connection()

    def interrupt(self, run_id: uuid.UUID, reason: str) -> None:
        """Say a word to a run that is executed here; nothing happens when it is not."""
        control = self._controls.get(run_id)
        if control is not None:
            control.stop(reason)

    def stop(self, timeout: float = 4.0) -> None:
        """End children, hand back runs, leave: another worker goes on at once."""
        self._stopping.set()
        with self._lock:
            for control in self._controls.values():
                control.stop("worker_stopped")
            for _ in self._slots:
                self._work.put(None)
        until = time.monotonic() + timeout
        for slot in self._slots:
            slot.join(max(0.0, until - time.monotonic()))
        self._heart.join(1.0)
        try:
            retire_worker(self.worker.pk, "it was stopped", lost=False)
        except DatabaseError as error:
            logger.warning("could not sign off; the lease will run out by itself: %s", error)

    def _ensure_slot(self) -> None:
        """A thread for the work just queued, unless one is idle; never more than capacity."""
        if len(self._controls) > len(self._slots) and len(self._slots) < self.worker.capacity:
            name = f"slot-{len(self._slots) + 1}"
            slot = threading.Thread(target=self._serve, name=name, daemon=True)
            self._slots.append(slot)
            slot.start()

    def _serve(self) -> None:
        while (run_id := self._work.get()) is not None:
            if self._stopping.is_set():
                return
            try:
                execute_run(run_id, self.worker, self._controls[run_id])
            except Exception as error:
                logger.exception("run %s could not be executed", run_id)
                self._hand_back(run_id, engine_failure(error))
            finally:
                self._left(run_id)

    def _left(self, run_id: uuid.UUID) -> None:
        with self._lock:
            self._controls.pop(run_id, None)
        if self._stopping.is_set():
            return
        try:
            dispatch_waiting()
            self.take()
        except Exception:
            # The slot's thread must outlive whatever this was.
            logger.exception("the freed slot could not be given away; the next tick will")
            close_old_connections()

    def _hand_back(self, run_id: uuid.UUID, reason: str) -> None:
        """Release a run after a defect or a database outage, however long that lasts."""
        while not self._stopping.is_set():
            close_old_connections()
            try:
                abandon_run(run_id, self.worker.pk, reason)
            except DatabaseError as error:
                logger.warning("run %s not handed back yet: %s", run_id, error)
                self._stopping.wait(2.0)
            else:
                return

    def _beat(self) -> None:
        """Renew the lease, and look for runs that were cancelled or taken from us."""
        renewed = time.monotonic()
        while not self._stopping.wait(WATCH_SECONDS):
            try:
                if time.monotonic() - renewed >= settings.POWERNODE_HEARTBEAT_SECONDS:
                    self._renew()
                    renewed = time.monotonic()
                self._watch()
                # A wake-up may be lost with the broker; the rows say what is ours.
                self.take()
            except DatabaseError as error:
                logger.warning("heartbeat failed: %s", error)
                close_old_connections()
            finally:
                release_connection()

    def _renew(self) -> None:
        if renew_lease(self.worker.pk):
            if self._controls:
                renew_leases(self.worker.pk.hex)
            return
        logger.error("this worker was declared lost; its runs are someone else's now")
        with self._lock:
            for control in self._controls.values():
                control.stop("lease_lost")
        self.worker = register_worker(self.worker.name, **self._identity)  # type: ignore[arg-type]

    def _watch(self) -> None:
        with self._lock:
            executing = dict(self._controls)
        if not executing:
            return
        rows = PipelineRun.objects.filter(worker_id=self.worker.pk, pk__in=executing)
        live = {row["pk"]: row for row in rows.values("pk", "status", "cancel_requested_at")}
        for run_id, control in executing.items():
            row = live.get(run_id)
            if row is None:
                control.stop("lease_lost")
            elif row["cancel_requested_at"] and not control.heard_cancel:
                control.stop("cancelled")


def engine_failure(error: Exception) -> str:
    """Why a run had to be given up, in words for its page; only our own defects are not told."""
    return outage_words(error) or "the engine failed; the worker's log says why"


def product_version() -> str:
    """The installed version of the product."""
    try:
        return version("powernode")
    except PackageNotFoundError:
        return "development"


_current: list[EnginePool] = []


def current() -> EnginePool:
    """The pool of this worker process.

    Raises:
        RuntimeError: this process is not a worker.
    """
    if not _current:
        raise RuntimeError("This process has no engine pool; start it with `powernode worker`.")
    return _current[0]


def set_current(pool: EnginePool | None) -> None:
    """Name the pool of this process."""
    _current[:] = [pool] if pool else []
