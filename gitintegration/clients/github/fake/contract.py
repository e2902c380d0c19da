"""Whether a request is one that GitHub's published description of its API allows.

Source: https://github.com/github/rest-api-description, as packaged by @octokit/openapi (MIT).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator

from gitintegration.clients.fakes.web import Answer, Request

# Not described: where GitHub itself leads to after a rename, a repository's root folder, and the
# store of the logs, which is no part of the API.
_UNDESCRIBED = re.compile(r"/repositories/\d+(/.*)?|/repos/[^/]+/[^/]+/contents/?|/_logs/.*")
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
        self._answers: dict[tuple[str, str, str], Any] = {}

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

    def mistakes(self, request: Request, given: Answer) -> list[str]:
        """What of our own answer is not as described; what a fake leaves out is no mistake."""
        path = self._path(request)
        is_json = given.body and given.media_type.startswith("application/json")
        if not path or not is_json:
            return []
        key = (path, request.method, str(given.status))
        if key not in self._answers:
            self._answers[key] = self._answer_schema(*key)
        if self._answers[key] is None:
            # Refusals are described for a few operations only.
            is_good = given.status < 300
            return [f"{' '.join(key)}: no such answer is described"] if is_good else []
        return [
            f"{request.method} {path} {given.status} {'.'.join(map(str, error.path))}: "
            f"{error.message[:200]}"
            for error in Draft7Validator(self._answers[key]).iter_errors(json.loads(given.body))
        ]

    def _answer_schema(self, path: str, method: str, status: str) -> Any:
        described = self._document["paths"][path][method.lower()]["responses"]
        if status not in described:
            return None
        content = self._resolved(described[status]).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        return self._plain(schema, 0, is_ours=True)

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

    def _plain(self, schema: Any, depth: int, *, is_ours: bool = False) -> Any:
        """The schema without references, `nullable` told as JSON Schema does.

        With `is_ours` nothing is required; then more than one alternative may fit.
        """
        schema = self._resolved(schema)
        if not isinstance(schema, dict):
            return schema
        if depth > _MAX_DEPTH:
            return {}
        dropped = {"required", "format", "pattern"} if is_ours else set()
        made = {
            "anyOf" if is_ours and name == "oneOf" else name: self._inner(
                value, depth + 1, is_ours=is_ours
            )
            for name, value in schema.items()
            if name not in dropped or isinstance(value, dict)
        }
        if made.pop("nullable", False) is True:
            if isinstance(made.get("type"), str):
                made["type"] = [made["type"], "null"]
            if "enum" in made:
                made["enum"] = [*made["enum"], None]
            if {"allOf", "anyOf", "oneOf"} & set(made):
                made = {"anyOf": [made, {"type": "null"}]}
        return made

    def _inner(self, value: Any, depth: int, *, is_ours: bool) -> Any:
        if isinstance(value, list):
            return [self._inner(item, depth, is_ours=is_ours) for item in value]
        return self._plain(value, depth, is_ours=is_ours) if isinstance(value, dict) else value
