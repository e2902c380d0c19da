"""Cursor pages: newest first by key, no counts, no skipped rows while new ones arrive."""

import math
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from devops.errors import Invalid
from devops.keyset import Place, Slice, slice_after, slice_before

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
PARAMETERS = frozenset({"limit", "cursor"})


class CursorPagination(BasePagination):
    """Pages by `id`, which sorts by time; a cursor is a direction and the key to go on from."""

    limit: int
    _request: Request
    _rows: list[Any]
    _next: uuid.UUID | None
    _previous: uuid.UUID | None

    @override
    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The page that `limit` and `cursor` name.

        Raises:
            Invalid: one of them cannot be read.
        """
        self._request = request
        self.limit = read_limit(request.query_params.get("limit", ""))
        direction, key = _read_cursor(request.query_params.get("cursor", ""))
        if direction == "a":
            rows = list(queryset.order_by("id").filter(id__gt=key)[: self.limit + 1])
            has_more = len(rows) > self.limit
            self._rows = rows[: self.limit][::-1]
            self._set_links(older=True, newer=has_more)
        else:
            ordered = queryset.order_by("-id")
            rows = list((ordered.filter(id__lt=key) if key else ordered)[: self.limit + 1])
            self._rows = rows[: self.limit]
            self._set_links(older=len(rows) > self.limit, newer=key is not None)
        return self._rows

    def get_paginated_response(self, data: Any) -> Response:
        """`{results, next, previous}`; the links are null at the ends."""
        return Response(
            {
                "results": data,
                "next": self._link("b", self._next),
                "previous": self._link("a", self._previous),
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What the API reference says of a page."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    @override
    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """What the API reference says of the parameters."""
        return [
            {
                "name": "limit", "in": "query", "required": False,
                "description": f"Rows of a page; more than {LIMIT_MAX} gives {LIMIT_MAX}.",
                "schema": {"type": "integer", "minimum": 1, "default": LIMIT_DEFAULT},
            },
            {
                "name": "cursor", "in": "query", "required": False,
                "description": "Where the page begins; taken from `next` or `previous`.",
                "schema": {"type": "string"},
            },
        ]  # fmt: skip

    def _set_links(self, *, older: bool, newer: bool) -> None:
        rows: Sequence[Any] = self._rows
        self._next = rows[-1].pk if older and rows else None
        self._previous = rows[0].pk if newer and rows else None

    def _link(self, direction: str, key: uuid.UUID | None) -> str | None:
        return self._address(f"{direction}{key.hex}") if key else None

    def _address(self, cursor: str) -> str:
        query = {**self._request.query_params.dict(), "cursor": cursor}
        return f"{settings.SITE_URL}{self._request.path}?{urlencode(query)}"


class OrderedPagination(CursorPagination):
    """Pages by the number that the view names in `order_column`, the largest first."""

    _page: Slice
    _column: str

    @override
    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The page that `limit` and `cursor` name.

        Raises:
            Invalid: one of them cannot be read.
        """
        self._request = request
        self._column = view.order_column
        self.limit = read_limit(request.query_params.get("limit", ""))
        text = request.query_params.get("cursor", "")
        place = Place.read(text[1:])
        if text and (place is None or text[0] not in "ab"):
            raise _no_cursor()
        if place is not None and text[0] == "a":
            self._page = slice_before(queryset, self._column, place, self.limit)
        else:
            self._page = slice_after(queryset, self._column, place, self.limit)
        return self._page.rows

    @override
    def get_paginated_response(self, data: Any) -> Response:
        """`{results, next, previous}`; the links are null at the ends."""
        page = self._page
        return Response(
            {
                "results": data,
                "next": self._at("b", page.rows[-1:]) if page.has_after else None,
                "previous": self._at("a", page.rows[:1]) if page.has_before else None,
            }
        )

    def _at(self, direction: str, rows: Sequence[Any]) -> str | None:
        return self._address(f"{direction}{Place.of(rows[0], self._column)}") if rows else None


def read_limit(text: str, *, default: int = LIMIT_DEFAULT, most: int = LIMIT_MAX) -> int:
    """The number of rows asked for, at most `most`.

    Raises:
        Invalid: no positive number.
    """
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number) or number < 1:
        raise Invalid.field(
            "?limit", f"`limit` is a number from 1 to {most}.", code="invalid-limit"
        )
    return int(min(number, most))


def _read_cursor(text: str) -> tuple[str, uuid.UUID | None]:
    if not text:
        return "b", None
    direction, key = text[:1], text[1:]
    if direction in {"a", "b"} and len(key) == 32:
        try:
            return direction, uuid.UUID(hex=key)
        except ValueError:
            direction = ""
    raise _no_cursor()


def _no_cursor() -> Invalid:
    return Invalid.field(
        "?cursor", "This is no cursor of ours.", code="invalid-cursor",
        remedy="Take it from `next` or `previous` of a page, or leave it out.",
    )  # fmt: skip
