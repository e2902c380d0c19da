"""Every operation of the API, found in the resolver: what is added is walked unasked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver

from powernode import api_urls

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    method: str
    template: str
    view: Any
    action: str

    @property
    def permission(self) -> str:
        return str(self.view.permissions[self.action])

    @property
    def has_key(self) -> bool:
        return "<uuid:" in self.template

    @property
    def is_list(self) -> bool:
        return self.action == "list"

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def parameters(self) -> Iterator[tuple[str, str]]:
        """The names in the address, each with the part of the address before it."""
        for found in _PARAMETER.finditer(self.template):
            yield found.group(1), self.template[: found.start()].rstrip("/").rpartition("/")[2]

    def path(self, keys: Mapping[str, object] | None = None) -> str:
        values = keys or {}
        return "/api/" + _PARAMETER.sub(lambda found: str(values[found.group(1)]), self.template)


def operations() -> list[Operation]:
    """The operations that a permission guards."""
    return list(_walk(api_urls.urlpatterns, ""))


def _walk(patterns: list[Any], prefix: str) -> Iterator[Operation]:
    for pattern in patterns:
        template = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, template)
        elif isinstance(pattern, URLPattern):
            yield from _operations(pattern.callback, template)


def _operations(callback: Any, template: str) -> Iterator[Operation]:
    view = getattr(callback, "cls", None)
    if view is None or not getattr(view, "permissions", None):
        return
    bound = getattr(callback, "actions", None)
    if bound is None:
        methods = ("get", "post", "patch", "put", "delete")
        bound = {name: name for name in methods if hasattr(view, name)}
    for method, action in bound.items():
        if method not in {"head", "options"}:
            yield Operation(method.upper(), template, view, action)
