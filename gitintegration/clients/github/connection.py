"""PyGithub's requester over our session: GitHub's addresses, headers and pages."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests.utils
from github import Auth, GithubException
from github.Requester import Requester, RequestsResponse

from gitintegration.clients.errors import HostUnavailable
from gitintegration.clients.exchange import Exchange
from gitintegration.clients.host import HostAccess
from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.requests_session import TOTAL_SECONDS, HostSession, origin
from gitintegration.clients.shapes import Page

API_VERSION = "2022-11-28"
JSON = "application/vnd.github+json"
MAX_PER_PAGE = 100
# Lists that are given whole are read to at most so many pages.
MAX_PAGES = 50
_PAGE_NAMES = ("page", "cursor", "after", "before")
T = TypeVar("T")
Read = Callable[[Members], T]


class Bearer(Auth.Token):
    """A token of an OAuth or GitHub App, sent as RFC 6750 says."""

    @property
    def token_type(self) -> str:
        return "Bearer"


class Connection:
    """Calls of one client, one after the other; not for several threads at once."""

    def __init__(
        self,
        access: HostAccess,
        *,
        sleep: Callable[[float], None] = time.sleep,
        total_seconds: float = TOTAL_SECONDS,
        auth: Auth.Auth | None = None,
    ) -> None:
        self.access = access
        self.sleep = sleep
        self.session = HostSession(
            Exchange(access.name, access.api_url, access.partition, sleep),
            total_seconds=total_seconds,
        )
        self._auth = auth or _auth(access)
        self._requester = _SessionRequester(self.session, self._auth)

    def close(self) -> None:
        """Let go of PyGithub's parts."""
        self._requester.close()

    def call(
        self,
        verb: str,
        path: str,
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> tuple[Mapping[str, Any], Any]:
        """The headers, in lower case, and the value that one call gives."""
        given = {
            name: value for name, value in (parameters or {}).items() if value not in ("", None)
        }
        with self._told():
            return self._requester.requestJsonAndCheck(
                verb, path, parameters=given, headers={"Accept": JSON}, input=body
            )

    def one(self, verb: str, path: str, read: Read[T], body: Any = None, **parameters: Any) -> T:
        """What one object reads as."""
        _, value = self.call(verb, path, parameters, body)
        return self.understood(read, value)

    def understood(self, read: Read[T], value: Any) -> T:
        """What a value reads as."""
        with self._told():
            return read(Members(value))

    def page(
        self,
        path: str,
        read: Read[T],
        page: str = "",
        per_page: int = MAX_PER_PAGE,
        *,
        member: str = "",
        **parameters: Any,
    ) -> Page[T]:
        """One page of a list; `member` is where an object holds it."""
        size = max(1, min(per_page, MAX_PER_PAGE))
        where = {**parameters, "per_page": size, **_place(page)}
        headers, value = self.call("GET", path, where)
        with self._told():
            listed = Members({"list": value} if not member else value)
            items = tuple(read(item) for item in listed.entries(member or "list"))
            return Page(items, self._next(headers))

    def whole(self, path: str, read: Read[T], *, member: str = "", **parameters: Any) -> list[T]:
        """All pages of a list that is short by its nature."""
        found: list[T] = []
        page = ""
        for _ in range(MAX_PAGES):
            part = self.page(path, read, page, member=member, **parameters)
            found.extend(part.items)
            page = part.next_page
            if not page:
                break
        return found

    def raw(self, path: str, accept: str) -> requests.Response:
        """An answer of any type; a redirect is one."""
        headers = {"Accept": accept, "X-GitHub-Api-Version": API_VERSION}
        if self._auth is not None:
            self._auth.authentication(headers)
        with self.session.any_type(), self._told():
            return self.session.get(self.access.api_url + path, headers=headers)

    def _next(self, headers: Mapping[str, Any]) -> str:
        links = requests.utils.parse_header_links(str(headers.get("link", "")))
        url = next((link["url"] for link in links if link.get("rel") == "next"), "")
        if not url:
            return ""
        if origin(url) != origin(self.access.api_url):
            raise HostUnavailable(self.access.name, f"names a next page elsewhere: {url[:200]!r}.")
        return urlencode(_place(urlsplit(url).query))

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What PyGithub or a reader cannot make sense of is the host's fault."""
        try:
            yield
        except (GithubException, UnreadableMemberError, AssertionError, RuntimeError) as error:
            raise HostUnavailable(
                self.access.name, f"gave an answer that cannot be read: {error}"
            ) from error


class _SessionRequester(Requester):
    """PyGithub's own way to hand over a connection class is for a whole process."""

    def __init__(self, session: HostSession, auth: Auth.Auth | None) -> None:
        wire = functools.partial(_Wire, session)
        for scheme in ("http", "https"):
            setattr(self, f"_Requester__{scheme}ConnectionClass", wire)
        super().__init__(
            auth=auth, base_url=session.exchange.base_url, timeout=int(TOTAL_SECONDS),
            user_agent="Powernode", per_page=MAX_PER_PAGE, verify=True, retry=None, pool_size=None,
            api_version=API_VERSION,
        )  # fmt: skip


class _Wire:
    """What PyGithub takes for a connection."""

    def __init__(self, session: HostSession, host: str, *_where: Any, **_options: Any) -> None:
        self.host = host
        self._session = session
        parts = urlsplit(session.exchange.base_url)
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._wanted: tuple[str, str, Any, Mapping[str, str]] = ("", "", None, {})

    def request(
        self, verb: str, url: str, content: Any, headers: Mapping[str, str], *_stream: Any
    ) -> None:
        self._wanted = (verb, url, content, headers)

    def getresponse(self) -> RequestsResponse:
        verb, url, content, headers = self._wanted
        response = self._session.request(
            verb, self._root + url, data=content, headers=dict(headers)
        )
        if verb == "GET" and response.status_code == 202:
            # PyGithub would ask again and again, without an end.
            raise HostUnavailable(
                self._session.exchange.host, "is still working the answer out.", http_status=202
            )
        return RequestsResponse(response)

    def close(self) -> None:
        """Nothing is held."""


def segment(text: str) -> str:
    """One part of a path; slashes of branch names are encoded."""
    return quote(text, safe="")


def repo_path(repository: str, *rest: str) -> str:
    """The path of a repository and what stands below it; `rest` is encoded already."""
    owner, _, name = repository.partition("/")
    return "/".join(["/repos", segment(owner), segment(name), *rest])


def _auth(access: HostAccess) -> Auth.Auth | None:
    if not access.token:
        return None
    if access.scheme == "basic":
        return Auth.Login(access.username, access.token)
    return Bearer(access.token) if access.scheme == "bearer" else Auth.Token(access.token)


def _place(query: str) -> dict[str, str]:
    """Where in a list a page stands; whatever else a query holds is left out."""
    found = parse_qs(query)
    return {name: found[name][0] for name in _PAGE_NAMES if name in found}
