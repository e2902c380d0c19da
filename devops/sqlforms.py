"""How values look in raw SQL: the two databases disagree about keys, moments and JSON."""

import json
import uuid
from datetime import datetime
from typing import Any

from django.db import connection


def db_uuid(value: uuid.UUID | None) -> Any:
    """32 hex digits on SQLite, a UUID on PostgreSQL; the wrong form silently matches no row."""
    if value is None or connection.features.has_native_uuid_field:
        return value
    return value.hex


def db_moment(value: datetime | None) -> Any:
    """Naive UTC text on SQLite, an aware moment on PostgreSQL."""
    return connection.ops.adapt_datetimefield_value(value)


def db_json(value: object) -> str:
    """JSON text; both databases take it for a JSON column."""
    text = json.dumps(value)
    # PostgreSQL refuses both; emoji are surrogates too, but in pairs, so look closer.
    if "\\u0000" in text or "\\ud" in text:
        return json.dumps(_clean(value))
    return text


def db_text(value: str, limit: int | None = None) -> str:
    """Text that both databases take: no NUL, no half of a surrogate pair, not over its limit."""
    if "\x00" in value or not value.isascii():
        value = value.encode("utf-8", errors="replace").decode().replace("\x00", "\ufffd")
    return value if limit is None else value[:limit]


def _clean(value: object) -> object:
    if isinstance(value, str):
        return db_text(value)
    if isinstance(value, dict):
        return {db_text(str(key)): _clean(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(member) for member in value]
    return value
