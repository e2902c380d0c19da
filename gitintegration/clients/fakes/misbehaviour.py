"""How each fault looks on the wire."""

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from gitintegration.clients.fakes.faults import Fault
from gitintegration.clients.fakes.web import Request

_BLOCK = b" " * 65536
_Show = Callable[[Fault, BaseHTTPRequestHandler, Request, threading.Event], None]


def show(
    fault: Fault, handler: BaseHTTPRequestHandler, request: Request, ends: threading.Event
) -> None:
    """Misbehave towards one request; the connection is closed afterwards."""
    handler.close_connection = True
    # The client may well have had enough of it.
    with contextlib.suppress(OSError):
        _WAYS[fault.kind](fault, handler, request, ends)


def _status(fault: Fault, handler: BaseHTTPRequestHandler, *_: object) -> None:
    _head(handler, fault.code, {"content-length": str(len(fault.body)), **fault.headers})
    handler.wfile.write(fault.body)


def _slow(
    _fault: Fault, handler: BaseHTTPRequestHandler, _request: Request, ends: threading.Event
) -> None:
    _head(handler, 200, {"content-length": "100000"})
    while not ends.wait(1.0):
        handler.wfile.write(b" ")


def _truncated(_fault: Fault, handler: BaseHTTPRequestHandler, *_: object) -> None:
    _head(handler, 200, {"content-length": "1000"})
    handler.wfile.write(b'{"id": 1')


def _html(_fault: Fault, handler: BaseHTTPRequestHandler, *_: object) -> None:
    page = b"<html><body><h1>Maintenance</h1></body></html>"
    _head(handler, 200, {"content-length": str(len(page)), "content-type": "text/html"})
    handler.wfile.write(page)


def _redirect(
    _fault: Fault, handler: BaseHTTPRequestHandler, request: Request, _ends: threading.Event
) -> None:
    _head(handler, 302, {"content-length": "0", "location": request.base_url + request.path})


def _huge(
    _fault: Fault, handler: BaseHTTPRequestHandler, _request: Request, ends: threading.Event
) -> None:
    _head(handler, 200, {})
    while not ends.is_set():
        handler.wfile.write(_BLOCK)


def _garbage(_fault: Fault, handler: BaseHTTPRequestHandler, *_: object) -> None:
    body = b'{"id": 1, "name": '
    _head(handler, 200, {"content-length": str(len(body))})
    handler.wfile.write(body)


def _cut(*_: object) -> None:
    """Say nothing at all."""


def _head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    # Said, so that no client takes the connection for one that lives on.
    usual = {"content-type": "application/json", "connection": "close"}
    for name, value in {**usual, **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


_WAYS: dict[str, _Show] = {
    "status": _status, "slow": _slow, "truncated": _truncated, "html": _html,
    "redirect": _redirect, "huge": _huge, "garbage": _garbage, "cut": _cut,
}  # fmt: skip
