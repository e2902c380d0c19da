"""Where a log is read from: chunk rows while it is live, one compressed blob afterwards."""

import bisect
import datetime as dt
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from django.db.models import QuerySet

from devops.models.storage import Blob, LogChunk, LogStream
from devops.storage import blobs
from devops.storage.log_index import Entry, stream_row
from devops.storage.segments import SegmentReader

BLOCK_BYTES = 256 * 1024
# A block ends with the entry that fills it, and no entry is larger than a block.
_INFLATED_BYTES = 2 * BLOCK_BYTES
_PAGE_ROWS = 500
_MAGIC = b"PNLOG\x00\x01\n"
# offset, length, first line, lines, microseconds since the epoch, block start, block length, place
_ENTRY = struct.Struct("<QIQIqQII")
# index start, index length, entries
_FOOTER = struct.Struct("<QQQ")
_COLUMNS = ("offset", "length", "first_line", "line_count", "at", "segment", "id")
# A blob never changes under its key, so neither does its index.
_INDEXES: dict[str, tuple[list[Entry], list[int]]] = {}
_INDEXES_KEPT = 32
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Source(Protocol):
    """One stream's index and bytes."""

    def last(self) -> Entry | None:
        """Return the last entry."""

    def from_offset(self, offset: int) -> Iterator[Entry]:
        """Yield entries in order, from the one that holds ``offset`` or the first after it."""

    def from_line(self, line: int) -> Iterator[Entry]:
        """Yield entries in order, from the one in which ``line`` begins (or the first)."""

    def read(self, entry: Entry) -> bytes | None:
        """Return an entry's bytes, or None when the cap has dropped it meanwhile."""

    def close(self) -> None:
        """Give files back."""


class LogHandle:
    """A stream opened for reading: its row and its source."""

    def __init__(self, stream_id: uuid.UUID) -> None:
        self.row: LogStream | None = stream_row(stream_id)
        blob = None if self.row is None else self.row.blob
        self.source: Source = RowSource(stream_id) if blob is None else BlobSource(blob)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.source.close()


class RowSource:
    """A stream whose index stands in chunk rows."""

    def __init__(self, stream_id: uuid.UUID) -> None:
        self._stream_id = stream_id
        self._files = SegmentReader(stream_id)

    def last(self) -> Entry | None:
        return self._one(LogChunk.objects.order_by("-offset"))

    def from_offset(self, offset: int) -> Iterator[Entry]:
        first = self._one(LogChunk.objects.filter(offset__lte=offset).order_by("-offset"))
        if first is not None and first.end > offset:
            yield first
        yield from self._after(offset if first is None else first.offset, inclusive=first is None)

    def from_line(self, line: int) -> Iterator[Entry]:
        before = LogChunk.objects.filter(first_line__lt=line)
        first = self._one(before.order_by("-first_line", "-offset"))
        if first is not None:
            yield first
        yield from self._after(0 if first is None else first.offset, inclusive=first is None)

    def read(self, entry: Entry) -> bytes | None:
        segment, pk = entry.place
        try:
            return self._files.read(segment, entry.offset, entry.length)
        except FileNotFoundError:
            data = LogChunk.objects.filter(pk=pk).values_list("data", flat=True).first()
            return None if data is None else bytes(data)

    def close(self) -> None:
        self._files.close()

    def _after(self, offset: int, *, inclusive: bool) -> Iterator[Entry]:
        while True:
            chunks = LogChunk.objects.filter(stream_id=self._stream_id)
            chunks = chunks.filter(**{"offset__gte" if inclusive else "offset__gt": offset})
            rows = chunks.order_by("offset").values_list(*_COLUMNS)[:_PAGE_ROWS]
            page = [_entry(*row) for row in rows]
            yield from page
            if len(page) < _PAGE_ROWS:
                return
            offset, inclusive = page[-1].offset, False

    def _one(self, chunks: QuerySet[LogChunk]) -> Entry | None:
        row = chunks.filter(stream_id=self._stream_id).values_list(*_COLUMNS).first()
        return None if row is None else _entry(*row)


class BlobSource:
    """A stream compacted into one blob."""

    def __init__(self, blob: Blob) -> None:
        self._file = blobs.open_blob(blob)
        self._entries, self._lines = _index_of(blob.path, self._file)
        self._block: tuple[int, bytes] = (-1, b"")

    def last(self) -> Entry | None:
        return self._entries[-1] if self._entries else None

    def from_offset(self, offset: int) -> Iterator[Entry]:
        at = bisect.bisect_right(self._entries, offset, key=lambda entry: entry.offset)
        if at and self._entries[at - 1].end > offset:
            at -= 1
        yield from self._entries[at:]

    def from_line(self, line: int) -> Iterator[Entry]:
        yield from self._entries[max(0, bisect.bisect_left(self._lines, line) - 1) :]

    def read(self, entry: Entry) -> bytes | None:
        start, length, place = entry.place
        if start != self._block[0]:
            self._file.seek(start)
            inflate = zlib.decompressobj()
            self._block = (start, inflate.decompress(self._file.read(length), _INFLATED_BYTES))
        return self._block[1][place : place + entry.length]

    def close(self) -> None:
        self._file.close()


def compressed(source: Source) -> Iterator[bytes]:
    """Yield the blob of a whole stream: blocks that stand alone, their index, a footer."""
    yield _MAGIC
    position = len(_MAGIC)
    index: list[bytes] = []
    count = 0
    for entries, data in _blocks(source):
        packed = zlib.compress(data, 6)
        place = 0
        for entry in entries:
            moment = (entry.at - _EPOCH) // _MICROSECOND
            index.append(
                _ENTRY.pack(
                    entry.offset,
                    entry.length,
                    entry.first_line,
                    entry.line_count,
                    moment,
                    position,
                    len(packed),
                    place,
                )
            )
            place += entry.length
        count += len(entries)
        position += len(packed)
        yield packed
    packed = zlib.compress(b"".join(index), 6)
    yield packed
    yield _FOOTER.pack(position, len(packed), count)


def _blocks(source: Source) -> Iterator[tuple[list[Entry], bytes]]:
    entries: list[Entry] = []
    pieces: list[bytes] = []
    size = 0
    for entry in source.from_offset(0):
        data = source.read(entry)
        if data is None:
            continue
        entries.append(entry)
        pieces.append(data)
        size += len(data)
        if size >= BLOCK_BYTES:
            yield entries, b"".join(pieces)
            entries, pieces, size = [], [], 0
    if entries:
        yield entries, b"".join(pieces)


def _index_of(key: str, file: BinaryIO) -> tuple[list[Entry], list[int]]:
    known = _INDEXES.get(key)
    if known is None:
        file.seek(-_FOOTER.size, 2)
        start, length, count = _FOOTER.unpack(file.read(_FOOTER.size))
        file.seek(start)
        # One byte more than promised, so that a wrong footer is noticed by the unpacking.
        packed = zlib.decompressobj().decompress(file.read(length), count * _ENTRY.size + 1)
        entries = list(_unpacked(_ENTRY.iter_unpack(packed)))
        known = (entries, [entry.first_line for entry in entries])
        if len(_INDEXES) >= _INDEXES_KEPT:
            _INDEXES.clear()
        _INDEXES[key] = known
    return known


def _unpacked(rows: Iterable[tuple[int, ...]]) -> Iterator[Entry]:
    for offset, length, first_line, line_count, moment, start, size, place in rows:
        at = _EPOCH + moment * _MICROSECOND
        yield Entry(offset, length, first_line, line_count, at, (start, size, place))


def _entry(
    offset: int,
    length: int,
    first_line: int,
    line_count: int,
    at: dt.datetime,
    segment: int | None,
    pk: uuid.UUID,
) -> Entry:
    return Entry(offset, length, first_line, line_count, at, (segment, pk))
