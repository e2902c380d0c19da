"""The REST API as functions."""

import json
import uuid
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from powernode.clients.errors import Refused, ServerUnreachable

# Seconds; bytes.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
ANSWER_MAX = 32 * 1024 * 1024
PAGE = 200
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class PowernodeClient:
    """One account of one platform, seen through a token.

    Every method raises `Refused` when the server says no and `ServerUnreachable` when it does not
    answer. A POST carries an idempotency key and is sent once more after a broken connection.
    """

    def __init__(
        self, url: str, token: str, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ServerUnreachable(f"{url!r} is no address of a server (http://host:port).")
        self.url = url.rstrip("/")
        self.token = token
        self.is_loopback = parts.hostname in _LOOPBACK
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "powernode-cli"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            transport=transport,
            # A proxy of the environment is not meant for one's own machine.
            trust_env=not self.is_loopback,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, **query: object) -> Any:
        """What stands at a path below `/api/v1`; None values of the query are left out."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to a POST below `/api/v1`."""
        return self._call("POST", path, body=body or {})

    def rows(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """The rows of a list, page after page, fetched as they are wanted."""
        page = self.get(path, **{"limit": PAGE, **query})
        while True:
            yield from page["results"]
            following = page.get("next")
            if not following:
                return
            page = self._follow(str(following))

    def pipeline(self, reference: str) -> dict[str, Any]:
        """A pipeline by identifier, slug or name."""
        if _is_uuid(reference):
            found: dict[str, Any] = self.get(f"/devops/pipelines/{reference}")
            return found
        wanted = reference.casefold()
        for row in self.rows("/devops/pipelines"):
            if wanted in {str(row["slug"]).casefold(), str(row["name"]).casefold()}:
                return row
        raise Refused(404, {"code": "not-found", "detail": f"No pipeline is called {reference!r}."})

    def runs(self, **filters: object) -> Iterator[dict[str, Any]]:
        """Runs, newest first."""
        return self.rows("/devops/pipeline_runs", **filters)

    def run(self, run_id: str) -> dict[str, Any]:
        """A run with the attempts at its steps."""
        found: dict[str, Any] = self.get(f"/devops/pipeline_runs/{quote(run_id, safe='')}")
        return found

    def trigger(
        self, pipeline_id: str, *, ref: str = "", inputs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Start a run by hand."""
        body: dict[str, Any] = {"ref": ref} if ref else {}
        if inputs:
            body["inputs"] = dict(inputs)
        made: dict[str, Any] = self.post(f"/devops/pipelines/{pipeline_id}/trigger", body)
        return made

    def simulate(self, question: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What an event would start."""
        answer: dict[str, Any] = self.post("/devops/pipelines/simulate", question)
        found: list[dict[str, Any]] = answer["results"]
        return found

    def cancel(self, run_id: str) -> dict[str, Any]:
        """Ask a run to stop."""
        found: dict[str, Any] = self.post(f"/devops/pipeline_runs/{run_id}/cancel")
        return found

    def retry(self, run_id: str, start_from: str = "start") -> dict[str, Any]:
        """Repeat a run from its start, its failed step, or a step's key."""
        path = f"/devops/pipeline_runs/{run_id}/retry"
        made: dict[str, Any] = self.post(path, {"from": start_from})
        return made

    def test_reports(self, run_id: str) -> Any:
        """The test reports of a run."""
        return self.get(f"/devops/pipeline_runs/{run_id}/test_report")

    def log(self, step_execution_id: str) -> Iterator[bytes]:
        """The whole log of an attempt, block by block."""
        path = f"/api/v1/devops/step_executions/{step_execution_id}/logs"
        try:
            with self._http.stream("GET", path, headers={"Accept": "text/plain"}) as answer:
                if answer.status_code >= 400:
                    raise _refusal(answer.status_code, _bounded(answer))
                yield from answer.iter_bytes()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _follow(self, address: str) -> Any:
        """The next page; whatever host its address names, it is asked of this server."""
        parts = urlsplit(address)
        return self._send("GET", f"{parts.path}?{parts.query}", None, {})

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        wanted = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        target = str(httpx.URL(f"/api/v1{path}", params={k: str(v) for k, v in wanted.items()}))
        if body is None:
            return self._send(method, target, None, {})
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        try:
            return self._send(method, target, body, headers)
        except ServerUnreachable:
            return self._send(method, target, body, headers)

    def _send(
        self, method: str, target: str, body: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> Any:
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers = {**headers, "Content-Type": "application/json"}
        try:
            with self._http.stream(method, target, content=content, headers=headers) as answer:
                data = _bounded(answer)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if answer.status_code >= 300:
            raise _refusal(answer.status_code, data)
        return _decoded(data) if data else None

    def _unreachable(self, error: httpx.HTTPError) -> ServerUnreachable:
        return ServerUnreachable(f"{self.url} does not answer: {error or type(error).__name__}")


def _bounded(answer: httpx.Response) -> bytes:
    data = bytearray()
    for block in answer.iter_bytes():
        data += block
        if len(data) > ANSWER_MAX:
            raise ServerUnreachable(f"The answer is larger than {ANSWER_MAX} bytes.")
    return bytes(data)


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ServerUnreachable("The answer is not JSON; is this a Powernode server?") from error


def _refusal(status: int, data: bytes) -> Refused | ServerUnreachable:
    try:
        problem = json.loads(data)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict):
        return ServerUnreachable(
            f"The server answered with status {status} and no explanation; is it a Powernode?"
        )
    return Refused(status, problem)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
