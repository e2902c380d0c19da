"""A receiver of the tests: a real server on a port of this machine."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Receiver:
    """A server that keeps what is posted to it, and answers as told."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answer = 204
        self.healthy: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(receiver.answer)
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(receiver.healthy.pop(0) if receiver.healthy else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/sesame"
