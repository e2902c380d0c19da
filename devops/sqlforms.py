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
    return json.dumps(value)
