"""A worker process: Celery for wake-ups, the engine's pool for runs, the relay beside them."""

import logging
import os
import signal
import socket
import threading
import warnings
from pathlib import Path
from typing import Any

from celery.beat import EmbeddedService
from celery.exceptions import SecurityWarning
from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings

from devops import nudge
from devops.poked import Ear, PokedThread
from devops.relay import PAUSE_SECONDS, relay
from gitintegration.tasks import process_waiting
from pipelines.engine import pool as engine
from pipelines.engine.pool import EnginePool
from pipelines.jobs import worker_queue
from powernode.celery import app
from powernode.heap import settle

logger = logging.getLogger(__name__)

# Threads for wake-ups and background tasks; runs have the pool's own.
BACKGROUND_THREADS = 4


class Background:
    """The threads that are poked: they relay messages and understand deliveries."""

    def __init__(self) -> None:
        self._ear = Ear()
        self._relay = PokedThread(nudge.RELAY, relay, pause=PAUSE_SECONDS)
        self._deliveries = PokedThread(nudge.DELIVERIES, process_waiting, pause=PAUSE_SECONDS)

    def start(self) -> None:
        """Begin, once the worker can take what follows."""
        for thread in (self._relay, self._deliveries, self._ear):
            thread.start()

    def stop(self) -> None:
        """Do what waits, then end; the relay last, which publishes what the others wrote."""
        for thread in (self._ear, self._deliveries, self._relay):
            thread.stop()


def run_worker(
    *, name: str = "", labels: list[str], capacity: int, with_beat: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT; ends children and hands runs back within five seconds."""
    pool = EnginePool(
        name or f"{socket.gethostname()}-{os.getpid()}", labels, capacity, os.getpid()
    )
    engine.set_current(pool)
    background = Background()
    beat: Any = EmbeddedService(app, thread=True, schedule_filename=str(_schedule_file()))
    stopped = threading.Event()

    @worker_ready.connect(weak=False)
    def _ready(**_: object) -> None:
        background.start()
        pool.start()
        if with_beat:
            beat.start()
        settle()
        if settings.POWERNODE_READY_FILE:
            Path(settings.POWERNODE_READY_FILE).touch()
        logger.info(
            "worker %s is ready: %s slots, labels %s, %s",
            pool.worker.name, pool.worker.capacity, pool.worker.labels or "none",
            pool.worker.executor,
        )  # fmt: skip

    @worker_shutting_down.connect(weak=False)
    def _stopping(**_: object) -> None:
        # Runs in the signal handler of the main thread: hand the work to a thread of its own.
        threading.Thread(target=_stop, name="stopping").start()

    def _stop() -> None:
        if stopped.is_set():
            return
        stopped.set()
        if with_beat:
            beat.stop()
        pool.stop()
        background.stop()
        # Celery waits for its own tasks; ours are over, so nothing is worth waiting for.
        os.kill(os.getpid(), signal.SIGQUIT)

    # Celery's start would load every address and view to check them; the web process does that.
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # noqa: TID251  (Celery reads nothing else)
    # In a container root is the only user there is; what steps may do is the sandbox's business.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    queues = f"default,{worker_queue(pool.worker.pk)}"
    app.worker_main(
        [
            "--quiet", "worker", "--pool=threads", f"--concurrency={BACKGROUND_THREADS}",
            "--loglevel=WARNING",
            "--without-gossip", "--without-mingle", "--without-heartbeat", f"--queues={queues}",
            f"--hostname={pool.worker.name}@%h",
        ]
    )  # fmt: skip


def _schedule_file() -> object:
    folder = settings.POWERNODE_VAR / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "beat-schedule"
