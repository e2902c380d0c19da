"""Requests, answers and routes of a fake host; nothing here knows a host or a socket."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class Refused(Exception):
    """A handler's refusal; the app turns it into its host's words."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = more


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case, `path` as it was sent (still percent-encoded).

    `parameters` are the decoded parts of the path that the route names.
    """

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]]
    headers: Mapping[str, str]
    body: bytes
    base_url: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.parameters[name]

    def argument(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def number(self, name: str, default: int) -> int:
        """A query parameter that must be a number.

        Raises:
            Refused: 400 when it is none.
        """
        text = self.argument(name)
        if text and not text.isdigit():
            raise Refused(400, f"{name} must be a number")
        return int(text) if text else default

    def json(self) -> Any:
        """The body; an empty one is an empty object.

        Raises:
            Refused: 400 when it is no JSON.
        """
        if not self.body:
            return {}
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(400, "Problems parsing JSON") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """JSON; header names are given with underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value).encode(), headers=named)


def text(value: str | bytes, media_type: str = "text/plain; charset=utf-8") -> Answer:
    """Text or bytes as they are."""
    return Answer(200, value.encode() if isinstance(value, str) else value, media_type)


App = Callable[[Request], Answer]
Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler for a method and a path, and what its query and body must look like."""

    method: str
    pattern: str
    expression: re.Pattern[str]
    handler: Handler
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None


@dataclass(slots=True)
class Router:
    """Finds the handler of a request.

    In a pattern `{name}` is one segment (it may hold %2F), `{name:path}` the rest up to what
    follows. Routes are tried in the order in which they were added.
    """

    prefix: str = ""
    routes: list[Route] = field(default_factory=list)

    def on(
        self,
        method: str,
        pattern: str,
        *,
        query: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Decorate a handler."""

        def add(handler: Handler) -> Handler:
            full = self.prefix + pattern
            self.routes.append(Route(method, full, _expression(full), handler, query, body))
            return handler

        return add

    def find(self, request: Request) -> tuple[Route, Mapping[str, str]]:
        """The route, and the decoded parts of the path.

        Raises:
            Refused: 404, or 405 when only other methods are there.
        """
        is_there = False
        for route in self.routes:
            found = route.expression.fullmatch(request.path)
            if found and route.method == request.method:
                return route, {name: unquote(part) for name, part in found.groupdict().items()}
            is_there = is_there or found is not None
        raise Refused(405 if is_there else 404, "Method Not Allowed" if is_there else "Not Found")


def check(route: Route, request: Request) -> list[str]:
    """What of a request is not as its route's models say, in words; models forbid extras."""
    problems: list[str] = []
    if route.query is not None:
        single = {
            name: list(values) if len(values) > 1 or name.endswith("[]") else values[0]
            for name, values in request.query.items()
        }
        problems += _problems(route.query, single, "query")
    if route.body is not None:
        problems += _problems(route.body, request.json(), "body")
    elif request.body and route.method in {"GET", "HEAD", "DELETE"}:
        problems.append("body: none is expected")
    return [f"{route.method} {route.pattern}: {problem}" for problem in problems]


def paged(
    items: Sequence[Any], page: int, per_page: int, *, most: int = 100
) -> tuple[Sequence[Any], int]:
    """The items of one page, counted from 1, and the number of the last page."""
    size = max(1, min(per_page, most))
    last = max(1, -(-len(items) // size))
    start = (max(1, page) - 1) * size
    return items[start : start + size], last


def _problems(model: type[BaseModel], value: Any, where: str) -> Iterable[str]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [
            f"{where}.{'.'.join(map(str, found['loc']))}: {found['msg']}"
            for found in error.errors(include_input=False, include_url=False)
        ]
    return []


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+(?::path)?)\}", pattern)
    made = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            made += re.escape(part)
        elif part.endswith(":path"):
            made += f"(?P<{part.removesuffix(':path')}>.*)"
        else:
            made += f"(?P<{part}>[^/]+)"
    return re.compile(made)
