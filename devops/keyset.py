"""Pages of rows ordered by a number, the largest first: go on from a place, never from a count."""

import re
import uuid
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

_PLACE = re.compile(r"([0-9]{1,18})\.([0-9a-f]{32})")


class Place(NamedTuple):
    """A row's place: its number and its key, which decides between equal ones."""

    value: int
    key: uuid.UUID

    def __str__(self) -> str:
        return f"{self.value}.{self.key.hex}"

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """The place that a text names, or None when it is none of ours."""
        found = _PLACE.fullmatch(text)
        return cls(int(found[1]), uuid.UUID(hex=found[2])) if found else None

    @classmethod
    def of(cls, row: Any, column: str) -> "Place":
        """Where a row stands."""
        return cls(getattr(row, column), row.pk)


class Slice(NamedTuple):
    """Some rows in order, and whether there are more before and after them."""

    rows: list[Any]
    has_before: bool
    has_after: bool


def slice_after(rows: QuerySet[Any], column: str, place: Place | None, size: int) -> Slice:
    """The rows after a place, or the first ones."""
    if place is not None:
        smaller = Q(**{column: place.value, "pk__lt": place.key})
        rows = rows.filter(Q(**{f"{column}__lt": place.value}) | smaller)
    found = list(rows.order_by(f"-{column}", "-pk")[: size + 1])
    return Slice(found[:size], place is not None, len(found) > size)


def slice_before(rows: QuerySet[Any], column: str, place: Place, size: int) -> Slice:
    """The rows just before a place."""
    larger = Q(**{column: place.value, "pk__gt": place.key})
    rows = rows.filter(Q(**{f"{column}__gt": place.value}) | larger)
    found = list(rows.order_by(column, "pk")[: size + 1])
    return Slice(found[:size][::-1], len(found) > size, has_after=True)
