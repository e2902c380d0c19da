"""Users, workspaces, repositories, branches and tags of Bitbucket."""

import dataclasses
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from gitintegration.clients import shapes as s
from gitintegration.clients.absent import absent
from gitintegration.clients.bitbucket import convert, words
from gitintegration.clients.bitbucket.connection import Connection, quoted, repo, segment
from gitintegration.clients.errors import Forbidden, NotFoundOnHost, RefusedByHost
from gitintegration.clients.members import Members

_UUID = re.compile(r"\{[0-9a-fA-F-]{36}\}")
_ACCOUNT_ID = re.compile(r"[0-9a-fA-F]{24}|\d{1,10}:[0-9a-zA-Z-]{1,64}")
# What may be changed, by the name of our shape's field.
_CHANGEABLE = {
    "name": "name",
    "description": "description",
    "is_private": "is_private",
    "has_issues": "has_issues",
    "has_wiki": "has_wiki",
}


class Repositories(Connection):
    """Repositories with their branches and tags."""

    languages = absent(
        "it counts no languages; the repository names the main one that somebody chose."
    )

    def current_user(self) -> s.HostUser:
        """Whose token it is."""
        response = self.call("GET", "/user")
        told = response.headers.get("x-oauth-scopes")
        scopes = None if told is None else tuple(sorted(told.replace(",", " ").split()))
        return dataclasses.replace(self.read(response, convert.user), scopes=scopes)

    def rate_limit(self) -> s.RateLimit:
        """Nothing: Bitbucket tells of its limit only when it is used up."""
        return s.RateLimit(None, None, None)

    def permission_of(self, repository: str, username: str) -> s.Permission:
        """What a user may do in a repository; `username` is a UUID in braces or an account id.

        Raises:
            RefusedByHost: it is neither. Nicknames are no keys here: anybody may take any of them.
        """
        if _UUID.fullmatch(username):
            asked = f"user.uuid={quoted(username)}"
        elif _ACCOUNT_ID.fullmatch(username):
            asked = f"user.account_id={quoted(username)}"
        else:
            raise RefusedByHost(
                self.access.name, f"knows users by UUID or account id, and {username!r} is neither."
            )
        workspace, _, slug = repository.partition("/")
        path = f"/workspaces/{segment(workspace)}/permissions/repositories/{segment(slug)}"
        found = self.all(path, lambda told: words.permission(told.text("permission")), q=asked)
        return found[0] if found else "none"

    def list_repositories(self, page: str = "", per_page: int = 100) -> s.Page[s.HostRepository]:
        """The repositories of all workspaces of the token's user, workspace after workspace.

        Bitbucket has no list across workspaces. `page` is a workspace, a blank and its page.
        """
        slugs = sorted(self.all("/user/workspaces", _workspace))
        if not slugs:
            return s.Page(())
        workspace, _, inner = page.partition(" ")
        workspace = workspace or slugs[0]
        found = self.list_organization_repositories(workspace, inner, per_page)
        if found.next_page:
            return s.Page(found.items, f"{workspace} {found.next_page}")
        return s.Page(found.items, next((slug for slug in slugs if slug > workspace), ""))

    def list_organization_repositories(
        self, organization: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HostRepository]:
        """The repositories of a workspace."""
        path = f"/repositories/{segment(organization)}"
        return self.page(path, convert.repository, page, per_page, sort="-updated_on")

    def get_repository(self, repository: str) -> s.HostRepository:
        """A repository by its full name."""
        return self.one(repo(repository), convert.repository)

    def get_repository_by_id(self, repository_id: str) -> s.HostRepository:
        """A repository by its UUID, whatever its workspace and name are now."""
        return self.one(repo(f"{{}}/{repository_id}"), convert.repository)

    def create_repository(self, new: s.NewRepository) -> s.HostRepository:
        """Make a repository in a workspace."""
        if not new.organization:
            raise RefusedByHost(
                self.access.name, "every repository is in a workspace; name it as the organization."
            )
        slug = re.sub(r"[^a-z0-9_.-]+", "-", new.name.lower())
        body = {
            "scm": "git",
            "name": new.name,
            "description": new.description,
            "is_private": new.is_private,
        }
        made = self.made("POST", repo(f"{new.organization}/{slug}"), body, convert.repository)
        if new.is_initialized:
            # The first commit makes the branch, which becomes the default one.
            form = {"branch": new.default_branch, "message": "Initial commit"}
            content = {"/README.md": ("README.md", f"# {new.name}\n".encode())}
            self.call("POST", repo(made.full_name, "src"), form=form, files=content)
            return self.get_repository(made.full_name)
        return made

    def update_repository(self, repository: str, changes: Mapping[str, object]) -> s.HostRepository:
        """Change a repository; `changes` by the names of the shape's fields."""
        body: dict[str, object] = {}
        for name, value in changes.items():
            if name == "default_branch":
                body["mainbranch"] = {"type": "branch", "name": value}
            elif name in _CHANGEABLE:
                body[_CHANGEABLE[name]] = value
            else:
                raise RefusedByHost(self.access.name, f"cannot change {name}.")
        return self.made("PUT", repo(repository), body, convert.repository)

    def delete_repository(self, repository: str) -> None:
        """Delete a repository."""
        self.call("DELETE", repo(repository))

    def list_branches(
        self, repository: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.Branch]:
        """The branches of a repository; whether they are protected is told one by one."""
        return self.page(repo(repository, "refs/branches"), convert.branch, page, per_page)

    def get_branch(self, repository: str, name: str) -> s.Branch:
        """One branch; unprotected as far as the token may not read the restrictions."""
        found = self.one(repo(repository, "refs/branches", segment(name)), convert.branch)
        try:
            patterns = self.all(
                repo(repository, "branch-restrictions"), lambda told: told.text("pattern")
            )
        except (Forbidden, NotFoundOnHost):
            return found
        is_protected = any(fnmatchcase(name, pattern) for pattern in patterns if pattern)
        return dataclasses.replace(found, is_protected=is_protected)

    def create_branch(self, repository: str, name: str, sha: str) -> s.Branch:
        """Make a branch at a commit."""
        body = {"name": name, "target": {"hash": sha}}
        return self.made("POST", repo(repository, "refs/branches"), body, convert.branch)

    def delete_branch(self, repository: str, name: str) -> None:
        """Delete a branch."""
        self.call("DELETE", repo(repository, "refs/branches", segment(name)))

    def list_tags(self, repository: str, page: str = "", per_page: int = 100) -> s.Page[s.Tag]:
        """The tags of a repository."""
        return self.page(repo(repository, "refs/tags"), convert.tag, page, per_page)

    def get_tag(self, repository: str, name: str) -> s.Tag:
        """One tag."""
        return self.one(repo(repository, "refs/tags", segment(name)), convert.tag)


def _workspace(told: Members) -> str:
    return (told.inner("workspace") or told).needed("slug")


def resolve(api: Repositories, repository: str, ref: str = "") -> str:
    """The full SHA of a branch, tag or short SHA; of the default branch when none is given."""
    if re.fullmatch(r"[0-9a-f]{40}", ref):
        return ref
    name = ref.removeprefix("refs/heads/") or api.get_repository(repository).default_branch
    if "/" in name:
        # A slash ends the commit's name in an address.
        path = repo(repository, "refs/branches", segment(name))
        return api.one(path, lambda told: told.inner("target").needed("hash"))
    return api.one(repo(repository, "commit", segment(name)), lambda told: told.needed("hash"))
