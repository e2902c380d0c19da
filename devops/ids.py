"""Identifiers: time-sortable UUIDs, so that a primary key is also the newest-first order."""

import uuid
from datetime import datetime

import uuid_utils.compat

from devops.errors import NotFound


def uuid7() -> uuid.UUID:
    """A new UUIDv7 as a standard `uuid.UUID` (Source: RFC 9562 §5.7)."""
    return uuid_utils.compat.uuid7()


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The smallest UUIDv7 of a moment's millisecond: what was made since has this key or more."""
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62)


def parse_uuid(text: str) -> uuid.UUID:
    """A key from outside.

    Raises:
        NotFound: it is none, so nothing can have it.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFound("No object with that identifier.") from error
