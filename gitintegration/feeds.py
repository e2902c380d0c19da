"""The live log of a job of the hosts' own CI."""

import uuid
from typing import Any

from django.utils import timezone

from devops.access import Actor
from devops.feeds import Frame, incomplete_tail
from devops.storage import log_reader
from gitintegration import selectors
from gitintegration.models import GitPipelineJob
from gitintegration.operations.job_logs import watch_log

CHUNK_BYTES = 8 * 1024
POLL_SECONDS = 3.0


class JobLogFeed:
    """The bytes of a job's log from an offset on, its status, and its end.

    While somebody reads, the log is fetched from the host. Frames are `{type, job_id, payload,
    timestamp}`; offsets are bytes of UTF-8.
    """

    poll_seconds = POLL_SECONDS

    def __init__(self, actor: Actor, job_id: uuid.UUID, after: int = 0) -> None:
        self.is_complete = False
        self._actor, self._id, self._offset = actor, job_id, after
        self._status, self._error = ("", ""), ""
        # A piece may end inside a character; its rest begins the next frame.
        self._rest = b""

    def groups(self) -> frozenset[str]:
        """The log's group and the job's topic."""
        return frozenset({f"log.{self._id.hex}", f"git_job.{self._id.hex}"})

    def begin(self) -> list[Frame]:
        """That the stream is open, and what the job is at."""
        watch_log(self._actor, self._id)
        if self._offset > log_reader.state(self._id).size_bytes:
            self._offset = 0
        opened = {"message": "Streaming the job's log.", "offset": self._offset}
        frame = self._frame("connection_established", opened)
        return [frame, *self._news(self._job())]

    def read(self) -> list[Frame]:
        """The next bytes, a new status, or that there is no more."""
        if self.is_complete:
            return []
        job = self._job()
        frames = self._news(job)
        for piece in log_reader.chunks_after(self._id, self._offset, CHUNK_BYTES * 4):
            frames += self._chunks(piece)
        if frames:
            return frames
        if job.is_log_complete and job.log_bytes <= self._offset:
            self.is_complete = True
            return [self._text("log.complete", b"", is_complete=True)]
        watch_log(self._actor, self._id)
        return []

    def _news(self, job: GitPipelineJob) -> list[Frame]:
        frames = []
        if (job.status, job.conclusion) != self._status:
            self._status = (job.status, job.conclusion)
            told = {"status": job.status, "conclusion": job.conclusion}
            frames.append(self._frame("job.status", told))
        if job.log_error and job.log_error != self._error:
            frames.append(self._frame("log.error", {"error": job.log_error}))
        self._error = job.log_error
        return frames

    def _chunks(self, piece: log_reader.LogPiece) -> list[Frame]:
        if piece.offset > self._offset:
            self._rest = b""
        data = self._rest + piece.data
        whole = len(data) - incomplete_tail(data)
        begin = piece.offset - len(self._rest)
        self._offset, self._rest = piece.next_offset, data[whole:]
        return [
            self._text("log.chunk", part, at=begin + start) for start, part in _cut(data[:whole])
        ]

    def _text(
        self, kind: str, data: bytes, *, at: int | None = None, is_complete: bool = False
    ) -> Frame:
        offset = self._offset if at is None else at
        payload = {
            "content": data.decode("utf-8", errors="replace"),
            "offset": offset,
            "chunk_size": len(data),
            "is_complete": is_complete,
        }
        return self._frame(kind, payload, str(offset + len(data)))

    def _frame(self, kind: str, payload: dict[str, Any], place: str = "") -> Frame:
        members = {
            "job_id": str(self._id),
            "payload": payload,
            "timestamp": timezone.now().isoformat(),
        }
        return Frame(kind, members, place)

    def _job(self) -> GitPipelineJob:
        return selectors.git_job(self._actor, self._id)


def _cut(data: bytes) -> list[tuple[int, bytes]]:
    """Pieces of at most 8 KB that end between characters, with where they begin."""
    pieces, start = [], 0
    while start < len(data):
        part = data[start : start + CHUNK_BYTES]
        if start + len(part) < len(data):
            part = part[: len(part) - incomplete_tail(part)] or part
        pieces.append((start, part))
        start += len(part)
    return pieces
