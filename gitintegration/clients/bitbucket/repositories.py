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

languages = absent("it counts no languages; the repository names the main one that somebody chose.")


def current_user(api: Connection) -> s.HostUser:
    """Whose token it is."""
    response = api.call("GET", "/user")
    told = response.headers.get("x-oauth-scopes")
    scopes = None if told is None else tuple(sorted(told.replace(",", " ").split()))
    return dataclasses.replace(api.read(response, convert.user), scopes=scopes)


def rate_limit(_api: Connection) -> s.RateLimit:
    """Nothing: Bitbucket tells of its limit only when it is used up."""
    return s.RateLimit(None, None, None)


def permission_of(api: Connection, repository: str, username: str) -> s.Permission:
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
            api.access.name, f"knows users by UUID or account id, and {username!r} is neither."
        )
    workspace, _, slug = repository.partition("/")
    path = f"/workspaces/{segment(workspace)}/permissions/repositories/{segment(slug)}"
    found = api.all(path, lambda told: words.permission(told.text("permission")), q=asked)
    return found[0] if found else "none"


def list_repositories(
    api: Connection, page: str = "", per_page: int = 100
) -> s.Page[s.HostRepository]:
    """The repositories of all workspaces of the token's user, workspace after workspace.

    Bitbucket has no list across workspaces. `page` is a workspace, a blank and its page.
    """
    slugs = sorted(api.all("/user/workspaces", _workspace))
    if not slugs:
        return s.Page(())
    workspace, _, inner = page.partition(" ")
    workspace = workspace or slugs[0]
    found = list_organization_repositories(api, workspace, inner, per_page)
    if found.next_page:
        return s.Page(found.items, f"{workspace} {found.next_page}")
    return s.Page(found.items, next((slug for slug in slugs if slug > workspace), ""))


def _workspace(told: Members) -> str:
    return (told.inner("workspace") or told).needed("slug")


def list_organization_repositories(
    api: Connection, organization: str, page: str = "", per_page: int = 100
) -> s.Page[s.HostRepository]:
    """The repositories of a workspace."""
    path = f"/repositories/{segment(organization)}"
    return api.page(path, convert.repository, page, per_page, sort="-updated_on")


def get_repository(api: Connection, repository: str) -> s.HostRepository:
    """A repository by its full name."""
    return api.one(repo(repository), convert.repository)


def get_repository_by_id(api: Connection, repository_id: str) -> s.HostRepository:
    """A repository by its UUID, whatever its workspace and name are now."""
    return api.one(repo(f"{{}}/{repository_id}"), convert.repository)


def create_repository(api: Connection, new: s.NewRepository) -> s.HostRepository:
    """Make a repository in a workspace."""
    if not new.organization:
        raise RefusedByHost(
            api.access.name, "every repository is in a workspace; name it as the organization."
        )
    slug = re.sub(r"[^a-z0-9_.-]+", "-", new.name.lower())
    body = {
        "scm": "git",
        "name": new.name,
        "description": new.description,
        "is_private": new.is_private,
    }
    made = api.made("POST", repo(f"{new.organization}/{slug}"), body, convert.repository)
    if new.is_initialized:
        # The first commit makes the branch, which becomes the default one.
        form = {"branch": new.default_branch, "message": "Initial commit"}
        content = {"/README.md": ("README.md", f"# {new.name}\n".encode())}
        api.call("POST", repo(made.full_name, "src"), form=form, files=content)
        return get_repository(api, made.full_name)
    return made


def update_repository(
    api: Connection, repository: str, changes: Mapping[str, object]
) -> s.HostRepository:
    """Change a repository; `changes` by the names of the shape's fields."""
    body: dict[str, object] = {}
    for name, value in changes.items():
        if name == "default_branch":
            body["mainbranch"] = {"type": "branch", "name": value}
        elif name in _CHANGEABLE:
            body[_CHANGEABLE[name]] = value
        else:
            raise RefusedByHost(api.access.name, f"cannot change {name}.")
    return api.made("PUT", repo(repository), body, convert.repository)


def delete_repository(api: Connection, repository: str) -> None:
    """Delete a repository."""
    api.call("DELETE", repo(repository))


def list_branches(
    api: Connection, repository: str, page: str = "", per_page: int = 100
) -> s.Page[s.Branch]:
    """The branches of a repository; whether they are protected is told one by one."""
    return api.page(repo(repository, "refs/branches"), convert.branch, page, per_page)


def get_branch(api: Connection, repository: str, name: str) -> s.Branch:
    """One branch; unprotected as far as the token may not read the restrictions."""
    found = api.one(repo(repository, "refs/branches", segment(name)), convert.branch)
    try:
        patterns = api.all(
            repo(repository, "branch-restrictions"), lambda told: told.text("pattern")
        )
    except (Forbidden, NotFoundOnHost):
        return found
    is_protected = any(fnmatchcase(name, pattern) for pattern in patterns if pattern)
    return dataclasses.replace(found, is_protected=is_protected)


def create_branch(api: Connection, repository: str, name: str, sha: str) -> s.Branch:
    """Make a branch at a commit."""
    body = {"name": name, "target": {"hash": sha}}
    return api.made("POST", repo(repository, "refs/branches"), body, convert.branch)


def delete_branch(api: Connection, repository: str, name: str) -> None:
    """Delete a branch."""
    api.call("DELETE", repo(repository, "refs/branches", segment(name)))


def list_tags(
    api: Connection, repository: str, page: str = "", per_page: int = 100
) -> s.Page[s.Tag]:
    """The tags of a repository."""
    return api.page(repo(repository, "refs/tags"), convert.tag, page, per_page)


def resolve(api: Connection, repository: str, ref: str = "") -> str:
    """The full SHA of a branch, tag or short SHA; of the default branch when none is given."""
    if re.fullmatch(r"[0-9a-f]{40}", ref):
        return ref
    name = ref.removeprefix("refs/heads/") or get_repository(api, repository).default_branch
    if "/" in name:
        # A slash ends the commit's name in an address.
        path = repo(repository, "refs/branches", segment(name))
        return api.one(path, lambda told: told.inner("target").needed("hash"))
    return api.one(repo(repository, "commit", segment(name)), lambda told: told.needed("hash"))
