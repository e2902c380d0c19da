"""People and repositories of GitHub.

Source: GitHub REST API, "Users", "Repositories", "Collaborators", "Rate limit".
"""

from collections.abc import Mapping
from typing import Any

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import Forbidden, NotFoundOnHost, NotSupported
from gitintegration.clients.github import reading
from gitintegration.clients.github.connection import Connection, repo_path, segment
from gitintegration.clients.members import Members

_CHANGEABLE = {
    "name": "name", "description": "description", "default_branch": "default_branch",
    "is_private": "private", "is_archived": "archived", "has_issues": "has_issues",
    "has_wiki": "has_wiki",
}  # fmt: skip
# What GitHub says to an app that asks for something that only people have.
_FOR_PEOPLE = "not accessible by integration"
_PERMISSIONS = {"admin", "write", "read"}


class Repositories(Connection):
    """Who the token belongs to, what may be seen, what is made and deleted."""

    def current_user(self) -> s.HostUser:
        try:
            headers, value = self.call("GET", "/user")
        except Forbidden as error:
            return self._installation(error)
        scopes = headers.get("x-oauth-scopes")
        named = None if scopes is None else tuple(filter(None, str(scopes).split(", ")))
        found = self.understood(reading.user, value)
        return s.HostUser(
            found.id, found.username, found.name, found.email, found.avatar_url, named
        )

    def rate_limit(self) -> s.RateLimit:
        try:
            return self.one("GET", "/rate_limit", reading.rate_limit)
        except NotFoundOnHost:
            # An Enterprise server without limits says so.
            return s.RateLimit(None, None, None)

    def permission_of(self, repository: str, username: str) -> s.Permission:
        path = repo_path(repository, "collaborators", segment(username), "permission")
        try:
            word = self.one("GET", path, lambda told: told.text("permission"))
        except NotFoundOnHost:
            return "none"
        return word if word in _PERMISSIONS else "none"  # type: ignore[return-value]

    def list_repositories(self, page: str = "", per_page: int = 100) -> s.Page[s.HostRepository]:
        try:
            # By name: in an order by time a page may be skipped while we read.
            return self.page("/user/repos", reading.repository, page, per_page, sort="full_name")
        except Forbidden as error:
            if _FOR_PEOPLE not in str(error):
                raise
        return self._installed(page, per_page)

    def _installed(self, page: str, per_page: int) -> s.Page[s.HostRepository]:
        path = "/installation/repositories"
        return self.page(path, reading.repository, page, per_page, member="repositories")

    def _installation(self, error: Forbidden) -> s.HostUser:
        """An app's installation is nobody, but it has repositories."""
        if _FOR_PEOPLE not in str(error):
            raise error
        owners = {repository.owner for repository in self._installed("", 1).items}
        return s.HostUser("installation", "GitHub App", name=", ".join(owners))

    def list_organization_repositories(
        self, organization: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HostRepository]:
        path = f"/orgs/{segment(organization)}/repos"
        return self.page(path, reading.repository, page, per_page, sort="full_name")

    def get_repository(self, repository: str) -> s.HostRepository:
        return self.one("GET", repo_path(repository), reading.repository)

    def get_repository_by_id(self, repository_id: str) -> s.HostRepository:
        return self.one("GET", f"/repositories/{segment(repository_id)}", reading.repository)

    def create_repository(self, new: s.NewRepository) -> s.HostRepository:
        path = f"/orgs/{segment(new.organization)}/repos" if new.organization else "/user/repos"
        body = {
            "name": new.name, "description": new.description, "private": new.is_private,
            "auto_init": new.is_initialized,
        }  # fmt: skip
        made = self.one("POST", path, reading.repository, body)
        if new.is_initialized and made.default_branch != new.default_branch:
            path = repo_path(made.full_name, "branches", segment(made.default_branch), "rename")
            self.call("POST", path, body={"new_name": new.default_branch})
            return self.get_repository(made.full_name)
        return made

    def update_repository(self, repository: str, changes: Mapping[str, object]) -> s.HostRepository:
        body: dict[str, Any] = {}
        for name, value in changes.items():
            if name == "topics":
                topics = {"names": list(value)} if isinstance(value, list | tuple) else {}
                self.call("PUT", repo_path(repository, "topics"), body=topics)
            elif name in _CHANGEABLE:
                body[_CHANGEABLE[name]] = value
            else:
                raise NotSupported(
                    self.access.name,
                    f"{name!r} of a repository cannot be changed here; possible are "
                    f"{', '.join(sorted(_CHANGEABLE))} and topics.",
                )
        if not body:
            return self.get_repository(repository)
        return self.one("PATCH", repo_path(repository), reading.repository, body)

    def delete_repository(self, repository: str) -> None:
        self.call("DELETE", repo_path(repository))

    def languages(self, repository: str) -> Mapping[str, int]:
        return self.one("GET", repo_path(repository, "languages"), _weights)


def _weights(told: Members) -> dict[str, int]:
    # PyGithub adds the address to every object.
    return {name: told.number(name) for name in told.names() if name != "url"}
