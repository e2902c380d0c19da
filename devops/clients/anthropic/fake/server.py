"""The fake on its socket: keys, models, messages whole or streamed, and what can go wrong."""

import contextlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError

from devops.clients.anthropic.fake.brain import Brain, Say, Script, text_tokens, tokens_of
from devops.clients.anthropic.fake.shape import MessagesRequest

API_KEY = "sk-ant-fake-0123456789abcdef"
MODELS = ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-4-5")
_MOST_BODY = 32 * 1024 * 1024
_PIECE = 40
_LONGEST_SILENCE = 300.0
_ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error",
    529: "overloaded_error",
}  # fmt: skip
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class FakeApi:
    """A running fake.

    Attributes:
        requests: the bodies of the questions that were in order, as they came.
        violations: requests that the API's description does not allow, in words.
        paths: method and path of everything that came.
    """

    url: str
    api_key: str = API_KEY
    brain: Brain = field(default_factory=Brain)
    requests: list[dict[str, Any]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ends: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[FakeApi]:
    """Serve the fake until the block ends."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.api = FakeApi(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="fake-model")
    thread.start()
    try:
        yield server.api
    finally:
        server.api.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    api: FakeApi

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        # A client that hangs up is what some tests are about.
        _log.info("a request of the fake model broke off", exc_info=True)


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet: what matters is recorded."""

    def do_GET(self) -> None:
        self._answer(self._model)

    def do_POST(self) -> None:
        self._answer(self._message)

    def _answer(self, work: Any) -> None:
        api = self.server.api
        api.paths.append(f"{self.command} {self.path}")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, _MOST_BODY))
        try:
            self._check_headers()
            work(body)
        except _Refused as error:
            if error.status == 400:
                api.violations.append(str(error))
            self._refuse(error.status, str(error), {})

    def _check_headers(self) -> None:
        # The API takes a key in either header.
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if (self.headers.get("X-Api-Key") or bearer) != self.server.api.api_key:
            raise _Refused(401, "invalid API key")
        if not self.headers.get("Anthropic-Version"):
            raise _Refused(400, "anthropic-version: header is required")

    def _model(self, _body: bytes) -> None:
        name = self.path.removeprefix("/v1/models/")
        if name not in MODELS:
            raise _Refused(404, f"model: {name}")
        self._send(200, {"type": "model", "id": name, "display_name": name.title(),
                         "created_at": "2026-01-01T00:00:00Z"})  # fmt: skip

    def _message(self, body: bytes) -> None:
        api = self.server.api
        if self.path != "/v1/messages":
            raise _Refused(404, "Not found")
        try:
            request = json.loads(body)
            checked = MessagesRequest.model_validate(request)
        except (ValueError, ValidationError) as error:
            raise _Refused(400, str(error)[:500]) from error
        if checked.model not in MODELS:
            raise _Refused(404, f"model: {checked.model}")
        api.requests.append(request)
        script = api.brain.answer(request)
        api.asked.release()
        if script.fault == "status":
            self._refuse(script.code, "The fake was told to refuse.", script.headers)
        elif checked.stream:
            self._stream(request, script)
        else:
            self._send(200, _whole(request, script))

    def _stream(self, request: Mapping[str, Any], script: Script) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for number, event in enumerate(_events(_whole(request, script))):
            if script.fault == "slow" and self.server.api.ends.wait(1):
                return
            if number == 2 and script.fault in {"cut", "silent", "garbage", "error_event"}:
                self._fault(script.fault)
                return
            self._event(event)

    def _fault(self, fault: str) -> None:
        if fault == "silent":
            self.server.api.ends.wait(_LONGEST_SILENCE)
        elif fault == "garbage":
            self.wfile.write(b"event: content_block_delta\ndata: {not json\n\n")
        elif fault == "error_event":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            self._event({"type": "error", "error": error})

    def _event(self, event: Mapping[str, Any]) -> None:
        data = json.dumps(event)
        self.wfile.write(f"event: {event['type']}\ndata: {data}\n\n".encode())
        self.wfile.flush()

    def _refuse(self, status: int, message: str, headers: Mapping[str, str]) -> None:
        kind = _ERRORS.get(status, "api_error")
        body = {"type": "error", "error": {"type": kind, "message": message}}
        self._send(status, body, headers)

    def _send(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _whole(request: Mapping[str, Any], script: Script) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for number, part in enumerate(script.parts or ()):
        if isinstance(part, Say):
            content.append({"type": "text", "text": part.text})
        else:
            identifier = f"toolu_{len(request['messages'])}_{number}"
            use = {"id": identifier, "name": part.name, "input": dict(part.arguments)}
            content.append({"type": "tool_use", **use})
    asks = any(block["type"] == "tool_use" for block in content)
    usage = {
        "input_tokens": tokens_of(request),
        "output_tokens": sum(text_tokens(json.dumps(block)) for block in content),
        **script.usage,
    }
    return {
        "id": f"msg_{len(request['messages'])}", "type": "message", "role": "assistant",
        "model": request["model"], "content": content, "stop_sequence": None, "usage": usage,
        "stop_reason": script.stop_reason or ("tool_use" if asks else "end_turn"),
    }  # fmt: skip


def _events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    usage = message["usage"]
    opening = {**message, "content": [], "stop_reason": None,
               "usage": {**usage, "output_tokens": 1}}  # fmt: skip
    yield {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        is_text = block["type"] == "text"
        empty = {"type": "text", "text": ""} if is_text else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        whole = block["text"] if is_text else json.dumps(block["input"])
        kind, name = ("text_delta", "text") if is_text else ("input_json_delta", "partial_json")
        for start in range(0, len(whole), _PIECE):
            delta = {"type": kind, name: whole[start : start + _PIECE]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens":
           usage["output_tokens"]}}  # fmt: skip
    yield {"type": "message_stop"}
