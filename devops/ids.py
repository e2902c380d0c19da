"""Identifiers: time-sortable UUIDs, so that a primary key is also the newest-first order."""

import uuid

import uuid_utils.compat

from devops.errors import NotFound


def uuid7() -> uuid.UUID:
    """A new UUIDv7 as a standard `uuid.UUID` (Source: RFC 9562 §5.7)."""
    return uuid_utils.compat.uuid7()


def parse_uuid(text: str) -> uuid.UUID:
    """A key from outside.

    Raises:
        NotFound: it is none, so nothing can have it.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFound("No object with that identifier.") from error
