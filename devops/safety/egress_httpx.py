"""The same rules for SDKs that speak through ``httpx``."""

from collections.abc import Iterable
from typing import Any

import httpcore
import httpx  # noqa: TID251 - the transport that clients of httpx are given

from devops.safety.addresses import AddressNotAllowed, Policy, default_policy, split_url
from devops.safety.egress import CONNECT_SECONDS, READ_SECONDS

TIMEOUT = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)


class Transport(httpx.HTTPTransport):
    """Connects to checked addresses only; give it to ``httpx.Client(transport=…)``.

    The client must not follow redirects by itself (``follow_redirects=False``, the default); each
    one would be checked, but secrets in headers would follow it.
    """

    def __init__(self, policy: Policy | None = None) -> None:
        super().__init__(trust_env=False, retries=0)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            network_backend=_PinnedBackend(policy or default_policy()),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        split_url(str(request.url))
        return super().handle_request(request)


def client(policy: Policy | None = None, **options: Any) -> httpx.Client:
    """Return a client with our transport and timeouts, blind to the environment."""
    return httpx.Client(transport=Transport(policy), timeout=TIMEOUT, trust_env=False, **options)


class _PinnedBackend(httpcore.SyncBackend):
    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        address = self._policy.resolve(host, port)
        return super().connect_tcp(address, port, timeout, local_address, socket_options)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the shape of the base class
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        raise AddressNotAllowed(f"Address is not allowed: the socket {path!r}.")
