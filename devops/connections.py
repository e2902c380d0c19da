"""When a thread gives its database connection back."""

from django.db import connection


def release_connection() -> None:
    """Give the connection back before any wait, unless a transaction is open.

    PostgreSQL's come from a pool, and a run whose child works must not hold one; SQLite's cost
    more to open than to keep.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()
