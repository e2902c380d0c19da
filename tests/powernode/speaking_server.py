"""A server of the API's protocol with a script: for what a real one does only by luck."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

Frame = dict[str, Any]


@dataclass
class Script:
    """What the server answers.

    Attributes:
        pages: bodies of GET requests by path below `/api/v1`; several are given one by one.
        talks: what each socket does, by path; several are taken by one connection each.
        asked: every request's path and query, in order.
    """

    pages: dict[str, list[Any]] = field(default_factory=dict)
    talks: dict[str, list[Callable[[ServerConnection], None]]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def say(self, path: str, *frames: Frame) -> None:
        """Let the next connection to a path send these frames and then be closed."""

        def talk(connection: ServerConnection) -> None:
            for frame in frames:
                connection.send(json.dumps(frame))

        self.talks.setdefault(path, []).append(talk)

    def process(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a plain request, or let a handshake through."""
        parts = urlsplit(request.path)
        self.asked.append((parts.path, dict(parse_qsl(parts.query))))
        self.tokens.append(request.headers.get("Authorization", ""))
        if parts.path.startswith("/ws/"):
            return None
        pages = self.pages.get(parts.path.removeprefix("/api/v1"))
        if not pages:
            return connection.respond(HTTPStatus.NOT_FOUND, "nothing here\n")
        body = json.dumps(pages.pop(0) if len(pages) > 1 else pages[0]).encode()
        headers = Headers(
            {"Content-Type": "application/json", "Content-Length": str(len(body)),
             "Connection": "close"}
        )  # fmt: skip
        return Response(200, "OK", headers, body)

    def talk(self, connection: ServerConnection) -> None:
        """Say what the script holds for this path; an unscripted socket stays open and silent."""
        assert connection.request is not None
        talks = self.talks.get(urlsplit(connection.request.path).path, [])
        if talks:
            talks.pop(0)(connection)
            return
        for _ in connection:
            pass


@contextlib.contextmanager
def speaking(script: Script) -> Iterator[str]:
    """Serve a script on a free port of this machine; yields its address."""
    with serve(script.talk, "127.0.0.1", 0, process_request=script.process) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join(10)
