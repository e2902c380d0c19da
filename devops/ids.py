"""Identifiers: time-sortable UUIDs, so that a primary key is also the newest-first order."""

import uuid

import uuid_utils.compat


def uuid7() -> uuid.UUID:
    """A new UUIDv7 as a standard `uuid.UUID` (Source: RFC 9562 §5.7)."""
    return uuid_utils.compat.uuid7()
