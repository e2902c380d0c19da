"""Whether a request is one that GitHub's published description of its API allows.

Source: https://github.com/github/rest-api-description, as packaged by @octokit/openapi (MIT).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator

from gitintegration.clients.fakes.web import Request

# Not described, and yet where GitHub itself leads to after a rename.
_UNDESCRIBED = re.compile(r"/repositories/\d+(/.*)?")
# GitHub offers them to Enterprise only; that description is another one.
_ENTERPRISE = re.compile(r"/enterprises/.*")
_MAX_DEPTH = 12


class Contract:
    """GitHub's description, indexed by operation as it is needed."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._paths: list[tuple[re.Pattern[str], str]] = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", re.sub(r"([.+])", r"\\\1", path))), path)
            for path in sorted(document["paths"], key=lambda path: (path.count("{"), path))
        ]
        self._bodies: dict[tuple[str, str], Any] = {}

    def violations(self, request: Request) -> list[str]:
        """What is wrong with it, in words; empty when nothing is."""
        if _UNDESCRIBED.fullmatch(request.path) or _ENTERPRISE.fullmatch(request.path):
            return []
        path = self._path(request)
        if not path:
            return [f"{request.method} {request.path}: no such operation"]
        operation = self._document["paths"][path][request.method.lower()]
        problems = [*self._query(operation, request), *self._body(path, operation, request)]
        return [f"{request.method} {path}: {problem}" for problem in problems]

    def _path(self, request: Request) -> str:
        for expression, path in self._paths:
            is_method = request.method.lower() in self._document["paths"][path]
            if is_method and expression.fullmatch(request.path):
                return path
        return ""

    def _query(self, operation: Mapping[str, Any], request: Request) -> Iterator[str]:
        known = {
            parameter["name"]: parameter
            for parameter in map(self._resolved, operation.get("parameters", ()))
            if parameter["in"] == "query"
        }
        for name in request.query:
            if name not in known:
                yield f"query.{name}: not known"
                continue
            schema = self._resolved(known[name]["schema"])
            value = request.argument(name)
            if schema.get("type") == "integer" and not value.isdigit():
                yield f"query.{name}: {value!r} is no number"
            if "enum" in schema and value not in map(str, schema["enum"]):
                yield f"query.{name}: {value!r} is none of {schema['enum']}"
        for name, parameter in known.items():
            if parameter.get("required") and name not in request.query:
                yield f"query.{name}: missing"

    def _body(self, path: str, operation: Mapping[str, Any], request: Request) -> Iterator[str]:
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            if request.body:
                yield "body: none is expected"
            return
        if not request.body and not operation["requestBody"].get("required"):
            return
        key = (path, request.method)
        if key not in self._bodies:
            self._bodies[key] = self._plain(content["schema"], 0)
        schema, value = self._bodies[key], request.json()
        for error in Draft7Validator(schema).iter_errors(value):
            yield f"body.{'.'.join(map(str, error.path))}: {error.message[:200]}"
        known = schema.get("properties")
        if known and isinstance(value, dict) and not schema.get("additionalProperties"):
            yield from (f"body.{name}: not known" for name in value if name not in known)

    def _resolved(self, value: Any) -> Any:
        while isinstance(value, dict) and "$ref" in value:
            found: Any = self._document
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        return value

    def _plain(self, schema: Any, depth: int) -> Any:
        """The schema without references, `nullable` told as JSON Schema does."""
        schema = self._resolved(schema)
        if depth > _MAX_DEPTH or not isinstance(schema, dict):
            return schema
        made = {name: self._inner(value, depth + 1) for name, value in schema.items()}
        if made.pop("nullable", False):
            if isinstance(made.get("type"), str):
                made["type"] = [made["type"], "null"]
            if "enum" in made:
                made["enum"] = [*made["enum"], None]
        return made

    def _inner(self, value: Any, depth: int) -> Any:
        if isinstance(value, list):
            return [self._inner(item, depth) for item in value]
        return self._plain(value, depth) if isinstance(value, dict) else value
