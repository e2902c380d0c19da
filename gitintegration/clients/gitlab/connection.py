"""One connection to a GitLab server: addresses, paging, and answers of the documented shape."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

import gitlab
import requests

from gitintegration.clients.errors import (
    AlreadyExists,
    HostUnavailable,
    NotFoundOnHost,
    RefusedByHost,
)
from gitintegration.clients.exchange import Exchange
from gitintegration.clients.host import HostAccess, every
from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.requests_session import TOTAL_SECONDS, HostSession, origin
from gitintegration.clients.shapes import Page

T = TypeVar("T")
# GitLab gives no more than so many items a page.
MAX_PER_PAGE = 100
_API = "/api/v4"


class Connection:
    """Speaks to one server as one user. Every call may raise the classes of `clients.errors`."""

    def __init__(
        self,
        access: HostAccess,
        *,
        sleep: Callable[[float], None] = time.sleep,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.access = access
        self.sleep = sleep
        self.exchange = Exchange(access.name, access.api_url, access.partition, sleep)
        self._session = HostSession(self.exchange, total_seconds=total_seconds)
        self.total_seconds = total_seconds
        is_personal = access.scheme == "token"
        self._gitlab = gitlab.Gitlab(
            access.api_url.removesuffix(_API),
            private_token=access.token if is_personal else None,
            oauth_token=None if is_personal else access.token,
            session=self._session,
            keep_base_url=True,
        )

    def close(self) -> None:
        """Let go of what the connection holds."""
        self._session.close()

    # Calls

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, /, **query: Any
    ) -> requests.Response:
        """Make one call below `/api/v4`; members of `query` that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        try:
            return self._gitlab.http_request(
                method, path, query_data=given, post_data=dict(body) if body is not None else None
            )
        except RefusedByHost as error:
            if "already been taken" in str(error) and not isinstance(error, AlreadyExists):
                raise AlreadyExists(
                    error.host, error.detail, http_status=error.http_status, body=error.body
                ) from error
            raise
        except (gitlab.exceptions.GitlabError, requests.RequestException) as error:
            raise HostUnavailable(self.access.name, f"no usable answer: {error}") from error

    def read(self, path: str, convert: Callable[[Members], T], /, **query: Any) -> T:
        """One object."""
        return self.converted(self.call("get", path, **query), convert)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        convert: Callable[[Members], T],
    ) -> T:
        """A writing call that answers with an object."""
        return self.converted(self.call(method, path, body or {}), convert)

    def converted(self, response: requests.Response, convert: Callable[[Members], T]) -> T:
        """The object of an answer."""
        return self._checked(lambda: convert(Members(_json(response))))

    def download(self, url: str) -> bytes:
        """What stands at an address that the server named, fetched without the token."""
        return self._session.download(url)

    def page(
        self,
        path: str,
        convert: Callable[[Members], T | None],
        page: str = "",
        per_page: int = MAX_PER_PAGE,
        /,
        **query: Any,
    ) -> Page[T]:
        """One page of a list; items that `convert` gives None for are left out."""
        asked: dict[str, Any] = {**query, "per_page": min(per_page, MAX_PER_PAGE)}
        if page.startswith("?"):
            asked = dict(parse_qsl(page[1:], keep_blank_values=True))
        elif page:
            asked["page"] = page
        response = self.call("get", path, **asked)

        def convert_all() -> tuple[T, ...]:
            items = _json(response)
            if not isinstance(items, list):
                raise UnreadableMemberError("The whole is no list.")
            found = (convert(Members(item)) for item in items)
            return tuple(item for item in found if item is not None)

        return Page(self._checked(convert_all), self._next_page(response))

    def all(
        self,
        path: str,
        convert: Callable[[Members], T | None],
        limit: int | None = None,
        /,
        **query: Any,
    ) -> tuple[T, ...]:
        """The items of all pages, at most `limit`."""

        def fetch(page: str) -> Page[T]:
            return self.page(path, convert, page, MAX_PER_PAGE, **query)

        return tuple(every(fetch, limit))

    # Addresses

    def project(self, repository: str, *parts: object) -> str:
        """The path of a project's resource; each part is one segment."""
        return self.path("projects", repository, *parts)

    def path(self, *parts: object) -> str:
        """A path of segments, each encoded whole: `group/sub` is `group%2Fsub`."""
        texts = [str(part) for part in parts]
        if not {"", ".", ".."}.isdisjoint(texts):
            # `..` would be resolved on the way and address something else.
            raise NotFoundOnHost(self.access.name, "an empty name, `.` and `..` name nothing.")
        return "/" + "/".join(quote(text, safe="") for text in texts)

    def web(self, repository: str, *parts: object) -> str:
        """An address for people."""
        return "/".join([self.access.web_url, repository, "-", *map(str, parts)])

    def _checked(self, convert: Callable[[], T]) -> T:
        try:
            return convert()
        except (UnreadableMemberError, ValueError) as error:
            raise HostUnavailable(
                self.access.name, f"answered something else than its documentation says: {error}"
            ) from error

    def _next_page(self, response: requests.Response) -> str:
        """The number of the next page, or for keyset paging its query."""
        number = response.headers.get("x-next-page", "")
        if number:
            return str(number) if number.isdigit() else ""
        link = response.links.get("next", {}).get("url", "")
        if not link:
            return ""
        if origin(link) != origin(self.access.api_url):
            raise HostUnavailable(
                self.access.name, f"names {link[:200]!r} as the next page, which is not its own."
            )
        return f"?{urlsplit(link).query}"


def as_time(value: datetime | None) -> str | None:
    """A time as the API wants it."""
    return value.astimezone(UTC).isoformat() if value else None


def joined(values: Iterable[str]) -> str:
    """A list as the API wants it in a query."""
    return ",".join(values)


def _json(response: requests.Response) -> Any:
    if not response.content:
        raise UnreadableMemberError("The answer is empty.")
    return response.json()
