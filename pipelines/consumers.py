"""Live runs and live logs, replayed from rows."""

import asyncio
import contextlib
import uuid
from typing import Any

from devops.access import memberships_of
from devops.errors import NotFound
from devops.ids import parse_uuid
from devops.models import Membership, OutboxMessage
from devops.outbox import account_group
from devops.storage import log_reader
from devops.streams import ReplayConsumer, in_database
from pipelines import selectors
from pipelines.choices import STEP_TERMINAL
from pipelines.models import StepExecution
from pipelines.states import run_topic

EVENTS = ("run_created", "run_updated", "run_completed", "step_updated")
BATCH = 200
LOG_FRAME_BYTES = 128 * 1024
# Nudges of logs may be lost; while a step runs the reader looks by itself this often.
LOG_POLL_SECONDS = 2.0
# The broker confirms no subscription: what was nudged in the first moments may be missed.
LOG_FIRST_POLL_SECONDS = 0.1


class RunConsumer(ReplayConsumer):
    """The base of streams that may name a run: its account is the one to act in."""

    async def act_in_account_of(self, run_id: uuid.UUID) -> None:
        """A person may be a member of several accounts; the run says which one is meant.

        Raises:
            NotFound: the person is no member of the run's account, or there is no such run.
        """
        user = self.scope.get("user")
        if self.actor.kind != "user" or user is None:
            return

        def membership() -> Membership | None:
            owner = selectors.account_of_run(run_id)
            if owner is None:
                return None
            rows = memberships_of(user).filter(account_id=owner)
            return rows.select_related("user", "account").first()

        await self.actor_for(membership)


class PipelineConsumer(RunConsumer):
    """`/ws/devops/pipelines`: what happens to runs of an account, of a pipeline, or to one run."""

    run_id: uuid.UUID | None = None
    pipeline_id: uuid.UUID | None = None

    async def open(self) -> str:
        self.last = self.number("after")
        self.is_live_only = not self.query("after")
        if self.query("run"):
            self.run_id = parse_uuid(self.query("run"))
            await self.act_in_account_of(self.run_id)
            await in_database(selectors.run)(self.actor, self.run_id)
            return run_topic(self.run_id)
        if self.query("pipeline"):
            self.pipeline_id = parse_uuid(self.query("pipeline"))
            await in_database(selectors.pipeline)(self.actor, self.pipeline_id)
        if self.query("account") and parse_uuid(self.query("account")) != self.actor.account_id:
            raise NotFound("No such account.")
        self.actor.require(selectors.READ_RUNS)
        return account_group(self.actor.account_id)

    async def subscribed(self) -> None:
        if self.is_live_only:
            self.last = await in_database(self._newest)()
        elif await in_database(self._is_too_old)():
            await self.send_json({"type": "reset"})
            self.last = await in_database(self._newest)()
        await self.send_json({"type": "subscribed", "seq": self.last})

    async def replay(self) -> None:
        while rows := await in_database(self._rows)():
            for seq, name, payload, at in rows:
                self.last = seq
                if name in EVENTS and self._is_wanted(payload):
                    body = {key: value for key, value in payload.items() if key != "version"}
                    frame = {"type": name, "seq": seq, "timestamp": at.isoformat(), **body}
                    await self.send_json(frame)
            if len(rows) < BATCH:
                return

    def _is_wanted(self, payload: dict[str, Any]) -> bool:
        if self.pipeline_id is None:
            return True
        run = payload.get("pipeline_run") or {}
        return run.get("pipeline_id") == str(self.pipeline_id)

    def _rows(self) -> list[tuple[Any, ...]]:
        if self.run_id is not None:
            messages = selectors.run_messages(self.actor, self.run_id, self.last)
            return list(messages.values_list("seq", "name", "payload", "created_at")[:BATCH])
        messages = OutboxMessage.objects.filter(
            account_id=self.actor.account_id, stream_seq__gt=self.last
        ).order_by("stream_seq")
        return list(messages.values_list("stream_seq", "name", "payload", "created_at")[:BATCH])

    def _newest(self) -> int:
        if self.run_id is not None:
            found = selectors.run_messages(self.actor, self.run_id).order_by("-seq")
            return found.values_list("seq", flat=True).first() or 0
        rows = OutboxMessage.objects.filter(account_id=self.actor.account_id)
        newest = rows.exclude(stream_seq=None).order_by("-stream_seq")
        return newest.values_list("stream_seq", flat=True).first() or 0

    def _is_too_old(self) -> bool:
        """Whether retention took rows that the reader lacks, or the number is none of ours."""
        if self.run_id is not None:
            rows, number = selectors.run_messages(self.actor, self.run_id, 0), "seq"
        else:
            numbered = OutboxMessage.objects.filter(account_id=self.actor.account_id)
            rows, number = numbered.exclude(stream_seq=None).order_by("stream_seq"), "stream_seq"
        oldest: int | None = rows.values_list(number, flat=True).first()
        return oldest is not None and (self.last + 1 < oldest or self.last > self._newest())


class RunLogConsumer(RunConsumer):
    """`/ws/runs/<id>/logs`: the bytes of one attempt's log from an offset on, then live."""

    async def open(self) -> str:
        run_id = parse_uuid(self.scope["url_route"]["kwargs"]["run_id"])
        execution_id = parse_uuid(self.query("step_execution_id"))
        await self.act_in_account_of(run_id)
        self.execution = await in_database(self._find)(execution_id, run_id)
        self.offset = self.number("after")
        self.is_complete = False
        # A piece may end inside a character; its rest begins the next frame.
        self.rest = b""
        return f"log.{self.execution.pk.hex}"

    def _find(self, execution_id: uuid.UUID, run_id: uuid.UUID) -> StepExecution:
        execution = selectors.step_execution(self.actor, execution_id)
        if execution.run_id != run_id:
            raise NotFound("The run has no such attempt.")
        return execution

    async def subscribed(self) -> None:
        state = await in_database(log_reader.state)(self.execution.pk)
        if self.offset > state.size_bytes:
            self.offset = 0
            await self.send_json({"type": "reset"})
        await self.send_json(
            {
                "type": "subscribed",
                "step_execution_id": str(self.execution.pk),
                "size_bytes": state.size_bytes,
                "total_lines": state.total_lines,
                "complete": state.complete,
            }
        )

    async def replay(self) -> None:
        while pieces := await in_database(self._pieces)():
            for piece in pieces:
                await self._send_piece(piece)
        if not self.is_complete:
            await self._complete()

    async def _send_piece(self, piece: log_reader.LogPiece) -> None:
        if piece.offset > self.offset:
            self.rest = b""
            gap = {"type": "gap", "from_offset": self.offset, "to_offset": piece.offset}
            await self.send_json(gap)
        data = self.rest + piece.data
        whole = len(data) - incomplete_tail(data)
        begin = piece.offset - len(self.rest)
        self.offset, self.rest = piece.next_offset, data[whole:]
        await self.send_json(
            {
                "type": "log",
                "offset": begin,
                "next_offset": begin + whole,
                "line": piece.first_line,
                "at": piece.at.isoformat(),
                "text": data[:whole].decode("utf-8", errors="replace"),
            }
        )

    def _pieces(self) -> list[Any]:
        return list(log_reader.chunks_after(self.execution.pk, self.offset, LOG_FRAME_BYTES))

    async def _complete(self) -> None:
        state, status = await in_database(self._ended)()
        if status not in STEP_TERMINAL or (not state.complete and state.size_bytes):
            return
        if state.size_bytes > self.offset:
            self._again = True
            return
        self.is_complete = True
        await self.send_json(
            {
                "type": "complete",
                "size_bytes": state.size_bytes,
                "total_lines": state.total_lines,
                "status": status,
            }
        )

    def _ended(self) -> tuple[Any, str]:
        status = StepExecution.objects.values_list("status", flat=True).get(pk=self.execution.pk)
        return log_reader.state(self.execution.pk), status

    def background(self) -> list["asyncio.Task[None]"]:
        return [asyncio.create_task(self._poll())]

    async def _poll(self) -> None:
        pause = LOG_FIRST_POLL_SECONDS
        with contextlib.suppress(asyncio.CancelledError):
            while not self.is_complete:
                await asyncio.sleep(pause)
                pause = min(LOG_POLL_SECONDS, pause * 2)
                await self._replay()


def incomplete_tail(data: bytes) -> int:
    """How many bytes at the end begin a character that is not whole yet (0 to 3)."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < length else 0
        if byte < 0x80:
            return 0
    return 0
