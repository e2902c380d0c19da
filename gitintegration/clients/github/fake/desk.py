"""What every route of the fake GitHub needs: who asks, for what, and how lists are given."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from gitintegration.clients.fakes import model as m
from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Refused, Request, Router, answer, paged
from gitintegration.clients.github.fake.words import Words

T = TypeVar("T")


class Desk:
    """The routes' common ground."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.state: HostState = host.state
        self.words = Words(host)
        self.router = Router()

    def user(self, request: Request) -> m.User:
        """Who asks.

        Raises:
            Refused: 401 without a valid token.
        """
        found = self.state.user_of(request.headers)
        if found is None:
            given = "authorization" in request.headers
            raise Refused(401, "Bad credentials" if given else "Requires authentication")
        return found

    def person(self, request: Request) -> m.User:
        """Who asks, where only people may.

        Raises:
            Refused: 403 for an app's installation.
        """
        found = self.user(request)
        if found.login.endswith("[bot]"):
            raise Refused(403, "Resource not accessible by integration")
        return found

    def repo(self, request: Request, wanted: str = "read") -> m.Repo:
        """The repository of a path, where the asker may do this.

        Raises:
            Refused: 301 after a rename, 404 where he may not even see it, else 403.
        """
        user = self.user(request)
        name = f"{request['owner']}/{request['repo']}"
        repo = self.state.repository(name)
        former = self.state.moved.get(name)
        if repo is None and former is not None and self.state.may(former, user, "read"):
            rest = request.path.split("/", 4)[4:]
            target = "/".join([f"{self.words.api}/repositories/{former.id}", *rest])
            raise Refused(
                301 if request.method == "GET" else 307, "Moved Permanently", location=target
            )
        if repo is None or not self.state.may(repo, user, "read"):
            raise Refused(404, "Not Found")
        if not self.state.may(repo, user, wanted):
            # GitHub hides hooks and keys from those who may not see them.
            is_hidden = "/hooks" in request.path or "/keys" in request.path
            raise Refused(404 if is_hidden else 403, "Must have admin rights to Repository.")
        if wanted == "write" and repo.is_archived:
            raise Refused(403, "Repository was archived so is read-only.")
        return repo

    def listed(
        self,
        request: Request,
        items: Sequence[T],
        word: Callable[[T], Any],
        member: str = "",
        **beside: Any,
    ) -> Answer:
        """One page, with the links that lead on.

        `member` is where an object holds the list, `beside` what else it holds.
        """
        page, size = request.number("page", 1), request.number("per_page", 30)
        part, last = paged(items, page, size)
        links = []
        for relation, number in (("next", page + 1), ("last", last)):
            if page < last:
                query = {name: values[0] for name, values in request.query.items()}
                where = urlencode({**query, "page": number})
                links.append(f'<{self.words.api}{request.path}?{where}>; rel="{relation}"')
        found: Any = [word(item) for item in part]
        value = {**beside, "total_count": len(items), member: found} if member else found
        return replace(answer(value), headers={"link": ", ".join(links)} if links else {})


def one(found: T | None, what: str = "Not Found") -> T:
    """What is there.

    Raises:
        Refused: 404 when nothing is.
    """
    if found is None:
        raise Refused(404, what)
    return found


def invalid(message: str, **details: str) -> Refused:
    """The 422 of a rule that was broken."""
    return Refused(422, "Validation Failed", errors=[{"message": message, **details}])


def number_of(request: Request, name: str) -> int:
    """A number of the path.

    Raises:
        Refused: 404 when it is none.
    """
    text = request[name]
    if not text.isdigit():
        raise Refused(404, "Not Found")
    return int(text)
