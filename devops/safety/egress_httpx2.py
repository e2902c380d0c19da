"""The same rules for SDKs that speak through ``httpx2``."""

import contextlib
import socket
import threading
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2  # noqa: TID251 - the transport that clients of httpx2 are given

from devops.safety.addresses import AddressNotAllowed, Policy, default_policy, split_url
from devops.safety.egress import CONNECT_SECONDS


class Transport(httpx2.HTTPTransport):
    """Connects to checked addresses only; its client must not follow redirects by itself."""

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(trust_env=False, retries=0)
        self._backend = _PinnedBackend(policy or default_policy())
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            network_backend=self._backend,
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        split_url(str(request.url))
        return super().handle_request(request)

    def cut(self) -> None:
        """End every connection now, from any thread: what is being read fails at once."""
        self._backend.cut()

    def close(self) -> None:
        super().close()
        self._backend.forget()


def client(transport: Transport, read_seconds: float, **options: Any) -> httpx2.Client:
    """Return a client of our transport, blind to the environment, that follows no redirect."""
    timeout = httpx2.Timeout(read_seconds, connect=CONNECT_SECONDS)
    return httpx2.Client(
        transport=transport, timeout=timeout, trust_env=False, follow_redirects=False, **options
    )


class _PinnedBackend(httpcore2.SyncBackend):
    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def cut(self) -> None:
        with self._lock:
            for connected in self._sockets:
                # It may have been closed by the other side.
                with contextlib.suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        with self._lock:
            for connected in self._sockets:
                connected.close()
            self._sockets.clear()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        address = self._policy.resolve(host, port)
        stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
        connected = stream.get_extra_info("socket")
        with self._lock:
            # TLS takes the socket object over; a duplicate still reaches the same connection.
            self._sockets.append(connected.dup())
        return stream

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the shape of the base class
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        raise AddressNotAllowed(f"Address is not allowed: the socket {path!r}.")
