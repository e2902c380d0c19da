"""The client of tests: one person with one token, talking JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from devops.models import Account, Membership, User

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document, checked for the members that every one has."""

    document: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.document["type"])

    @property
    def code(self) -> str:
        return str(self.document["code"])

    @property
    def detail(self) -> str:
        return str(self.document["detail"])

    @property
    def remedy(self) -> str:
        return str(self.document.get("remedy", ""))

    @property
    def errors(self) -> list[dict[str, str]]:
        errors: list[dict[str, str]] = self.document["errors"]
        return errors

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.errors]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    response: HttpResponse

    @property
    def status(self) -> int:
        return int(self.response.status_code)

    @property
    def headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] = self.response.headers
        return headers

    @property
    def content(self) -> bytes:
        if self.response.streaming:
            body = b"".join(self.response)
            self.close()
            return body
        return bytes(self.response.content)

    def close(self) -> None:
        """Give files back, without the signal that would close the test's database."""
        close = getattr(getattr(self.response, "_blocks", None), "close", None)
        if close is not None:
            close()

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)

    def ok(self, status: int = 200) -> Any:
        """The body of an answer of exactly this status."""
        assert self.status == status, (self.status, self.content[:2000])
        return self.json if self.content else None

    def problem(self, status: int) -> Problem:
        """The problem document of a refusal of exactly this status."""
        assert self.status == status, (self.status, self.content[:2000])
        assert self.headers["Content-Type"] == "application/problem+json"
        document = self.json
        assert document["status"] == status
        assert {"type", "title", "detail", "instance", "code", "errors"} <= document.keys()
        assert document["type"].endswith(f"/docs/problems/{document['code']}")
        assert document["detail"]
        return Problem(document)


class ApiClient:
    """Sends requests as one person; `token=""` sends none."""

    def __init__(self, membership: Membership, token: str) -> None:
        from django.test import Client  # noqa: PLC0415

        self.membership = membership
        self.user: User = membership.user
        self.account: Account = membership.account
        self.token = token
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, query: Mapping[str, Any] | None = None, **headers: Any) -> Answer:
        return self.send("GET", path, query=query, **headers)

    def post(self, path: str, body: Any = None, **headers: Any) -> Answer:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: Any) -> Answer:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: Any) -> Answer:
        return self.send("DELETE", path, **headers)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        **headers: Any,
    ) -> Answer:
        """Send anything: bytes go as they are, other bodies as JSON.

        Headers are given as `accept=…` or `idempotency_key=…`.
        """
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given.setdefault("authorization", f"Bearer {self.token}")
        path = path if path.startswith("/") else f"{API}/{path}"
        response = self._client.generic(
            method, path, raw, content_type=content_type, query_params=query, headers=given
        )
        return Answer(response)  # type: ignore[arg-type]
