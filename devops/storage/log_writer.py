"""Writing a log stream: masked, batched, capped; the bytes first, then their index row."""

import dataclasses
import datetime as dt
import itertools
import os
import select
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Min
from django.utils import timezone

from devops.connections import release_connection
from devops.errors import Conflict
from devops.models.storage import LogChunk, LogStream
from devops.storage import log_index, segments
from devops.storage.log_index import Entry

FLUSH_SECONDS = 0.1
BUSY_SECONDS = 0.02
FLUSH_BYTES = 32 * 1024
CHUNK_BYTES = 256 * 1024


class StreamMasker(Protocol):
    """What takes secrets out of a stream (``devops.safety.masking.Masker``)."""

    def feed(self, block: bytes) -> bytes:
        """Return what is safe to show of all that was fed."""

    def flush(self) -> bytes:
        """Return the rest."""


class LogClosed(Conflict):
    """The stream was closed and takes no more bytes."""

    code = "log-closed"


@dataclasses.dataclass(frozen=True, slots=True)
class AppendInfo:
    """What was just appended and is readable now."""

    stream_id: uuid.UUID
    offset: int
    length: int
    first_line: int
    line_count: int
    at: dt.datetime

    @property
    def size_bytes(self) -> int:
        """Return the offset after the last byte."""
        return self.offset + self.length


class LogWriter:
    """The one writer of a stream; use it from one thread.

    A first write after a quiet 100 ms goes out at once, later ones in batches. After a crash a
    new writer of the same stream continues where the index ends. ``cap_bytes`` bounds what is
    kept: the first half stays, of the second half the newest segments.
    """

    def __init__(
        self,
        stream_id: uuid.UUID,
        account_id: uuid.UUID,
        *,
        masker: StreamMasker,
        cap_bytes: int | None = None,
        on_append: Callable[[AppendInfo], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream_id = stream_id
        self.dropped_bytes = 0
        self._account_id = account_id
        self._masker = masker
        self._on_append = on_append
        self._clock = clock
        cap = settings.POWERNODE_LOG_CAP_BYTES if cap_bytes is None else cap_bytes
        self._head_bytes = cap // 2
        self._tail_bytes = cap - cap // 2
        self._segment_bytes = min(segments.SEGMENT_BYTES, max(1, self._tail_bytes // 4))
        self._in_files = settings.POWERNODE_LOG_BACKEND == "files"
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._flushed_at = float("-inf")
        self._is_open = False
        self._closed = False
        self._is_unwritable = False
        self._known = 0
        self._seq = 0
        self._offset = 0
        self._line = 1
        self._segment = -1
        self._fd = -1
        self._tail: list[_Segment] = []
        self._gap: _Segment | None = None

    @property
    def size_bytes(self) -> int:
        """Return the offset after the last byte that is readable."""
        return self._offset

    def write(self, block: bytes) -> None:
        """Take output of the command; it is readable at once or within 100 ms.

        Raises:
            OSError: the disk refused it; what comes later is dropped, what stands is kept.
        """
        if self._closed:
            raise LogClosed(f"The log {self.stream_id} is closed.")
        if self._is_unwritable:
            self.dropped_bytes += len(block)
            return
        if self._take(self._masker.feed(block)):
            self._flush_if_due()

    def tick(self) -> float | None:
        """Flush what waits too long; return the seconds until the next call is of use."""
        if not self._buffered:
            return None
        self._flush_if_due()
        if not self._buffered:
            return None
        return max(0.0, self._flushed_at + FLUSH_SECONDS - self._clock())

    def settle(self) -> int:
        """Write all that is held back; return the offset at which the next byte will stand."""
        self._open()
        self._write_rest()
        release_connection()
        return self._offset

    def skip(self, count: int) -> None:
        """Leave out the next ``count`` shown bytes: an earlier writer wrote them already."""
        self._known = count

    def suspend(self) -> None:
        """Write the rest and leave the stream open for a later writer."""
        if self._closed:
            return
        self._write_rest()
        self._closed = True
        self._end_segment()
        release_connection()

    def abandon(self) -> None:
        """Leave the stream as it is: another process writes it now."""
        self._closed = True
        self._buffer.clear()
        self._buffered = 0
        self._end_segment()

    def close(self) -> None:
        """Write the rest and mark the stream complete; calling it again changes nothing."""
        if self._closed:
            return
        self._write_rest()
        if not self._is_open and log_index.record_empty(
            self.stream_id, self._account_id, timezone.now()
        ):
            # A silent step costs one commit, not an opening and a closing.
            self._closed = True
            release_connection()
            return
        self._open()
        self._closed = True
        self._end_segment()
        LogStream.objects.filter(pk=self.stream_id).update(
            size_bytes=self._offset,
            line_count=self._line - 1,
            closed_at=timezone.now(),
            updated_at=timezone.now(),
        )
        release_connection()

    def _write_rest(self) -> None:
        self._take(self._masker.flush())
        self._flush()

    def _take(self, shown: bytes) -> bool:
        if self._known:
            known = min(self._known, len(shown))
            self._known -= known
            shown = shown[known:]
        if shown:
            self._buffer.append(shown)
            self._buffered += len(shown)
        return bool(shown)

    def _flush_if_due(self) -> None:
        quiet = self._clock() - self._flushed_at
        enough = FLUSH_BYTES if quiet >= BUSY_SECONDS else CHUNK_BYTES
        if quiet >= FLUSH_SECONDS or self._buffered >= enough:
            self._flush()

    def _flush(self) -> None:
        if not self._buffered:
            return
        data = b"".join(self._buffer) if len(self._buffer) > 1 else self._buffer[0]
        self._open()
        try:
            for start in range(0, len(data), CHUNK_BYTES):
                self._append(data[start : start + CHUNK_BYTES])
        except OSError:
            # The step fails by it; writing its end must not fail once more.
            self._is_unwritable = True
            self._drop_buffer()
            raise
        self._buffer.clear()
        self._buffered = 0
        self._flushed_at = self._clock()
        release_connection()

    def _drop_buffer(self) -> None:
        self.dropped_bytes += self._buffered
        self._buffer.clear()
        self._buffered = 0
        self._end_segment()

    def _append(self, data: bytes) -> None:
        entry = Entry(self._offset, len(data), self._line, data.count(b"\n"), timezone.now())
        self._begin_segment()
        if self._in_files:
            segments.write_all(self._fd, data)
        log_index.add_chunk(
            self.stream_id,
            self._seq,
            entry,
            segment=self._segment,
            data=None if self._in_files else data,
        )
        self._seq += 1
        self._offset = entry.end
        self._line = entry.next_line
        if self._segment >= self._head_bytes:
            self._tail[-1].extend(entry)
            self._drop_middle()
        self._on_append(
            AppendInfo(
                self.stream_id,
                entry.offset,
                entry.length,
                entry.first_line,
                entry.line_count,
                entry.at,
            )
        )

    def _begin_segment(self) -> None:
        in_head = self._offset < self._head_bytes
        full = self._offset - self._segment >= self._segment_bytes
        leaves_head = not in_head and self._segment < self._head_bytes
        if self._segment >= 0 and not full and not leaves_head:
            return
        self._end_segment()
        self._segment = self._offset
        if not in_head:
            self._tail.append(_Segment(self._offset, self._offset, self._line, self._line))
        if self._in_files:
            self._fd = segments.open_new(self.stream_id, self._segment)

    def _end_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _drop_middle(self) -> None:
        while len(self._tail) > 1 and self._offset - self._tail[0].start > self._tail_bytes:
            victim = self._tail.pop(0)
            self._gap = victim if self._gap is None else self._gap.joined(victim)
            self.dropped_bytes = self._gap.end - self._gap.start
            with transaction.atomic():
                LogChunk.objects.filter(stream_id=self.stream_id, segment=victim.start).delete()
                LogStream.objects.filter(pk=self.stream_id).update(
                    dropped_bytes=self.dropped_bytes,
                    gap_start=self._gap.start,
                    gap_first_line=self._gap.first_line,
                    gap_last_line=self._gap.last_line,
                )
            if self._in_files:
                segments.drop(self.stream_id, victim.start)

    def _open(self) -> None:
        if self._is_open:
            return
        if not log_index.open_stream(self.stream_id, self._account_id, timezone.now()):
            self._continue()
        self._is_open = True

    def _continue(self) -> None:
        row = LogStream.objects.get(pk=self.stream_id)
        if row.closed_at is not None:
            raise LogClosed(f"The log {self.stream_id} is closed.")
        last = log_index.last_chunk(self.stream_id)
        if last is None:
            return
        self._seq = last.seq + 1
        self._offset = last.offset + last.length
        self._line = last.first_line + last.line_count
        if row.gap_start is not None:
            self.dropped_bytes = row.dropped_bytes
            self._gap = _Segment(
                row.gap_start,
                row.gap_start + row.dropped_bytes,
                row.gap_first_line or 1,
                row.gap_last_line or 1,
            )
        self._tail = _tail_of(self.stream_id, self._head_bytes)
        if self._tail:
            self._tail[-1].end = self._offset
            self._tail[-1].last_line = self._line


@dataclasses.dataclass(slots=True)
class _Segment:
    start: int
    end: int
    first_line: int
    last_line: int

    def extend(self, entry: Entry) -> None:
        self.end = entry.end
        self.last_line = entry.next_line

    def joined(self, other: "_Segment") -> "_Segment":
        return _Segment(self.start, other.end, self.first_line, other.last_line)


def _tail_of(stream_id: uuid.UUID, head_bytes: int) -> list[_Segment]:
    rows = (
        LogChunk.objects.filter(stream_id=stream_id, segment__gte=head_bytes)
        .values("segment")
        .annotate(first=Min("first_line"), last=Max("first_line"), chunks=Count("id"))
        .order_by("segment")
    )
    found = [_Segment(row["segment"], row["segment"], row["first"], row["last"]) for row in rows]
    for one, following in itertools.pairwise(found):
        one.end = following.start
        one.last_line = following.first_line
    return found


def pump(
    fd: int,
    writer: LogWriter,
    *,
    should_stop: Callable[[], bool],
    exit_fd: int | None = None,
    poll_seconds: float = 1.0,
) -> None:
    """Copy a command's pipe into its log until the pipe ends or ``should_stop`` says so.

    ``should_stop`` is asked at least every ``poll_seconds``. ``exit_fd`` (``Child.exit_fd``) ends
    the copying when the command has ended although something it left behind keeps the pipe open;
    what stands in the pipe by then is still taken. Does not close the writer.
    """
    os.set_blocking(fd, False)
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    if exit_fd is not None:
        poller.register(exit_fd, select.POLLIN)
    while not should_stop():
        wait = writer.tick()
        wait = poll_seconds if wait is None else min(wait, poll_seconds)
        ready = {ready_fd for ready_fd, _ in poller.poll(wait * 1000)}
        more = True
        # Looked at one after the other: the last output may have come after the pipe was, and the
        # end before the process was.
        if ready:
            block, more = _take(fd)
            if block:
                writer.write(block)
        if not more or exit_fd in ready:
            return


def _take(fd: int) -> tuple[bytes, bool]:
    """Return all that the pipe holds, up to one chunk, and whether it may still bring more."""
    blocks: list[bytes] = []
    size = 0
    while size < CHUNK_BYTES:
        try:
            block = os.read(fd, CHUNK_BYTES - size)
        except BlockingIOError:
            break
        if not block:
            return b"".join(blocks), False
        blocks.append(block)
        size += len(block)
    return b"".join(blocks), True
