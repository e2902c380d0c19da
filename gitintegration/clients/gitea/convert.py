"""Gitea's objects as our shapes. Source: the types of Gitea's API package."""

import base64
import binascii

from gitintegration.clients import shapes as s
from gitintegration.clients.gitea import words
from gitintegration.clients.members import Members, UnreadableMemberError


def login(user: Members) -> str:
    """A user's name for people."""
    return user.text("login") or user.text("username")


def user(told: Members) -> s.HostUser:
    """The user of a token."""
    return s.HostUser(
        id=told.needed("id"),
        username=login(told),
        name=told.text("full_name"),
        email=told.text("email"),
        avatar_url=told.text("avatar_url"),
    )


def repository(told: Members) -> s.HostRepository:
    """A repository."""
    full_name = told.needed("full_name")
    owner, _, name = full_name.rpartition("/")
    return s.HostRepository(
        id=told.needed("id"),
        full_name=full_name,
        name=name,
        owner=owner,
        description=told.text("description"),
        default_branch=told.text("default_branch") or "main",
        clone_url=told.text("clone_url"),
        ssh_url=told.text("ssh_url"),
        web_url=told.text("html_url"),
        is_private=told.flag("private"),
        is_fork=told.flag("fork"),
        is_archived=told.flag("archived"),
        stars_count=told.number("stars_count"),
        forks_count=told.number("forks_count"),
        open_issues_count=told.number("open_issues_count"),
        language=told.text("language"),
        topics=told.texts("topics"),
        has_issues=told.flag("has_issues", default=True),
        has_pull_requests=told.flag("has_pull_requests", default=True),
        has_wiki=told.flag("has_wiki"),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
    )


def branch(told: Members) -> s.Branch:
    """A branch."""
    commit = told.inner("commit")
    return s.Branch(
        name=told.needed("name"),
        sha=commit.text("id"),
        message=commit.text("message"),
        is_protected=told.flag("protected"),
    )


def tag(told: Members) -> s.Tag:
    """A tag."""
    return s.Tag(
        name=told.needed("name"),
        sha=told.inner("commit").text("sha"),
        message=told.text("message").strip(),
        tagger=told.inner("tagger").text("name"),
    )


def _person(identity: Members, account: Members) -> s.Person:
    return s.Person(
        name=identity.text("name"),
        email=identity.text("email"),
        username=login(account),
        avatar_url=account.text("avatar_url"),
        date=identity.moment("date"),
    )


def commit(told: Members) -> s.HostCommit:
    """A commit without its files."""
    inner = told.inner("commit")
    verification = inner.inner("verification")
    return s.HostCommit(
        sha=told.needed("sha"),
        message=inner.text("message"),
        author=_person(inner.inner("author"), told.inner("author")),
        committer=_person(inner.inner("committer"), told.inner("committer")),
        parent_shas=tuple(parent.needed("sha") for parent in told.entries("parents")),
        tree_sha=inner.inner("tree").text("sha"),
        web_url=told.text("html_url"),
        verification=s.Verification(verification.flag("verified"), verification.text("reason")),
    )


_FILE_STATUSES: dict[str, s.FileChangeStatus] = {
    "added": "added",
    "modified": "modified",
    "changed": "modified",
    "removed": "removed",
    "deleted": "removed",
    "renamed": "renamed",
    "copied": "copied",
}


def affected(told: Members) -> s.FileChange:
    """A file that a commit touched; Gitea tells no lines here."""
    return s.FileChange(
        filename=told.needed("filename"),
        status=_FILE_STATUSES.get(told.text("status"), "modified"),
    )


_ENTRY_TYPES = {"file": "blob", "symlink": "blob", "dir": "tree", "submodule": "commit"}


def folder_entry(told: Members) -> s.TreeEntry:
    """One entry of a folder's contents."""
    kind = _ENTRY_TYPES.get(told.text("type"), "blob")
    path = told.needed("path")
    return s.TreeEntry(
        path=path,
        name=told.text("name") or path.rpartition("/")[2],
        type=kind,  # type: ignore[arg-type]
        sha=told.text("sha"),
        size=told.number("size") if kind == "blob" else None,
    )


def tree_entry(told: Members) -> s.TreeEntry:
    """One entry of a tree."""
    path, kind = told.needed("path"), told.text("type")
    return s.TreeEntry(
        path=path,
        name=path.rpartition("/")[2],
        type=kind if kind in {"blob", "tree", "commit"} else "blob",  # type: ignore[arg-type]
        mode=told.text("mode"),
        sha=told.text("sha"),
        size=told.number("size") if kind == "blob" else None,
    )


def file(told: Members) -> s.FileContent:
    """A file with its content."""
    return s.FileContent(
        path=told.needed("path"),
        name=told.text("name"),
        sha=told.text("sha"),
        size=told.number("size"),
        content=_decoded(told),
        web_url=told.text("html_url"),
    )


def _decoded(told: Members) -> str | None:
    if "content" not in told:
        return None
    try:
        return base64.b64decode(told.text("content"), validate=False).decode()
    except binascii.Error as error:
        raise UnreadableMemberError("The content is no base64.") from error
    except UnicodeDecodeError:
        return None


def pull_request(told: Members) -> s.PullRequest:
    """A pull request."""
    head, base = told.inner("head"), told.inner("base")
    title = told.text("title")
    return s.PullRequest(
        id=told.needed("id"),
        number=told.number("number"),
        title=title,
        body=told.text("body"),
        state="open" if told.text("state") == "open" else "closed",
        is_merged=told.flag("merged"),
        is_draft=told.flag("draft", default=words.is_draft_title(title)),
        author=login(told.inner("user")),
        author_id=told.inner("user").ident("id"),
        head_ref=head.text("ref"),
        head_sha=head.text("sha"),
        head_repository=head.inner("repo").text("full_name"),
        base_ref=base.text("ref"),
        base_sha=base.text("sha"),
        web_url=told.text("html_url"),
        is_mergeable=told.flag("mergeable") if "mergeable" in told else None,
        labels=tuple(label.text("name") for label in told.entries("labels")),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
        merged_at=told.moment("merged_at"),
    )


def issue(told: Members) -> s.Issue:
    """An issue."""
    return s.Issue(
        id=told.needed("id"),
        number=told.number("number"),
        title=told.text("title"),
        body=told.text("body"),
        state="open" if told.text("state") == "open" else "closed",
        author=login(told.inner("user")),
        web_url=told.text("html_url"),
        labels=tuple(label.text("name") for label in told.entries("labels")),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
    )


def comment(told: Members) -> s.Comment:
    """A comment."""
    return s.Comment(
        id=told.needed("id"),
        body=told.text("body"),
        author=login(told.inner("user")),
        author_id=told.inner("user").ident("id"),
        web_url=told.text("html_url"),
        created_at=told.moment("created_at"),
        updated_at=told.moment("updated_at"),
    )
