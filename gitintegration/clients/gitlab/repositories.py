"""Projects, branches and tags."""

from collections.abc import Mapping

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, NotSupported
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection

_SWITCHES = {
    "has_issues": "issues_access_level",
    "has_pull_requests": "merge_requests_access_level",
    "has_wiki": "wiki_access_level",
}


class Repositories(Connection):
    """Repositories with their branches and tags."""

    def list_repositories(self, page: str = "", per_page: int = 100) -> s.Page[s.HostRepository]:
        """The projects that the user is a member of, newest first.

        By keyset: counted pages end at 50,000, and skip what changes its place meanwhile.
        """
        return self.page(
            "/projects", convert.repository, page, per_page,
            membership="true", order_by="id", sort="desc", pagination="keyset",
        )  # fmt: skip

    def list_organization_repositories(
        self, organization: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HostRepository]:
        """A group's projects, those of its subgroups with them."""
        return self.page(
            self.path("groups", organization, "projects"), convert.repository, page, per_page,
            include_subgroups="true", with_shared="false", order_by="id", sort="desc",
        )  # fmt: skip

    def get_repository(self, repository: str) -> s.HostRepository:
        """A project by its full path."""
        return self.read(self.project(repository), convert.repository)

    def get_repository_by_id(self, repository_id: str) -> s.HostRepository:
        """A project by its number, whatever it is called now."""
        if not repository_id.isdigit():
            # GitLab would read it as a path.
            raise NotFoundOnHost(
                self.access.name, f"a project's id is a number, not {repository_id!r}"
            )
        return self.read(self.project(repository_id), convert.repository)

    def create_repository(self, new: s.NewRepository) -> s.HostRepository:
        """A project in a group or in the user's own namespace."""
        body: dict[str, object] = {
            "name": new.name,
            "path": new.name,
            "description": new.description,
            "visibility": "private" if new.is_private else "public",
            "initialize_with_readme": new.is_initialized,
        }
        if new.is_initialized:
            body["default_branch"] = new.default_branch
        if new.organization:
            path = self.path("namespaces", new.organization)
            body["namespace_id"] = self.read(path, lambda told: int(told.needed("id")))
        return self.send("post", "/projects", body, convert.repository)

    def update_repository(self, repository: str, changes: Mapping[str, object]) -> s.HostRepository:
        """Change members of a project, named as in `HostRepository`.

        Raises:
            NotSupported: a member that cannot be changed.
        """
        body: dict[str, object] = {}
        for name, value in changes.items():
            body |= _change(self, name, value)
        archived = changes.get("is_archived")
        found: s.HostRepository | None = None
        if archived is not None:
            word = "archive" if archived else "unarchive"
            found = self.send("post", self.project(repository, word), None, convert.repository)
        if body:
            found = self.send("put", self.project(repository), body, convert.repository)
        return found or self.get_repository(repository)

    def delete_repository(self, repository: str) -> None:
        """Delete a project; where the server delays deletion it is only marked at first."""
        self.call("delete", self.project(repository))

    def languages(self, repository: str) -> Mapping[str, int]:
        """Percents, rounded, but never to nothing."""
        return self.read(
            self.project(repository, "languages"),
            lambda told: {
                name: max(1, round(told.raw(name)))
                for name in told.names()
                if isinstance(told.raw(name), int | float)
            },
        )

    def list_branches(
        self, repository: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.Branch]:
        """The branches."""
        path = self.project(repository, "repository", "branches")
        return self.page(path, convert.branch, page, per_page)

    def get_branch(self, repository: str, name: str) -> s.Branch:
        """One branch."""
        return self.read(self.project(repository, "repository", "branches", name), convert.branch)

    def create_branch(self, repository: str, name: str, sha: str) -> s.Branch:
        """A new branch at a commit."""
        path = self.project(repository, "repository", "branches")
        return self.send("post", path, {"branch": name, "ref": sha}, convert.branch)

    def delete_branch(self, repository: str, name: str) -> None:
        """Delete a branch."""
        self.call("delete", self.project(repository, "repository", "branches", name))

    def list_tags(self, repository: str, page: str = "", per_page: int = 100) -> s.Page[s.Tag]:
        """The tags, newest first."""
        path = self.project(repository, "repository", "tags")
        return self.page(path, convert.tag, page, per_page)

    def get_tag(self, repository: str, name: str) -> s.Tag:
        """One tag."""
        return self.read(self.project(repository, "repository", "tags", name), convert.tag)


def _change(host: Connection, name: str, value: object) -> dict[str, object]:
    if name in {"description", "default_branch"}:
        return {name: value}
    if name == "name":
        return {"name": value, "path": value}
    if name == "is_private":
        return {"visibility": "private" if value else "public"}
    if name == "topics" and isinstance(value, list | tuple):
        return {"topics": list(value)}
    if name in _SWITCHES:
        return {_SWITCHES[name]: "enabled" if value else "disabled"}
    if name == "is_archived":
        return {}
    raise NotSupported(
        host.access.name,
        f"a project's {name} cannot be changed here; description, default_branch, name, "
        "is_private, is_archived, topics and has_… can.",
    )
