"""One credential's connection to a Gitea or Forgejo: calls, pages, answers as objects."""

import contextlib
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

import httpx

from devops.safety import egress, egress_httpx
from devops.safety.json_values import load_json
from gitintegration.clients.errors import RefusedByHost
from gitintegration.clients.exchange import MAX_BODY_BYTES, SAFE_METHODS, Exchange, Reply
from gitintegration.clients.host import HostAccess, every
from gitintegration.clients.members import Members, readable
from gitintegration.clients.requests_session import (
    MAX_REDIRECTS,
    TOTAL_SECONDS,
    check_json_body,
    origin,
)
from gitintegration.clients.shapes import Page

T = TypeVar("T")
Convert = Callable[[Members], T]
_MOVED = frozenset({301, 302, 307, 308})
# More than any list of one repository that we read whole.
_MOST_ITEMS = 10_000


class Connection:
    """Gitea's API as one credential may use it; safe for one thread at a time."""

    def __init__(
        self,
        access: HostAccess,
        *,
        sleep: Callable[[float], None] = time.sleep,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.access = access
        scheme = "Bearer" if access.scheme == "bearer" else "token"
        self._headers = {"Accept": "application/json", "User-Agent": egress.USER_AGENT}
        if access.token:
            self._headers["Authorization"] = f"{scheme} {access.token}"
        partition = access.partition or hashlib.sha256(access.token.encode()).hexdigest()
        self._exchange = Exchange(access.name, access.api_url, partition, sleep)
        self._http = egress_httpx.client()
        self._total_seconds = total_seconds
        # Those of the pool: a call may come over a connection that an earlier one opened.
        self._streams: deque[Any] = deque(maxlen=32)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def one(self, path: str, convert: Convert[T], **params: object) -> T:
        """One object."""
        return self.read(self.call("GET", path, params=params), convert)

    def page(
        self,
        path: str,
        convert: Convert[T],
        page: str,
        per_page: int,
        *,
        member: str = "",
        **params: object,
    ) -> Page[T]:
        """One page of a list, or of the list in `member` of the answer."""
        number, _, seen = page.partition(".")
        asked = {**params, "page": number or "1", "limit": per_page}
        reply = self.call("GET", path, params=asked)
        with readable(self.access.name):
            answer = _json(reply)
            total = reply.headers.get("x-total-count", "")
            if member:
                total = total or str(Members(answer).number("total_count"))
            found = Members({"items": answer} if not member else answer)
            items = tuple(convert(item) for item in found.entries(member or "items"))
        return Page(items, _next(reply, number, int(seen or 0) + len(items), total, bool(items)))

    def all(
        self, path: str, convert: Convert[T], *, member: str = "", **params: object
    ) -> tuple[T, ...]:
        """A whole list."""

        def fetch(page: str) -> Page[T]:
            return self.page(path, convert, page, 50, member=member, **params)

        return tuple(every(fetch, _MOST_ITEMS))

    def made(self, method: str, path: str, body: Mapping[str, object], convert: Convert[T]) -> T:
        """What a writing call answers."""
        return self.read(self.call(method, path, body=body), convert)

    def read(self, reply: Reply, convert: Convert[T]) -> T:
        """The answer as one of our shapes."""
        with readable(self.access.name):
            return convert(Members(_json(reply)))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        wants_json: bool = True,
    ) -> Reply:
        """One call; `path` is below the API's address.

        Without `wants_json` the answer may be of any type, and is cut at 10 MB.

        Raises:
            HostError: one of its classes.
        """
        told = {
            name: _word(value) for name, value in (params or {}).items() if value not in ("", None)
        }
        url = f"{self.access.api_url}{path}" + (f"?{urlencode(told)}" if told else "")
        content = None if body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        if content is not None:
            sent["Content-Type"] = "application/json"
        if not wants_json:
            sent["Accept"] = "*/*"

        def send(more: Mapping[str, str]) -> Reply:
            target = url
            for _ in range(MAX_REDIRECTS + 1):
                reply = self._once(method, target, {**sent, **more}, content, cut=not wants_json)
                moved = _moved(method, target, reply)
                if not moved:
                    break
                target = moved
            if wants_json:
                check_json_body(self.access.name, reply)
            return reply

        key = f"{sent['Accept']} {sent.get('Range', '')}"
        return self._exchange.call(method, url, send, wants_json=wants_json, key=key)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, *, cut: bool
    ) -> Reply:
        with _Deadline(self._total_seconds, self._streams) as deadline:
            try:
                with self._http.stream(
                    method, url, headers=headers, content=content,
                    extensions={"trace": deadline.trace},
                ) as response:  # fmt: skip
                    body = self._body(response, cut=cut)
            except httpx.HTTPError as error:
                raise _failure(url, deadline, error) from error
            if deadline.has_passed:
                raise _failure(url, deadline, None)
        found = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, found, body)

    def _body(self, response: httpx.Response, *, cut: bool) -> bytes:
        received = bytearray()
        for block in response.iter_bytes():
            received += block
            if len(received) > MAX_BODY_BYTES:
                if cut:
                    return bytes(received[:MAX_BODY_BYTES])
                raise RefusedByHost(
                    self.access.name, f"sent more than {MAX_BODY_BYTES} bytes; ask for less."
                )
        return bytes(received)


class _Deadline:
    """Cuts the connections that a call uses when the call's time is over."""

    def __init__(self, seconds: float, streams: deque[Any]) -> None:
        self.seconds = seconds
        self.has_passed = False
        self._streams = streams
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Note the stream of a new connection; httpcore calls this at each of its steps."""
        if name in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._streams.append(info["return_value"])

    def _cut(self) -> None:
        self.has_passed = True
        for stream in tuple(self._streams):
            # The other side may have closed it, or TLS taken it over.
            with contextlib.suppress(OSError):
                stream.get_extra_info("socket").shutdown(2)


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def repo(repository: str, *more: str) -> str:
    """The path of a repository, and of something below it."""
    owner, _, name = repository.partition("/")
    return "/".join(("/repos", segment(owner), segment(name), *more))


def _json(reply: Reply) -> Any:
    return load_json(reply.body, max_bytes=MAX_BODY_BYTES) if reply.body else {}


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moved(method: str, url: str, reply: Reply) -> str:
    """Where a renamed repository is read now: at the same origin, or nowhere."""
    if method not in SAFE_METHODS or reply.status not in _MOVED:
        return ""
    target = urljoin(url, reply.headers.get("location", ""))
    return target if origin(target) == origin(url) and target != url else ""


def _next(reply: Reply, page: str, seen: int, total: str, has_items: bool) -> str:  # noqa: FBT001
    """The next page's number.

    Only the number is taken from a link: its address is what the server believes to be its own,
    which may be another than the one that we were given. Lists without links tell a total.
    """
    link = reply.headers.get("link", "")
    if link:
        for part in link.split(","):
            target, _, relation = part.partition(";")
            if 'rel="next"' in relation:
                query = parse_qs(urlsplit(target.strip().strip("<>")).query)
                number = query.get("page", [""])[0]
                return number if number.isdigit() else ""
        return ""
    if has_items and total.isdigit() and seen < int(total):
        return f"{int(page or 1) + 1}.{seen}"
    return ""


def _failure(url: str, deadline: _Deadline, error: Exception | None) -> egress.RequestFailed:
    host = urlsplit(url).netloc
    if deadline.has_passed:
        return egress.RequestFailed(f"{host} did not answer within {deadline.seconds:g} s.")
    return egress.RequestFailed(f"{host} could not be reached: {type(error).__name__}: {error}")
