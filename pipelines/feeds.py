"""The live streams of runs: what happens, and what the steps say."""

import uuid
from typing import Any

from devops.access import Actor
from devops.errors import NotFound
from devops.feeds import Frame, incomplete_tail
from devops.models import OutboxMessage
from devops.outbox import account_group
from devops.storage import log_reader
from pipelines import selectors
from pipelines.choices import RUN_TERMINAL, STEP_TERMINAL, StepStatus
from pipelines.models import PipelineRun, StepExecution
from pipelines.states import run_topic

EVENTS = ("run_created", "run_updated", "run_completed", "step_updated", "step_update")
# What happens to the hosts' own runs: told to readers of the whole account who may see them.
HOST_EVENTS = {
    "git_pipeline_updated": "git.pipelines.read",
    "git_job_updated": "git.pipelines.read",
    "approval_status": "git.approvals.read",
    "webhook_event_updated": "git.webhooks.read",
}
BATCH = 200
LOG_FRAME_BYTES = 128 * 1024
EVENT_POLL_SECONDS = 15.0
LOG_POLL_SECONDS = 2.0


class EventFeed:
    """What happens in an account, to the runs of one pipeline, or in one run, until its end.

    Without `after` it begins with what happens from now on.
    """

    poll_seconds = EVENT_POLL_SECONDS

    def __init__(
        self,
        actor: Actor,
        *,
        run_id: uuid.UUID | None = None,
        pipeline_id: uuid.UUID | None = None,
        after: int | None = None,
    ) -> None:
        actor.require(selectors.READ_RUNS)
        self.is_complete = False
        self._actor, self._run_id, self._pipeline_id = actor, run_id, pipeline_id
        self._is_live_only = after is None
        self._last = after or 0

    def groups(self) -> frozenset[str]:
        """The run's topic, or everything of the account."""
        if self._run_id is not None:
            return frozenset({run_topic(self._run_id)})
        return frozenset({account_group(self._actor.account_id)})

    def begin(self) -> list[Frame]:
        """Where the reader is; `reset` first when its number leads nowhere."""
        frames = []
        if self._is_live_only:
            self._last = self._newest()
        elif self._is_too_old():
            self._last = self._newest()
            frames = [Frame("reset", {})]
        return [*frames, Frame("subscribed", {"seq": self._last})]

    def read(self) -> list[Frame]:
        """The next events."""
        rows = self._rows()
        if not rows and self._is_over():
            # Once more: the last message is written together with the status.
            rows = self._rows()
            self.is_complete = not rows
        while rows:
            self._last = rows[-1][0]
            frames = [self._frame(*row) for row in rows if self._is_wanted(row[1], row[2])]
            if frames:
                return frames
            rows = self._rows()
        return []

    def _is_wanted(self, name: str, payload: dict[str, Any]) -> bool:
        if name in HOST_EVENTS:
            return self._pipeline_id is None and self._actor.may(HOST_EVENTS[name])
        if name not in EVENTS:
            return False
        run = payload.get("pipeline_run") or {}
        return self._pipeline_id is None or run.get("pipeline_id") == str(self._pipeline_id)

    def _frame(self, seq: int, name: str, payload: dict[str, Any], at: Any) -> Frame:
        body = {key: value for key, value in payload.items() if key != "version"}
        return Frame(name, {"seq": seq, "timestamp": at.isoformat(), **body}, str(seq))

    def _rows(self) -> list[tuple[Any, ...]]:
        if self._run_id is not None:
            messages = selectors.run_messages(self._actor, self._run_id, self._last)
            return list(messages.values_list("seq", "name", "payload", "created_at")[:BATCH])
        messages = OutboxMessage.objects.filter(
            account_id=self._actor.account_id, stream_seq__gt=self._last
        ).order_by("stream_seq")
        return list(messages.values_list("stream_seq", "name", "payload", "created_at")[:BATCH])

    def _is_over(self) -> bool:
        return self._run_id is not None and is_over(self._run_id)

    def _newest(self) -> int:
        if self._run_id is not None:
            found = selectors.run_messages(self._actor, self._run_id).order_by("-seq")
            return found.values_list("seq", flat=True).first() or 0
        return selectors.newest_stream_seq(self._actor)

    def _is_too_old(self) -> bool:
        """Whether retention took rows that the reader lacks, or the number is none of ours."""
        if self._run_id is not None:
            rows, number = selectors.run_messages(self._actor, self._run_id, 0), "seq"
        else:
            numbered = OutboxMessage.objects.filter(account_id=self._actor.account_id)
            rows, number = numbered.exclude(stream_seq=None).order_by("stream_seq"), "stream_seq"
        oldest: int | None = rows.values_list(number, flat=True).first()
        return oldest is not None and (self._last + 1 < oldest or self._last > self._newest())


class LogFeed:
    """The bytes of one attempt's log from an offset on, until it is complete."""

    poll_seconds = LOG_POLL_SECONDS

    def __init__(self, execution_id: uuid.UUID, after: int = 0) -> None:
        self.is_complete = False
        self._id, self._offset = execution_id, after
        # A piece may end inside a character; its rest begins the next frame.
        self._rest = b""

    def groups(self) -> frozenset[str]:
        """The group of the log."""
        return frozenset({f"log.{self._id.hex}"})

    def begin(self) -> list[Frame]:
        """How much there is; `reset` first when the offset lies beyond it."""
        state, frames = log_reader.state(self._id), []
        if self._offset > state.size_bytes:
            self._offset = 0
            frames = [Frame("reset", {})]
        members = {
            "step_execution_id": str(self._id),
            "size_bytes": state.size_bytes,
            "total_lines": state.total_lines,
            "complete": state.complete,
        }
        return [*frames, Frame("subscribed", members)]

    def read(self) -> list[Frame]:
        """The next bytes, or that there are no more."""
        if self.is_complete:
            return []
        return self._pieces() or self._end()

    def _pieces(self) -> list[Frame]:
        found = log_reader.chunks_after(self._id, self._offset, LOG_FRAME_BYTES)
        return [frame for piece in found for frame in self._frames(piece)]

    def _frames(self, piece: log_reader.LogPiece) -> list[Frame]:
        frames = []
        if piece.offset > self._offset:
            self._rest = b""
            frames = [_gap(self._offset, piece.offset)]
        data = self._rest + piece.data
        whole = len(data) - incomplete_tail(data)
        begin = piece.offset - len(self._rest)
        self._offset, self._rest = piece.next_offset, data[whole:]
        members = {
            "offset": begin,
            "next_offset": begin + whole,
            "line": piece.first_line,
            "at": piece.at.isoformat(),
            "text": data[:whole].decode("utf-8", errors="replace"),
        }
        return [*frames, Frame("log", members, str(begin + whole))]

    def _end(self) -> list[Frame]:
        status = StepExecution.objects.values_list("status", flat=True).get(pk=self._id)
        state = log_reader.state(self._id)
        if status not in STEP_TERMINAL or (not state.complete and state.size_bytes):
            return []
        # Once more: something may have been written between the two looks.
        if state.size_bytes > self._offset and (frames := self._pieces()):
            return frames
        frames = []
        if state.size_bytes > self._offset:
            frames = [_gap(self._offset, state.size_bytes)]
        self.is_complete = True
        members = {
            "size_bytes": state.size_bytes,
            "total_lines": state.total_lines,
            "status": status,
        }
        return [*frames, Frame("complete", members, str(state.size_bytes))]


class RunLogFeed:
    """The logs of a run's attempts, one after the other in its order, until the run is over.

    A place in it is `<step execution>:<offset>`.
    """

    poll_seconds = LOG_POLL_SECONDS

    def __init__(
        self, actor: Actor, run_id: uuid.UUID, after: tuple[uuid.UUID, int] | None = None
    ) -> None:
        self.is_complete = False
        self._actor, self._run_id = actor, run_id
        self._done: set[uuid.UUID] = set()
        self._log: LogFeed | None = None
        self._open = uuid.UUID(int=0)
        self._first_offset = 0
        if after is not None:
            self._skip_to(*after)

    def _skip_to(self, execution_id: uuid.UUID, offset: int) -> None:
        keys = [row.pk for row in self._attempts()]
        if execution_id not in keys:
            raise NotFound("The run has no such attempt.")
        self._done = set(keys[: keys.index(execution_id)])
        self._first_offset = offset

    def groups(self) -> frozenset[str]:
        """The run's topic and the log that is read."""
        log = self._log.groups() if self._log else frozenset()
        return log | {run_topic(self._run_id)}

    def begin(self) -> list[Frame]:
        """Which run is followed."""
        return [Frame("subscribed", {"pipeline_run_id": str(self._run_id)})]

    def read(self) -> list[Frame]:
        """The next bytes of the present attempt, or the next attempt."""
        if self._log is None:
            return self._next()
        frames = [self._named(frame) for frame in self._log.read()]
        if self._log.is_complete:
            self._done.add(self._open)
            self._log = None
        return frames

    def _next(self) -> list[Frame]:
        over = is_over(self._run_id)
        for row in self._attempts():
            if row.pk in self._done or row.status == StepStatus.PENDING:
                continue
            self._open, self._log = row.pk, LogFeed(row.log_id, self._first_offset)
            self._first_offset = 0
            members = {"step_key": row.step_key, "step_name": row.step_name, "attempt": row.attempt}
            begun = [Frame("step", {**members, "status": row.status}), *self._log.begin()]
            return [self._named(frame) for frame in begun]
        self.is_complete = over
        return []

    def _attempts(self) -> list[StepExecution]:
        return list(selectors.steps_of_runs(self._actor, [self._run_id]))

    def _named(self, frame: Frame) -> Frame:
        place = f"{self._open}:{frame.place}" if frame.place else ""
        return Frame(frame.type, {"step_execution_id": str(self._open), **frame.members}, place)


def is_over(run_id: uuid.UUID) -> bool:
    """Whether nothing will happen in a run any more."""
    return PipelineRun.objects.filter(pk=run_id, status__in=RUN_TERMINAL).exists()


def _gap(from_offset: int, to_offset: int) -> Frame:
    return Frame("gap", {"from_offset": from_offset, "to_offset": to_offset}, str(to_offset))
