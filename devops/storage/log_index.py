"""The index of a log stream in the database: raw SQL where a step waits for it."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from django.db import connection
from django.utils import timezone

from devops.ids import uuid7
from devops.models.storage import LogChunk, LogStream
from devops.sqlforms import db_moment, db_uuid


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One flush of a stream: where its bytes and its lines begin, and when it was written."""

    offset: int
    length: int
    first_line: int
    line_count: int
    at: dt.datetime
    place: Any = None

    @property
    def end(self) -> int:
        """Return the offset after the last byte."""
        return self.offset + self.length

    @property
    def next_line(self) -> int:
        """Return the line of the byte after the last one."""
        return self.first_line + self.line_count


def open_stream(stream_id: uuid.UUID, account_id: uuid.UUID, now: dt.datetime) -> bool:
    """Create the stream's row and say whether it is new."""
    return _execute(
        "INSERT INTO devops_logstream (id, created_at, updated_at, account_id, size_bytes,"
        " line_count, dropped_bytes) VALUES (%s, %s, %s, %s, 0, 0, 0)"
        " ON CONFLICT (id) DO NOTHING",
        [db_uuid(stream_id), db_moment(now), db_moment(now), db_uuid(account_id)],
    )


def record_empty(stream_id: uuid.UUID, account_id: uuid.UUID, now: dt.datetime) -> bool:
    """Create the row of a stream that is complete without a byte; false when there is one."""
    moment = db_moment(now)
    return _execute(
        "INSERT INTO devops_logstream (id, created_at, updated_at, account_id, size_bytes,"
        " line_count, dropped_bytes, closed_at) VALUES (%s, %s, %s, %s, 0, 0, 0, %s)"
        " ON CONFLICT (id) DO NOTHING",
        [db_uuid(stream_id), moment, moment, db_uuid(account_id), moment],
    )


def add_chunk(
    stream_id: uuid.UUID, seq: int, entry: Entry, *, segment: int, data: bytes | None
) -> None:
    """Add one chunk; another writer of the same stream makes it fail on the unique offset.

    Raises:
        django.db.IntegrityError: the offset is taken.
    """
    _execute(
        'INSERT INTO devops_logchunk (id, stream_id, seq, "offset", length, first_line,'
        " line_count, at, segment, data) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            db_uuid(uuid7()),
            db_uuid(stream_id),
            seq,
            entry.offset,
            entry.length,
            entry.first_line,
            entry.line_count,
            db_moment(entry.at),
            segment,
            data,
        ],
    )


def last_chunk(stream_id: uuid.UUID) -> LogChunk | None:
    """Return the last chunk of a stream without its bytes."""
    return LogChunk.objects.filter(stream_id=stream_id).defer("data").order_by("-offset").first()


def close_abandoned(stream_id: uuid.UUID) -> None:
    """Complete a stream whose writer died, as far as its index goes."""
    last = last_chunk(stream_id)
    now = timezone.now()
    LogStream.objects.filter(pk=stream_id, closed_at=None).update(
        size_bytes=last.offset + last.length if last else 0,
        line_count=last.first_line + last.line_count - 1 if last else 0,
        closed_at=now,
        updated_at=now,
    )


def stream_row(stream_id: uuid.UUID) -> LogStream | None:
    """Return the row of a stream, or None for a step that never wrote."""
    return LogStream.objects.select_related("blob").filter(pk=stream_id).first()


def _execute(statement: str, parameters: list[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return bool(cursor.rowcount == 1)
