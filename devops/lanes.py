"""Threads for work that waits for others: hosts, remotes, receivers.

The worker's background threads answer wake-ups within milliseconds; a host that takes a minute for
each answer must not hold them. A task hands such work over here and returns. Nothing is lost with
the process: the rows say what is due, and the sweepers wake it again.
"""

import logging
import queue
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from django.db import close_old_connections

from devops.connections import release_connection

logger = logging.getLogger(__name__)

THREADS = 8


@dataclass(slots=True)
class _Job:
    work: Callable[[], object]
    is_running: bool = False
    is_wanted_again: bool = False


@dataclass(slots=True)
class Lane:
    """A bounded number of daemon threads, begun as they are needed.

    Wake-ups for one key collapse: what is waiting is not doubled, and what is being done is done
    once more afterwards, because the news may have come too late for it.
    """

    name: str
    threads: int = THREADS
    _jobs: dict[Hashable, _Job] = field(default_factory=dict)
    _queue: "queue.SimpleQueue[Hashable]" = field(default_factory=queue.SimpleQueue)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: int = 0
    _idle: int = 0
    _waiting: int = 0

    def submit(self, key: Hashable, work: Callable[[], object]) -> None:
        """Have the work done soon; returns at once."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.is_wanted_again = job.is_wanted_again or job.is_running
                return
            self._jobs[key] = _Job(work)
            self._put(key)

    def _put(self, key: Hashable) -> None:
        """Queue a key, for an idle thread or a new one; the caller holds the lock."""
        self._waiting += 1
        self._queue.put(key)
        if self._waiting > self._idle and self._started < self.threads:
            self._started += 1
            name = f"{self.name}-{self._started}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            key = self._queue.get()
            with self._lock:
                self._idle -= 1
                self._waiting -= 1
                job = self._jobs[key]
                job.is_running = True
            self._do(job)
            with self._lock:
                again = job.is_wanted_again
                job.is_running = job.is_wanted_again = False
                if again:
                    self._put(key)
                else:
                    del self._jobs[key]

    def _do(self, job: _Job) -> None:
        close_old_connections()
        try:
            job.work()
        except Exception:
            # The thread must outlive whatever this was; the sweepers find what is left.
            logger.exception("work of the lane %s failed", self.name)
        finally:
            release_connection()


HOSTS = Lane("hosts")
"""Calls to the git hosts."""
REMOTES = Lane("remotes", threads=4)
"""Reading of repositories: what a push starts must not wait for a host's API."""
MODELS = Lane("models", threads=2)
"""Questions to language models that no step asks."""
ENGINES = Lane("engines", threads=4)
"""Calls to Docker Engines that are nobody's step."""
RECEIVERS = Lane("receivers", threads=4)
"""Outgoing deliveries and mail."""
