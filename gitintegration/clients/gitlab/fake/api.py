"""What every route of the fake GitLab needs: who asks, about which project, and pages."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from gitintegration.clients.fakes.model import Organization, Repo, User
from gitintegration.clients.fakes.server import FakeHost
from gitintegration.clients.fakes.web import Answer, Refused, Request, answer, paged

T = TypeVar("T")
PREFIX = "/api/v4"


class Moved(Exception):
    """A project that is read by a former name; says where it is now."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


class Api:
    """One server as its routes see it."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.state = host.state
        # Project id → its merge method, where it is not `merge`.
        self.merge_methods: dict[int, str] = host.state.extra.setdefault("merge_methods", {})
        # Project id → its settings that a host's state has no place for.
        self.settings: dict[int, dict[str, bool]] = {}
        # Project id → its approval rules; a server without them is one of the Free edition.
        self.approval_rules: dict[int, list[dict[str, Any]]] = {}

    @property
    def has_approval_rules(self) -> bool:
        """Whether this is the Premium edition."""
        return bool(self.state.extra.get("premium", True))

    @property
    def is_old(self) -> bool:
        """Whether this is a server of before 15.10: no runners by API, no list of deliveries."""
        return bool(self.state.extra.get("is_old"))

    def user(self, request: Request) -> User:
        """Who asks.

        Raises:
            Refused: 401.
        """
        found = self.state.user_of(request.headers)
        if found is None:
            raise Refused(401, "401 Unauthorized")
        return found

    def repo(self, request: Request, wanted: str = "read") -> Repo:
        """The project that the path names.

        Raises:
            Refused: 404 without any right, 403 with too few.
            Moved: it is read by a former name.
        """
        named, user = request["id"], self.user(request)
        found = self.state.repository_by_id(int(named)) if named.isdigit() else None
        found = found or self.state.repository(named)
        if found is None:
            self._follow(request, named, user)
            raise Refused(404, "404 Project Not Found")
        if not self.state.may(found, user, "read"):
            raise Refused(404, "404 Project Not Found")
        if not self.state.may(found, user, wanted):
            raise Refused(403, "403 Forbidden")
        return found

    def group(self, request: Request) -> Organization:
        """The group that the path names.

        Raises:
            Refused: 404.
        """
        named = request["id"]
        for group in self.state.organizations.values():
            if named in {group.path, str(group.id)}:
                return group
        raise Refused(404, "404 Group Not Found")

    def page(self, request: Request, items: Sequence[T], convert: Callable[[T], Any]) -> Answer:
        """One page, with the headers that GitLab sends with it."""
        number, size = request.number("page", 1), request.number("per_page", 20)
        found, last = paged(items, number, size)
        headers = {
            "x_page": str(number),
            "x_per_page": str(size),
            "x_total": str(len(items)),
            "x_total_pages": str(last),
            "x_next_page": str(number + 1) if number < last else "",
            "x_prev_page": str(number - 1) if number > 1 else "",
        }
        if number < last:
            headers["link"] = self.link(request, page=str(number + 1), per_page=str(size))
        return answer([convert(item) for item in found], 200, **headers)

    def link(self, request: Request, **changes: str) -> str:
        """A Link header that names the next page."""
        query = {name: values[0] for name, values in request.query.items()} | changes
        return f'<{request.base_url}{request.path}?{urlencode(query)}>; rel="next"'

    def _follow(self, request: Request, named: str, user: User) -> None:
        moved = self.state.moved.get(named)
        if moved is None or not self.state.may(moved, user, "read"):
            return
        if request.method != "GET":
            raise Refused(405, "Non GET methods are not allowed for moved projects")
        raise Moved(request.base_url + request.path.replace(quote(named, safe=""), str(moved.id)))
