"""Writers of all processes queue for SQLite's one write lock, and wake within a millisecond.

SQLite itself polls: whoever finds the lock taken sleeps for 1, 2, 5, 10 … 100 ms and looks again,
so that under load a writer sleeps while the lock is free, and late comers pass it. Here each
transaction first takes the turn of its process among its threads, then a file lock beside the
database, asked for often enough: one thread of each process polls, and a process of many threads
gets no larger share than one of few. A process that dies gives the lock back with its files.
Source: SQLite's `sqliteDefaultBusyCallback` (main.c).
"""

import fcntl
import os
import threading
import time
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

# Seconds between two looks: short at first, since transactions take a few milliseconds.
_FIRST_PAUSE = 0.0003
_LONGEST_PAUSE = 0.001
_DEFAULT_TIMEOUT = 5.0
# By the path of the database: whose turn it is in this process.
_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


# The stubs leave the hooks of a backend untyped.
DjangoWrapper: Any = base.DatabaseWrapper


class DatabaseWrapper(DjangoWrapper):  # type: ignore[misc]
    """A connection whose transactions wait in line."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue_file: int | None = None
        self._is_first = False

    def _start_transaction_under_autocommit(self) -> None:
        if self.transaction_mode == "IMMEDIATE" and not self.is_in_memory_db():
            self._enter_queue()
        try:
            super()._start_transaction_under_autocommit()
        except BaseException:
            self._leave_queue()
            raise

    def _commit(self) -> None:
        super()._commit()
        self._leave_queue()

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._leave_queue()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._leave_queue()
            if self._queue_file is not None:
                os.close(self._queue_file)
                self._queue_file = None

    def _enter_queue(self) -> None:
        """Wait for one's turn, as long as SQLite would.

        Raises:
            OperationalError: somebody kept the lock too long; SQLite's own words.
        """
        if self._is_first:
            return
        timeout = self.settings_dict["OPTIONS"].get("timeout", _DEFAULT_TIMEOUT)
        until = time.monotonic() + timeout
        turn = _turns[self._queue_name]
        if not turn.acquire(timeout=timeout):
            raise OperationalError("database is locked")
        try:
            self._lock_file(until)
        except BaseException:
            turn.release()
            raise
        self._is_first = True

    @property
    def _queue_name(self) -> str:
        return f"{self.settings_dict['NAME']}-queue"

    def _lock_file(self, until: float) -> None:
        if self._queue_file is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._queue_file = os.open(self._queue_name, flags, 0o600)
        pause = _FIRST_PAUSE
        while True:
            try:
                fcntl.flock(self._queue_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise OperationalError("database is locked") from None
                time.sleep(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
            else:
                return

    def _leave_queue(self) -> None:
        if self._is_first and self._queue_file is not None:
            self._is_first = False
            fcntl.flock(self._queue_file, fcntl.LOCK_UN)
            _turns[self._queue_name].release()
