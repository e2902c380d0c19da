"""One credential's connection to Bitbucket Cloud, over Atlassian's library.

The library's own objects page through lists without telling where they are, so its generic calls
are used throughout: they give the addresses of pages and the headers of answers.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from atlassian.bitbucket.cloud import Cloud
from requests import Response

from devops.safety.json_values import load_json
from gitintegration.clients.errors import (
    AuthenticationFailed,
    HostUnavailable,
    NotFoundOnHost,
)
from gitintegration.clients.exchange import MAX_BODY_BYTES, Exchange
from gitintegration.clients.host import HostAccess, every
from gitintegration.clients.members import Members, readable
from gitintegration.clients.requests_session import TOTAL_SECONDS, HostSession, origin
from gitintegration.clients.shapes import Page

T = TypeVar("T")
Convert = Callable[[Members], T]
# More than any list of one repository that we read whole.
_MOST_ITEMS = 10_000
_HEADERS = {"Accept": "application/json"}
# The library writes bodies into its log, and with them the secrets of hooks and runners.
logging.getLogger("atlassian").setLevel(logging.WARNING)


class Connection:
    """Bitbucket's API as one credential may use it; safe for one thread at a time."""

    def __init__(
        self,
        access: HostAccess,
        *,
        sleep: Callable[[float], None] = time.sleep,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.access = access
        partition = access.partition or hashlib.sha256(access.token.encode()).hexdigest()
        exchange = Exchange(access.name, access.api_url, partition, sleep)
        self._session = HostSession(exchange, total_seconds=total_seconds)
        secret: dict[str, Any] = {"token": access.token} if access.token else {}
        if access.scheme == "basic":
            secret = {"username": access.username, "password": access.token}
        self._cloud = Cloud(  # type: ignore[no-untyped-call]
            access.api_url.removesuffix("/2.0"),
            session=self._session,
            # Limits are obeyed by the session below.
            retry_with_header=False,
            **secret,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def one(self, path: str, convert: Convert[T], **params: object) -> T:
        """One object."""
        return self.read(self.call("GET", path, params=params), convert)

    def page(
        self, path: str, convert: Convert[T], page: str, per_page: int, **params: object
    ) -> Page[T]:
        """One page of a list; `page` is an address below the API's as the host told it."""
        if page:
            response = self.call("GET", page)
        else:
            response = self.call("GET", path, params={"pagelen": min(per_page, 100), **params})
        return self.read(
            response,
            lambda told: Page(
                tuple(convert(entry) for entry in told.entries("values")),
                self._below(told.text("next")),
            ),
        )

    def all(
        self, path: str, convert: Convert[T], *, limit: int = _MOST_ITEMS, **params: object
    ) -> tuple[T, ...]:
        """A whole list, at most `limit` of it."""
        return tuple(every(lambda page: self.page(path, convert, page, 100, **params), limit))

    def made(self, method: str, path: str, body: object, convert: Convert[T]) -> T:
        """What a writing call answers."""
        return self.read(self.call(method, path, body=body), convert)

    def read(self, response: Response, convert: Convert[T]) -> T:
        """The answer as one of our shapes."""
        with readable(self.access.name):
            content = response.content
            found = load_json(content, max_bytes=MAX_BODY_BYTES) if content else {}
            return convert(Members(found))

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: object = None,
        form: Mapping[str, object] | None = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """One call; `path` is below the API's address and keeps its last slash.

        Raises:
            HostError: one of its classes.
        """
        if self.access.scheme == "basic" and not self.access.username:
            # The library would go without any credential.
            raise AuthenticationFailed(
                self.access.name, "the credential has a token and no e-mail address to go with it."
            )
        told = {name: value for name, value in (params or {}).items() if value not in ("", None)}
        sent: dict[str, Any] = {"json": body, "headers": {**_HEADERS, **(headers or {})}}
        if form is not None:
            # A form without files has them empty, so that the library does not write JSON.
            sent |= {"data": dict(form), "files": dict(files or {})}
        response: Response = self._cloud.request(
            method=method,
            path=path,
            params=told,
            trailing=path.endswith("/"),
            advanced_mode=True,
            allow_redirects=False,
            **sent,
        )
        return response

    def content(
        self, path: str, params: Mapping[str, object] | None = None, *, offset: int = 0
    ) -> bytes:
        """Bytes of any type from an offset, also from the place that a redirect names."""
        ranged = {"Range": f"bytes={offset}-"} if offset else {}
        with self._session.any_type():
            response = self.call("GET", path, params=params, headers=ranged)
        if response.status_code == 206:
            return response.content
        return self._whole(response)[offset:]

    def _whole(self, response: Response) -> bytes:
        if not 300 <= response.status_code < 400:
            return response.content
        target = response.headers.get("location", "")
        if origin(target) == origin(self.access.api_url):
            with self._session.any_type():
                return self.call("GET", self._below(target)).content
        return self._session.download(target)

    def exists(self, path: str) -> bool:
        """Whether something is there."""
        try:
            self.call("GET", path)
        except NotFoundOnHost:
            return False
        return True

    def _below(self, url: str) -> str:
        """An address of the host's as path and query below the API's address.

        Raises:
            HostUnavailable: it is somewhere else.
        """
        if not url:
            return ""
        base = urlsplit(self.access.api_url).path
        parts = urlsplit(url)
        if origin(url) != origin(self.access.api_url) or not parts.path.startswith(f"{base}/"):
            raise HostUnavailable(
                self.access.name, f"names the address {url[:200]!r} outside of its API."
            )
        return parts.path.removeprefix(base) + (f"?{parts.query}" if parts.query else "")


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def repo(repository: str, *more: str) -> str:
    """The path of a repository, and of something below it."""
    workspace, _, slug = repository.partition("/")
    return "/".join(("/repositories", segment(workspace), segment(slug), *more))


def quoted(value: str) -> str:
    """A text in Bitbucket's filter language."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def any_of(name: str, values: Iterable[str]) -> str:
    """A filter for several values of one field."""
    return "(" + " OR ".join(f"{name}={quoted(value)}" for value in values) + ")"
