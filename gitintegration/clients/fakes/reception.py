"""Who comes to a fake host, what they may, and how refusals are worded."""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote

from gitintegration.clients.fakes.git_store import StoreError
from gitintegration.clients.fakes.model import Repo, User
from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, check

T = TypeVar("T")


@dataclass
class Reception:
    """A fake host's app: finds the handler, checks the request, words the refusal.

    Attributes:
        word_refusal: a refusal as the host says it.
        follow: where a repository that is not there by that name is now, for reading requests.
    """

    host: FakeHost
    word_refusal: Callable[[Refused], Answer]
    follow: Callable[[Request], Answer | None] = lambda _request: None
    router: Router = field(default_factory=Router)

    @property
    def state(self) -> HostState:
        return self.host.state

    def __call__(self, request: Request) -> Answer:
        with self.state.lock:
            try:
                return self._answer(request)
            except Refused as refused:
                moved = self.follow(request) if refused.status == 404 else None
                return moved or self.word_refusal(refused)
            except StoreError as error:
                return self.word_refusal(Refused(409, f"git: {error}"))

    def _answer(self, request: Request) -> Answer:
        try:
            route, parameters = self.router.find(request)
        except Refused:
            self.host.violations.append(f"{request.method} {request.path}: no such operation")
            raise
        self.host.violations += check(route, request)
        if "authorization" in request.headers:
            self.user(request)
        return route.handler(dataclasses.replace(request, parameters=parameters))

    def user(self, request: Request) -> User:
        """Who asks.

        Raises:
            Refused: 401 when nobody known.
        """
        found = self.state.user_of(request.headers)
        if found is None:
            raise Refused(401, "The token is not valid")
        return found

    def repo(self, request: Request, full_name: str, wanted: str = "read") -> Repo:
        """The repository, if the asker may do that there.

        Raises:
            Refused: 404 when it may not be seen, 403 when the right is missing.
        """
        found = self.state.repository(full_name)
        user = self.state.user_of(request.headers)
        if found is None or not self.state.may(found, user, "read"):
            raise Refused(404, "The repository was not found")
        if not self.state.may(found, user, wanted):
            raise Refused(403, f"The user needs to be allowed to {wanted}")
        return found


def moment(at: datetime | None) -> str | None:
    """A time as most hosts write it."""
    return at.isoformat() if at else None


def found(value: T | None, what: str) -> T:
    """The value.

    Raises:
        Refused: 404 when there is none.
    """
    if value is None:
        raise Refused(404, f"The {what} was not found")
    return value


def first(values: Iterable[T], what: str) -> T:
    """The first value.

    Raises:
        Refused: 404 when there is none.
    """
    return found(next(iter(values), None), what)


def commit_of(repo: Repo, revision: str) -> str:
    """The full SHA of what a request names.

    Raises:
        Refused: 404 when there is none.
    """
    return found(repo.store.resolve(unquote(revision)) or None, "commit")


def ranged(request: Request, content: bytes, media_type: str = "text/plain") -> Answer:
    """The content, or its end where only that is asked for (`Range: bytes=N-`)."""
    asked = request.headers.get("range", "")
    if not asked:
        return Answer(200, content, media_type)
    start = int(asked.removeprefix("bytes=").removesuffix("-"))
    if start >= len(content):
        return Answer(416, b"invalid range", media_type)
    told = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return Answer(206, content[start:], media_type, {"content-range": told})
