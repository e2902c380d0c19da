"""What a failing database or disk is called in words that an operator can act on."""

import errno
import sqlite3
from collections.abc import Iterator

from django.db import DatabaseError

# PostgreSQL's SQLSTATE for a full disk.
_DISK_FULL = "53100"
_NO_ROOM_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


def outage_words(error: BaseException) -> str | None:
    """Return the sentence for an outage of the disk or the database, None for anything else."""
    chain = list(_chain(error))
    if any(_is_full(each) for each in chain):
        return "there is no room left on the disk that holds its data"
    if isinstance(error, DatabaseError):
        return f"its database failed ({str(error).splitlines()[0]})"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM_ERRNOS
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return getattr(error, "sqlstate", None) == _DISK_FULL


__all__ = ["outage_words"]
