"""Reading a log stream: by bytes, by lines, by search; the same before and after compaction."""

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator

from devops.models.storage import LogStream
from devops.safety.line_search import LineSearch
from devops.storage.log_index import Entry
from devops.storage.log_sources import LogHandle, Source

MAX_LINES = 5000
LINE_BYTES = 64 * 1024
PAGE_BYTES = 4 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """What the cap dropped: bytes ``[from_offset, to_offset)``, parts of the lines named."""

    from_offset: int
    to_offset: int
    from_line: int
    to_line: int

    @property
    def bytes(self) -> int:
        """Return how many bytes are missing."""
        return self.to_offset - self.from_offset


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline; ``truncated`` when only a part of it is in ``text``."""

    number: int
    at: dt.datetime
    text: str
    truncated: bool


@dataclasses.dataclass(frozen=True, slots=True)
class LinePage:
    """Consecutive lines; fewer than asked for when they are very long."""

    first_line: int
    lines: list[Line]
    total_lines: int
    size_bytes: int
    complete: bool
    gaps: list[Gap]


@dataclasses.dataclass(frozen=True, slots=True)
class LogPiece:
    """Consecutive bytes; ``first_line`` is the line of the first one."""

    offset: int
    first_line: int
    at: dt.datetime
    data: bytes

    @property
    def next_offset(self) -> int:
        """Return the offset after the last byte."""
        return self.offset + len(self.data)


@dataclasses.dataclass(frozen=True, slots=True)
class LogState:
    """How far a stream has come."""

    size_bytes: int
    total_lines: int
    complete: bool
    dropped_bytes: int
    gaps: list[Gap]


@dataclasses.dataclass(frozen=True, slots=True)
class Matches:
    """The lines found, the first ``limit`` of them, and how many there are in all."""

    lines: list[int]
    total: int


def state(stream_id: uuid.UUID) -> LogState:
    """Return how far a stream has come; a step that never wrote has an empty, open one."""
    with LogHandle(stream_id) as handle:
        return _state(handle)


def read_bytes(stream_id: uuid.UUID, start: int, limit: int) -> tuple[bytes, int]:
    """Return up to ``limit`` bytes from offset ``start`` and the offset to go on from.

    Dropped bytes are passed over: what is returned may begin after ``start``.
    """
    pieces: list[bytes] = []
    position = start
    for piece in chunks_after(stream_id, start, limit):
        if pieces and piece.offset != position:
            break
        pieces.append(piece.data)
        position = piece.next_offset
    return b"".join(pieces), position


def iter_bytes(stream_id: uuid.UUID) -> Iterator[bytes]:
    """Yield the whole log as it is kept, with a line of our own where the cap dropped bytes."""
    with LogHandle(stream_id) as handle:
        position = 0
        for entry in handle.source.from_offset(0):
            data = handle.source.read(entry)
            if data is None:
                continue
            if entry.offset != position:
                yield f"\n[{entry.offset - position} bytes dropped by the log limit]\n".encode()
            yield data
            position = entry.end


def chunks_after(stream_id: uuid.UUID, offset: int, max_bytes: int) -> Iterator[LogPiece]:
    """Yield what stands at and after ``offset``, at most ``max_bytes``; a jump of offsets is a gap.

    Pieces may cut a line and even a character in two.
    """
    with LogHandle(stream_id) as handle:
        for entry in handle.source.from_offset(offset):
            if max_bytes <= 0:
                return
            data = handle.source.read(entry)
            if data is None:
                continue
            skipped = max(0, offset - entry.offset)
            piece = data[skipped : skipped + max_bytes]
            max_bytes -= len(piece)
            line = entry.first_line + data.count(b"\n", 0, skipped)
            yield LogPiece(entry.offset + skipped, line, entry.at, piece)


def read_lines(stream_id: uuid.UUID, first_line: int, limit: int) -> LinePage:
    """Return up to ``limit`` (at most 5000) lines from number ``first_line``, counted from 1."""
    first_line = max(1, first_line)
    limit = min(limit, MAX_LINES)
    with LogHandle(stream_id) as handle:
        reached = _state(handle)
        lines: list[Line] = []
        size = 0
        for line in _lines(handle.source, first_line):
            if len(lines) >= limit or size >= PAGE_BYTES:
                break
            lines.append(line)
            size += len(line.text)
    return LinePage(
        first_line=lines[0].number if lines else first_line,
        lines=lines,
        total_lines=reached.total_lines,
        size_bytes=reached.size_bytes,
        complete=reached.complete,
        gaps=reached.gaps,
    )


def search(stream_id: uuid.UUID, text: str, *, regex: bool = False, limit: int = 1000) -> Matches:
    """Return the lines that hold ``text`` in any case, or match it as an RE2 expression.

    Of a line longer than 64 KB that spans chunks only the parts are searched.

    Raises:
        devops.safety.line_search.SearchPatternError: the text cannot be used.
    """
    pattern = LineSearch(text, regex=regex)
    found: list[int] = []
    total = 0
    previous = 0
    with LogHandle(stream_id) as handle:
        for first, block in _whole_lines(handle.source):
            for line in pattern.lines(block):
                number = first + line
                if number == previous:
                    continue
                previous = number
                total += 1
                if len(found) < limit:
                    found.append(number)
    return Matches(found, total)


def _state(handle: LogHandle) -> LogState:
    last = handle.source.last()
    row = handle.row
    gaps = _gaps(row)
    if last is None:
        return LogState(0, 0, row is not None and row.closed_at is not None, 0, gaps)
    tail = handle.source.read(last)
    open_line = 0 if tail is None or tail.endswith(b"\n") else 1
    return LogState(
        size_bytes=last.end,
        total_lines=last.next_line - 1 + open_line,
        complete=row is not None and row.closed_at is not None,
        dropped_bytes=0 if row is None else row.dropped_bytes,
        gaps=gaps,
    )


def _gaps(row: LogStream | None) -> list[Gap]:
    if row is None or row.gap_start is None:
        return []
    end = row.gap_start + row.dropped_bytes
    return [Gap(row.gap_start, end, row.gap_first_line or 1, row.gap_last_line or 1)]


class _Assembly:
    """A line that is being put together from the parts that chunks hold."""

    def __init__(self, number: int, at: dt.datetime, *, truncated: bool) -> None:
        self.number = number
        self.at = at
        self.truncated = truncated
        self._text = bytearray()

    @property
    def is_full(self) -> bool:
        """Say whether no more of the line is kept."""
        return self.truncated and len(self._text) >= LINE_BYTES

    def add(self, part: bytes) -> None:
        """Take the next part, as far as there is room."""
        room = LINE_BYTES - len(self._text)
        self._text += part[:room]
        self.truncated = self.truncated or len(part) > room

    def line(self) -> Line:
        """Return the line as far as it is known."""
        text = self._text.decode(errors="replace")
        return Line(self.number, self.at, text.removesuffix("\r"), self.truncated)


class _Builder:
    """Puts lines together from entries that are read in order."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._line: _Assembly | None = None
        self._position = 0

    def passes_over(self, entry: Entry) -> bool:
        """Say whether an entry only continues a line of which enough is known."""
        continues = entry.line_count == 0 and entry.offset == self._position
        if self._line is None or not self._line.is_full or not continues:
            return False
        self._position = entry.end
        return True

    def add(self, entry: Entry, data: bytes) -> Iterator[Line]:
        """Yield the lines that end in an entry."""
        cut = self._position not in (0, entry.offset)
        self._position = entry.end
        if cut and self._line is not None:
            self._line.truncated = True
            if self._line.number != entry.first_line:
                yield from self.rest()
        for number, part, ended in _parts(data, entry.first_line, self._wanted):
            if self._line is None:
                self._line = _Assembly(number, entry.at, truncated=cut)
            cut = False
            self._line.add(part)
            if ended:
                yield from self.rest()

    def rest(self) -> Iterator[Line]:
        """Yield the line that has begun, if one has."""
        if self._line is not None:
            yield self._line.line()
            self._line = None


def _lines(source: Source, wanted: int) -> Iterator[Line]:
    builder = _Builder(wanted)
    for entry in source.from_line(wanted):
        if builder.passes_over(entry):
            continue
        data = source.read(entry)
        if data is not None:
            yield from builder.add(entry, data)
    yield from builder.rest()


def _parts(data: bytes, number: int, wanted: int) -> Iterator[tuple[int, bytes, bool]]:
    """Yield line number, bytes and whether the line ends there, from line ``wanted`` on."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if number >= wanted:
            yield number, data[start : end if end >= 0 else None], end >= 0
        if end < 0:
            return
        start = end + 1
        number += 1


def _whole_lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the first line of each block of lines that are whole where possible."""
    carry = b""
    line = 1
    position = 0
    for entry in source.from_offset(0):
        data = source.read(entry)
        if data is None:
            continue
        if entry.offset != position:
            yield line, carry
            carry = b""
            line = entry.first_line
        position = entry.end
        block = carry + data
        end = block.rfind(b"\n") + 1
        if end or len(block) > LINE_BYTES:
            end = end or len(block)
            yield line, block[:end]
            line = entry.next_line
        carry = block[end:]
    yield line, carry
