"""Users, repositories, branches and tags of a Gitea."""

from collections.abc import Mapping

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, RefusedByHost
from gitintegration.clients.gitea import convert
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members

_PERMISSIONS: dict[str, s.Permission] = {
    "read": "read", "write": "write", "admin": "admin", "owner": "admin",
}  # fmt: skip
# What may be changed, by the name of our shape's field.
_CHANGEABLE = {
    "name": "name",
    "description": "description",
    "default_branch": "default_branch",
    "is_private": "private",
    "is_archived": "archived",
    "has_issues": "has_issues",
    "has_pull_requests": "has_pull_requests",
    "has_wiki": "has_wiki",
}


class Repositories(Connection):
    """Repositories with their branches and tags."""

    def current_user(self) -> s.HostUser:
        """Whose token it is."""
        return self.one("/user", convert.user)

    def rate_limit(self) -> s.RateLimit:
        """Nothing: a Gitea tells of no limit."""
        return s.RateLimit(None, None, None)

    def permission_of(self, repository: str, username: str) -> s.Permission:
        """What a user may do in a repository."""
        path = repo(repository, "collaborators", segment(username), "permission")
        try:
            return self.one(path, lambda told: _PERMISSIONS.get(told.text("permission"), "none"))
        except NotFoundOnHost:
            return "none"

    def list_repositories(self, page: str = "", per_page: int = 100) -> s.Page[s.HostRepository]:
        """The repositories that the token's user has a part in."""
        return self.page("/user/repos", convert.repository, page, per_page)

    def list_organization_repositories(
        self, organization: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HostRepository]:
        """The repositories of an organization."""
        path = f"/orgs/{segment(organization)}/repos"
        return self.page(path, convert.repository, page, per_page)

    def get_repository(self, repository: str) -> s.HostRepository:
        """A repository by its full name."""
        return self.one(repo(repository), convert.repository)

    def get_repository_by_id(self, repository_id: str) -> s.HostRepository:
        """A repository by its id, whatever its name is now."""
        return self.one(f"/repositories/{segment(repository_id)}", convert.repository)

    def create_repository(self, new: s.NewRepository) -> s.HostRepository:
        """Make a repository."""
        path = f"/orgs/{segment(new.organization)}/repos" if new.organization else "/user/repos"
        body = {
            "name": new.name,
            "description": new.description,
            "private": new.is_private,
            "default_branch": new.default_branch,
            "auto_init": new.is_initialized,
        }
        return self.made("POST", path, body, convert.repository)

    def update_repository(self, repository: str, changes: Mapping[str, object]) -> s.HostRepository:
        """Change a repository; `changes` by the names of the shape's fields."""
        unknown = sorted(set(changes) - set(_CHANGEABLE))
        if unknown:
            raise RefusedByHost(self.access.name, f"cannot change {', '.join(unknown)}.")
        body = {_CHANGEABLE[name]: value for name, value in changes.items()}
        return self.made("PATCH", repo(repository), body, convert.repository)

    def delete_repository(self, repository: str) -> None:
        """Delete a repository."""
        self.call("DELETE", repo(repository))

    def languages(self, repository: str) -> Mapping[str, int]:
        """Bytes by language."""

        def read(told: Members) -> dict[str, int]:
            return {name: told.number(name) for name in told.names()}

        return self.one(repo(repository, "languages"), read)

    def list_branches(
        self, repository: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.Branch]:
        """The branches of a repository."""
        return self.page(repo(repository, "branches"), convert.branch, page, per_page)

    def get_branch(self, repository: str, name: str) -> s.Branch:
        """One branch."""
        return self.one(repo(repository, "branches", segment(name)), convert.branch)

    def create_branch(self, repository: str, name: str, sha: str) -> s.Branch:
        """Make a branch at a commit."""
        body = {"new_branch_name": name, "old_ref_name": sha}
        return self.made("POST", repo(repository, "branches"), body, convert.branch)

    def delete_branch(self, repository: str, name: str) -> None:
        """Delete a branch."""
        self.call("DELETE", repo(repository, "branches", segment(name)))

    def list_tags(self, repository: str, page: str = "", per_page: int = 100) -> s.Page[s.Tag]:
        """The tags of a repository."""
        return self.page(repo(repository, "tags"), convert.tag, page, per_page)

    def get_tag(self, repository: str, name: str) -> s.Tag:
        """One tag."""
        return self.one(repo(repository, "tags", segment(name)), convert.tag)


def resolve(api: Repositories, repository: str, ref: str) -> str:
    """What contents are asked by: a branch with a slash in its name by its commit."""
    if "/" not in ref:
        return ref
    name = ref.removeprefix("refs/heads/")
    if name.startswith("refs/"):
        return ref
    return api.get_branch(repository, name).sha
