"""Who a token belongs to, what it may, and how often it may ask."""

from dataclasses import replace
from datetime import UTC, datetime

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import Forbidden, NotFoundOnHost, RefusedByHost
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.members import Members

# Access levels. Source: GitLab documentation, "Members API", roles.
_MAINTAINER, _DEVELOPER, _REPORTER = 40, 30, 20


class People(Connection):
    """Who speaks, and what others may do."""

    def current_user(self) -> s.HostUser:
        """The token's user; scopes are told of personal tokens by GitLab 15.5 and later."""
        found = self.read("/user", convert.user)
        if self.access.scheme != "token":
            return found
        try:
            scopes = self.read("/personal_access_tokens/self", lambda told: told.texts("scopes"))
        except (Forbidden, NotFoundOnHost, RefusedByHost):
            return found
        return replace(found, scopes=scopes)

    def rate_limit(self) -> s.RateLimit:
        """From the headers of a reading; a server without limits sends none."""
        headers = self.call("get", "/user").headers

        def number(name: str) -> int | None:
            text = str(headers.get(name, ""))
            return int(text) if text.isdigit() else None

        reset = number("ratelimit-reset")
        return s.RateLimit(
            number("ratelimit-limit"), number("ratelimit-remaining"),
            None if reset is None else datetime.fromtimestamp(reset, UTC),
        )  # fmt: skip

    def permission_of(self, repository: str, username: str) -> s.Permission:
        """What somebody may do, inherited rights included."""
        found = self.page("/users", _user, username=username).items
        known = [ident for ident, name in found if name.lower() == username.lower()]
        if not known:
            return "none"
        visibility = self.read(self.project(repository), lambda told: told.text("visibility"))
        public: s.Permission = "none" if visibility == "private" else "read"
        try:
            level = self.read(
                self.project(repository, "members", "all", known[0]),
                lambda told: told.number("access_level"),
            )
        except NotFoundOnHost:
            return public
        if level >= _MAINTAINER:
            return "admin"
        if level >= _DEVELOPER:
            return "write"
        # Guests and planners see no code of a private project.
        return "read" if level >= _REPORTER else public


def _user(told: Members) -> tuple[str, str]:
    return told.needed("id"), told.needed("username")
