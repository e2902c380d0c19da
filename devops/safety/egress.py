"""The one outbound HTTP client: pinned addresses, no redirects, no proxies, bounded answers.

Import it where a call is made, not at start: ``requests`` costs memory in every process.
"""

import contextlib
import contextvars
import dataclasses
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests_hardened import Config, HTTPSession
from urllib3.connection import HTTPConnection, HTTPSConnection

from devops.errors import PermanentError, TransientError
from devops.safety.addresses import (
    AddressNotAllowed,
    HostNotFound,
    Policy,
    check_url,
    default_policy,
    split_url,
)

__all__ = [
    "AddressNotAllowed",
    "Answer",
    "AnswerTooLarge",
    "HostNotFound",
    "Policy",
    "RequestFailed",
    "check_url",
    "request",
    "session",
]

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
TOTAL_SECONDS = 60.0
MAX_BODY_BYTES = 10 * 1024 * 1024
READ_BYTES = 64 * 1024
USER_AGENT = "Powernode"


class RequestFailed(TransientError):
    """No complete answer came: refused, cut off, bad TLS or out of time."""


class AnswerTooLarge(PermanentError):
    """The answer is larger than the caller allows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; a redirect is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def session(policy: Policy | None = None) -> requests.Session:
    """Return a session for SDKs that take one: pinned, without redirects or the environment.

    It bounds connecting and each read; ``request`` bounds the whole call and the answer as well.
    """
    hardened: requests.Session = HTTPSession(
        Config(
            ip_filter_enable=False,
            ip_filter_allow_loopback_ips=False,
            never_redirect=True,
            default_timeout=(CONNECT_SECONDS, READ_SECONDS),
            user_agent_override=USER_AGENT,
        )
    )
    hardened.trust_env = False
    for scheme in ("http://", "https://"):
        hardened.mount(scheme, PinnedAdapter(policy or default_policy()))
    return hardened


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    policy: Policy | None = None,
    max_bytes: int = MAX_BODY_BYTES,
    total_seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Make one call on a connection of its own and return the whole answer.

    Raises:
        AddressNotAllowed: the URL or the address behind it may not be reached.
        RequestFailed: no complete answer within ``total_seconds``.
        AnswerTooLarge: the body has more than ``max_bytes``.
        HostNotFound: the name has no address.
    """
    split_url(url)
    with session(policy) as caller, _Deadline(total_seconds) as deadline:
        try:
            with caller.request(
                method, url, headers=dict(headers or {}), data=body, stream=True
            ) as response:
                received = _body(response, max_bytes)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _failure(url, deadline, total_seconds, error) from error
        if deadline.has_passed:
            raise _failure(url, deadline, total_seconds, None)
    return Answer(response.status_code, response.headers, received)


class PinnedAdapter(HTTPAdapter):
    """Connects to the address that was checked, while TLS and ``Host`` keep the name."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,  # noqa: FBT001 - the shape of the base class
        cert: str | tuple[str, str] | None = None,
    ) -> tuple[Any, Any]:
        host_params: Any
        pool_kwargs: Any
        host_params, pool_kwargs = super().build_connection_pool_key_attributes(
            request, verify, cert
        )
        name, port = split_url(request.url or "")
        # A header dictionary may be shared with other requests.
        request.headers = CaseInsensitiveDict(request.headers or {})
        shown = f"[{name}]" if ":" in name else name
        request.headers["Host"] = (
            shown if host_params.get("port") is None else f"{shown}:{host_params['port']}"
        )
        if host_params["scheme"] == "https":
            pool_kwargs["assert_hostname"] = name
            pool_kwargs["server_hostname"] = name
        host_params["host"] = self._policy.resolve(name, port)
        return host_params, pool_kwargs


class _Deadline:
    """Cuts the connection of the current call when its time is over."""

    def __init__(self, seconds: float) -> None:
        self.has_passed = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._token = _CURRENT.set(self)
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        _CURRENT.reset(self._token)
        with self._lock:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    def watch(self, connected: socket.socket) -> None:
        """Cut this socket too; at once if the time is over."""
        with self._lock:
            self._sockets.append(connected)
            if self.has_passed:
                _shut(connected)

    def _cut(self) -> None:
        with self._lock:
            self.has_passed = True
            for connected in self._sockets:
                _shut(connected)


_CURRENT: contextvars.ContextVar[_Deadline | None] = contextvars.ContextVar(
    "egress_deadline", default=None
)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _watched(super()._new_conn())


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _watched(connected: socket.socket) -> socket.socket:
    deadline = _CURRENT.get()
    if deadline is not None:
        # TLS takes the socket object over; a duplicate still reaches the same connection.
        deadline.watch(connected.dup())
    return connected


def _shut(connected: socket.socket) -> None:
    # It may have been closed by the other side.
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _body(response: requests.Response, limit: int) -> bytes:
    received = bytearray()
    while block := response.raw.read1(READ_BYTES, decode_content=True):
        received += block
        if len(received) > limit:
            raise AnswerTooLarge(
                f"The answer of {response.url} has more than {limit} bytes; ask for less."
            )
    return bytes(received)


def _failure(
    url: str, deadline: _Deadline, seconds: float, error: Exception | None
) -> RequestFailed:
    host, port = split_url(url)
    if deadline.has_passed:
        return RequestFailed(f"{host}:{port} did not answer within {seconds:g} s.")
    return RequestFailed(f"{host}:{port} could not be reached: {type(error).__name__}: {error}")
