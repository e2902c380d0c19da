"""A fake host on a loopback socket."""

import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gitintegration.clients.fakes import git_http, misbehaviour
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, App, Request

MAX_BODY_BYTES = 256 * 1024 * 1024
SOCKET_SECONDS = 30
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came, without its headers: they hold the token."""

    method: str
    path: str
    query: dict[str, tuple[str, ...]]
    body: bytes
    status: int


@dataclass(slots=True, eq=False)
class FakeHost:
    """A running fake host.

    Attributes:
        url: `http://127.0.0.1:<port>`, without a path.
        requests: what came, in the order of the answers; git's own traffic is left out.
        violations: requests that the vendor's description does not allow, in words.
        has_etags: whether readings carry an ETag and a matching one is answered 304.
    """

    url: str
    state: HostState
    requests: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    has_etags: bool = True
    ends: threading.Event = field(default_factory=threading.Event)

    @property
    def git_url(self) -> str:
        """What stands before `/<full name>.git`."""
        return self.url


AppFactory = Callable[[FakeHost], App]


@contextlib.contextmanager
def serving(create_app: AppFactory, state: HostState, port: int = 0) -> Iterator[FakeHost]:
    """Serve a host until the block ends."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.host = FakeHost(f"http://127.0.0.1:{server.server_address[1]}", state)
    server.app = create_app(server.host)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="fake-host")
    thread.start()
    try:
        yield server.host
    finally:
        server.host.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()
        state.courier.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Handlers end by themselves once `ends` is set or the client is gone.
    block_on_close = False
    request_queue_size = 128
    host: FakeHost
    app: App

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        _log.warning("A request of a fake host failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SOCKET_SECONDS
    server: _Server

    def handle_any(self) -> None:
        host = self.server.host
        request = self._read()
        fault = host.state.faults.take(request.method, request.path)
        if fault is not None and fault.kind != "lost_reply":
            self._note(request, fault.code if fault.kind == "status" else 0)
            misbehaviour.show(fault, self, request, host.ends)
            return
        given = self._answer(request)
        if fault is not None:
            self.close_connection = True
            return
        self._send(given)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def _answer(self, request: Request) -> Answer:
        host = self.server.host
        if git_http.is_git(request.path):
            return git_http.serve(host.state, request)
        given = self.server.app(request)
        if host.has_etags and request.method == "GET" and given.status == 200:
            etag = f'W/"{hashlib.sha256(given.body).hexdigest()[:32]}"'
            given = replace(given, headers={**given.headers, "etag": etag})
            if request.headers.get("if-none-match") == etag:
                given = replace(given, status=304, body=b"")
        self._note(request, given.status)
        return given

    def _note(self, request: Request, status: int) -> None:
        self.server.host.requests.append(
            Seen(request.method, request.path, dict(request.query), request.body, status)
        )

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            self.command, parts.path, {name: tuple(values) for name, values in query.items()},
            headers, self._body(headers), self.server.host.url,
        )  # fmt: skip

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(min(int(headers.get("content-length") or 0), MAX_BODY_BYTES))
        received = bytearray()
        while size := int(self.rfile.readline(64).split(b";")[0], 16):
            received += self.rfile.read(size)
            self.rfile.readline(64)
            if len(received) > MAX_BODY_BYTES:
                raise ConnectionError("The body is too long for a fake.")
        self.rfile.readline(64)
        return bytes(received)

    def _send(self, given: Answer) -> None:
        self.send_response(given.status)
        headers = dict(given.headers)
        if given.status not in {204, 304}:
            headers.setdefault("content-type", given.media_type)
            headers["content-length"] = str(len(given.body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and given.status not in {204, 304}:
            self.wfile.write(given.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing; `FakeHost.requests` tells more."""
