"""A run as it happens: its changes and the lines of its logs as one sequence."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from powernode.clients.api import PowernodeClient
from powernode.clients.errors import Refused, ServerUnreachable
from powernode.clients.sockets import Frame, Stream, run_events, step_log

TERMINAL = frozenset({"success", "failure", "cancelled"})
STEP_OVER = TERMINAL | {"skipped"}
# Seconds that a log may lag behind its step's end; that of a dead worker never gets its end mark.
LAST_LINES_SECONDS, ABANDONED_LOG_SECONDS = 5.0, 0.5
_WAITING = 1000


@dataclass(frozen=True, slots=True)
class RunChanged:
    """The run has a new status or progress."""

    run: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StepChanged:
    """An attempt at a step has a new status."""

    run: dict[str, Any]
    step: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One whole line of an attempt's log."""

    step: dict[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class LogGap:
    """Bytes of the log that were dropped because it was too large."""

    step: dict[str, Any]
    byte_count: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over; the last event."""

    run: dict[str, Any]


Event = RunChanged | StepChanged | LogLine | LogGap | Finished


@dataclass(slots=True)
class _Log:
    """One attempt's log on its way."""

    step: dict[str, Any]
    stream: Stream
    rest: str = ""
    thread: threading.Thread | None = None


@dataclass(slots=True)
class RunFollower:
    """Follows one run to its end; iterate once.

    Lines of a step come before the event of its end, as long as its log arrives in time.

    Attributes:
        only_step: follow the log of this step key alone.

    Raises (from the iteration):
        Refused: the run is not visible.
        ServerUnreachable: the server was away for a minute.
    """

    client: PowernodeClient
    run_id: str
    with_logs: bool = True
    only_step: str = ""
    _queue: "queue.Queue[Event | Frame | Exception | _Log]" = field(
        default_factory=lambda: queue.Queue(_WAITING)
    )
    _logs: dict[str, _Log] = field(default_factory=dict)
    # Frames that came while the rest of a log was read; older than anything in the queue.
    _backlog: "deque[Frame]" = field(default_factory=deque)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[Event]:
        run = self.client.run(self.run_id)
        if run["status"] in TERMINAL:
            yield from self._afterwards(run)
            return
        events = run_events(self.client, self.run_id)
        self._start("events", lambda: self._pump_events(events))
        try:
            yield from self._live()
        finally:
            self._stopped.set()
            for stream in [events, *(log.stream for log in self._logs.values())]:
                stream.close()

    def _live(self) -> Iterator[Event]:
        while True:
            item = self._backlog.popleft() if self._backlog else self._queue.get()
            if isinstance(item, Exception):
                raise item
            if isinstance(item, RunChanged | StepChanged | LogLine | LogGap):
                yield item
            elif isinstance(item, _Log):
                item.thread = None
            elif isinstance(item, dict):
                yield from self._on_frame(item)
                if item["type"] == "run_completed":
                    yield from self._last_lines()
                    yield Finished(self.client.run(self.run_id))
                    return

    def _on_frame(self, frame: Frame) -> Iterator[Event]:
        if frame["type"] == "reset":
            yield from self._catch_up()
            return
        run = frame.get("pipeline_run")
        step = frame.get("step_execution")
        if isinstance(run, dict) and isinstance(step, dict):
            yield from self._on_step(run, step)
        elif isinstance(run, dict):
            yield RunChanged(run)

    def _on_step(self, run: dict[str, Any], step: dict[str, Any]) -> Iterator[Event]:
        if step["status"] == "running":
            yield StepChanged(run, step)
            self._open_log(step)
            return
        if step["status"] in STEP_OVER:
            is_abandoned = str(step.get("reason") or "").startswith("worker_")
            patience = ABANDONED_LOG_SECONDS if is_abandoned else LAST_LINES_SECONDS
            yield from self._rest_of_log(str(step["id"]), patience)
        yield StepChanged(run, step)

    def _catch_up(self) -> Iterator[Event]:
        """Messages are gone: take the run as it is now; an end that was missed is found here."""
        run = self.client.run(self.run_id)
        for step in run["step_executions"]:
            if step["status"] != "pending":
                yield from self._on_step(run, step)
        if run["status"] in TERMINAL:
            self._backlog.append({"type": "run_completed"})

    def _open_log(self, step: dict[str, Any]) -> None:
        pk = str(step["id"])
        wanted = self.with_logs and (not self.only_step or step["step_key"] == self.only_step)
        if wanted and pk not in self._logs:
            log = _Log(step, step_log(self.client, self.run_id, pk))
            self._logs[pk] = log
            log.thread = self._start("log", lambda: self._pump_log(log))

    def _rest_of_log(self, pk: str, seconds: float) -> Iterator[Event]:
        """What one log still has to say, until it is complete or late."""
        log = self._logs.get(pk)
        if log is None or log.thread is None:
            return
        until = time.monotonic() + seconds
        while log.thread is not None and time.monotonic() < until:
            try:
                item = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if isinstance(item, Exception):
                raise item
            if isinstance(item, _Log):
                item.thread = None
            elif isinstance(item, dict):
                self._backlog.append(item)
            else:
                yield item
        log.stream.close()
        log.thread = None

    def _last_lines(self) -> Iterator[Event]:
        for pk, log in list(self._logs.items()):
            if log.thread is not None:
                yield from self._rest_of_log(pk, LAST_LINES_SECONDS)

    def _pump_events(self, events: Stream) -> None:
        for frame in events:
            self._put(frame)

    def _pump_log(self, log: _Log) -> None:
        for frame in log.stream:
            if frame["type"] == "log":
                *lines, log.rest = (log.rest + str(frame["text"])).split("\n")
                for line in lines:
                    self._put(LogLine(log.step, line))
            elif frame["type"] == "gap":
                size = int(frame["to_offset"]) - int(frame["from_offset"])
                self._put(LogGap(log.step, size))
        if log.rest:
            self._put(LogLine(log.step, log.rest))
        self._put(log)

    def _start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except (Refused, ServerUnreachable) as error:
                self._put(error)

        thread = threading.Thread(target=guarded, name=f"follow-{name}", daemon=True)
        thread.start()
        return thread

    def _put(self, item: "Event | Frame | Exception | _Log") -> None:
        """Hand over, waiting while the reader is behind; a reader that left is not waited for."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def _afterwards(self, run: dict[str, Any]) -> Iterator[Event]:
        """A run that was over before anybody looked."""
        for step in run["step_executions"]:
            wanted = self.with_logs and (not self.only_step or step["step_key"] == self.only_step)
            if wanted and step.get("started_at"):
                yield StepChanged(run, {**step, "status": "running"})
                for text in log_lines(self.client.log(str(step["id"]))):
                    yield LogLine(step, text)
            yield StepChanged(run, step)
        yield Finished(run)


def log_lines(blocks: Iterator[bytes]) -> Iterator[str]:
    """The lines of a log that arrives in blocks."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
