"""The session that SDKs over `requests` are given: our egress below, our manners around each call.

Redirects are followed only for readings within the same origin, as hosts answer them after a
rename. An SDK's own retries, redirects, cookies and connection pools never come into play: every
call is one `Exchange.call` over pinned connections with a deadline for each.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from devops.safety import egress
from devops.safety.json_values import DocumentError, load_json
from gitintegration.clients.errors import HostUnavailable, RefusedByHost
from gitintegration.clients.exchange import MAX_BODY_BYTES, SAFE_METHODS, Exchange, Reply, Send

TOTAL_SECONDS = 60.0
MAX_REDIRECTS = 3
_MOVED = frozenset({301, 302, 307, 308})
_PARTIAL = 206
# There are no bytes (yet) from where we want to read on.
_NOTHING_THERE = 416
# Headers that describe the connection or a coding that is undone already.
_DROPPED = frozenset({"content-encoding", "transfer-encoding", "connection"})


class HostSession(requests.Session):
    """Gives SDKs whole, judged answers; refusals are raised as classes of `clients.errors`.

    A request to another origin than the host's API is refused: it would carry the token along.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        policy: egress.Policy | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        super().__init__()
        self.exchange = exchange
        self.trust_env = False
        self._policy = policy
        self._total_seconds = total_seconds
        self._wants_json = True

    @contextlib.contextmanager
    def any_type(self) -> Iterator[None]:
        """Within it answers may be of any media type, and a redirect is an answer."""
        before, self._wants_json = self._wants_json, False
        try:
            yield
        finally:
            self._wants_json = before

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        """Make the call; the SDK's own choices of timeouts, proxies and redirects do not count."""
        url, method = str(request.url), str(request.method)
        if origin(url) != origin(self.exchange.base_url):
            raise HostUnavailable(
                self.exchange.host, f"names the address {url[:200]!r} on another origin."
            )
        headers = {name: _text(value) for name, value in request.headers.items()}
        reply = self.exchange.call(
            method, url, self._sender(method, url, headers, _bytes(request.body)),
            wants_json=self._wants_json, key=headers.get("Accept", ""),
        )  # fmt: skip
        return _response(reply, request)

    def download(self, url: str, *, start: int = 0) -> bytes:
        """The bytes from `start` on at an address that the host named, at most MAX_BODY_BYTES.

        No credential is sent along; nothing there is no error.

        Raises:
            HostError: as every call.
        """
        last = start + MAX_BODY_BYTES - 1
        for _ in range(MAX_REDIRECTS):
            send = self._sender("GET", url, {"Range": f"bytes={start}-{last}"}, None)
            # Such addresses are signed anew each time: nothing to keep, and a partition aside.
            aside = Exchange(self.exchange.host, origin(url), "", self.exchange.sleep)
            with self.any_type():
                reply = self._part(aside, url, send)
            if not 300 <= reply.status < 400:
                return reply.body if reply.status == _PARTIAL else reply.body[start:]
            url = urljoin(url, reply.headers.get("location", ""))
        raise HostUnavailable(self.exchange.host, "redirects in a circle.", http_status=302)

    def _part(self, aside: Exchange, url: str, send: Send) -> Reply:
        try:
            return aside.call("GET", url, send, wants_json=False)
        except RefusedByHost as error:
            if error.http_status != _NOTHING_THERE:
                raise
            return Reply(_PARTIAL, {}, b"")

    def _sender(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Send:
        def send(more: Mapping[str, str]) -> Reply:
            reply, target = self._once(method, url, {**headers, **more}, body), url
            for _ in range(MAX_REDIRECTS):
                target = self._moved(method, target, reply)
                if not target:
                    break
                reply = self._once(method, target, {**headers, **more}, body)
            # Raw files are given under media types that end in +json.
            if self._wants_json:
                check_json_body(self.exchange.host, reply)
            return reply

        return send

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        try:
            answer = egress.request(
                method, url, headers=headers, body=body, policy=self._policy,
                max_bytes=MAX_BODY_BYTES, total_seconds=self._total_seconds,
            )  # fmt: skip
        except egress.AnswerTooLarge as error:
            # Asking again would bring the same bytes.
            raise RefusedByHost(self.exchange.host, str(error)) from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, found, answer.body)

    def _moved(self, method: str, url: str, reply: Reply) -> str:
        """Where a renamed repository is read now: at the same origin, or nowhere."""
        if method not in SAFE_METHODS or not self._wants_json or reply.status not in _MOVED:
            return ""
        target = urljoin(url, reply.headers.get("location", ""))
        is_here = origin(target) == origin(self.exchange.base_url)
        return target if is_here and target != url else ""


def check_json_body(host: str, reply: Reply) -> None:
    """Refuse a good answer that says it is JSON and is none.

    Raises:
        HostUnavailable: with what is wrong with it, and where.
    """
    if reply.status >= 400 or not reply.body:
        return
    if "json" not in reply.headers.get("content-type", ""):
        return
    try:
        load_json(reply.body, max_bytes=MAX_BODY_BYTES)
    except DocumentError as error:
        raise HostUnavailable(
            host, f"answered {reply.status} with JSON that cannot be read: {error}",
            http_status=reply.status,
        ) from error  # fmt: skip


def origin(url: str) -> str:
    """Scheme, host and port of a URL, as one text that can be compared."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        port = 0
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    read = getattr(body, "read", None)
    return bytes(read()) if read is not None else b"".join(body)


def _response(reply: Reply, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = reply.status
    response.headers = CaseInsensitiveDict(
        {name: value for name, value in reply.headers.items() if name not in _DROPPED}
    )
    response.url = str(request.url)
    response.request = request
    response.encoding = "utf-8"
    response._content = reply.body  # noqa: SLF001 - the only way to make a whole response
    response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response
