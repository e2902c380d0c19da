"""The database's clock: the one that leases are compared with, whatever a worker believes."""

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import DateTimeField, Func


class DbNow(Func):
    """The moment of evaluation by the database server's clock, also inside a transaction."""

    function = "clock_timestamp"
    template = "%(function)s()"
    output_field = DateTimeField()

    def as_sqlite(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        """SQLite stores text; the format must sort with what Django writes."""
        return "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", ()


class DbIn(Func):
    """The database's clock plus a number of seconds."""

    output_field = DateTimeField()

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = float(seconds)

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        return "(clock_timestamp() + make_interval(secs => %s))", (self.seconds,)

    def as_sqlite(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        return "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', %s)", (f"{self.seconds:+.3f} seconds",)


def database_now() -> datetime:
    """The database's present moment, aware, UTC."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment.astimezone(UTC)
