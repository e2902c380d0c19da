"""Bitbucket's objects as our shapes. Source: Bitbucket Cloud REST documentation, version 2.0."""

from email.utils import parseaddr

from gitintegration.clients import shapes as s
from gitintegration.clients.bitbucket import words
from gitintegration.clients.members import Members


def name_of(user: Members) -> str:
    """A user's name for people; it is no key, two users may have the same."""
    return user.text("nickname") or user.text("username") or user.text("display_name")


def id_of(user: Members) -> str:
    """What a user is known by."""
    return user.text("uuid") or user.text("account_id")


def link(told: Members, name: str = "html") -> str:
    """An address that the object tells."""
    return told.inner("links", name).text("href")


def user(told: Members) -> s.HostUser:
    """The user of a token."""
    return s.HostUser(
        id=id_of(told),
        username=name_of(told),
        name=told.text("display_name"),
        avatar_url=link(told, "avatar"),
    )


def repository(told: Members) -> s.HostRepository:
    """A repository."""
    full_name = told.needed("full_name")
    owner, _, slug = full_name.partition("/")
    clones = {
        entry.text("name"): entry.text("href") for entry in told.inner("links").entries("clone")
    }
    return s.HostRepository(
        id=told.needed("uuid"),
        full_name=full_name,
        name=slug,
        owner=owner,
        description=told.text("description"),
        default_branch=told.inner("mainbranch").text("name") or "main",
        clone_url=_without_user(clones.get("https", "")),
        ssh_url=clones.get("ssh", ""),
        web_url=link(told),
        is_private=told.flag("is_private"),
        is_fork="parent" in told,
        language=told.text("language"),
        has_issues=told.flag("has_issues"),
        has_wiki=told.flag("has_wiki"),
        created_at=told.moment("created_on"),
        updated_at=told.moment("updated_on"),
    )


def _without_user(url: str) -> str:
    """Bitbucket writes the asking user into the address."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def branch(told: Members) -> s.Branch:
    """A branch; whether it is protected stands elsewhere."""
    target = told.inner("target")
    return s.Branch(told.needed("name"), target.text("hash"), target.text("message"))


def tag(told: Members) -> s.Tag:
    """A tag."""
    return s.Tag(
        name=told.needed("name"),
        sha=told.inner("target").text("hash"),
        message=told.text("message"),
        tagger=parseaddr(told.inner("tagger").text("raw"))[0],
    )


def commit(told: Members) -> s.HostCommit:
    """A commit without its files."""
    author = _person(told, "author")
    return s.HostCommit(
        sha=told.needed("hash"),
        message=told.text("message"),
        author=author,
        committer=_person(told, "committer") if "committer" in told else author,
        parent_shas=tuple(parent.needed("hash") for parent in told.entries("parents")),
        web_url=link(told),
    )


def _person(told: Members, name: str) -> s.Person:
    person = told.inner(name)
    known, email = parseaddr(person.text("raw"))
    account = person.inner("user")
    return s.Person(
        name=known,
        email=email,
        username=name_of(account),
        avatar_url=link(account, "avatar"),
        date=told.moment("date"),
    )


_FILE_STATUSES: dict[str, s.FileChangeStatus] = {
    "added": "added",
    "removed": "removed",
    "renamed": "renamed",
}


def changed_file(told: Members) -> s.FileChange:
    """A file of a diffstat, without its patch."""
    old, new = told.inner("old").text("path"), told.inner("new").text("path")
    status = _FILE_STATUSES.get(told.text("status"), "modified")
    return s.FileChange(
        filename=new or old,
        status=status,
        additions=told.number("lines_added"),
        deletions=told.number("lines_removed"),
        previous_filename=old if status == "renamed" else "",
    )


def tree_entry(told: Members) -> s.TreeEntry:
    """A file or folder of a commit."""
    path = told.needed("path").strip("/")
    attributes = told.texts("attributes")
    if "subrepository" in attributes:
        return s.TreeEntry(path, path.rpartition("/")[2], "commit", "160000")
    if told.text("type") == "commit_directory":
        return s.TreeEntry(path, path.rpartition("/")[2], "tree", "040000")
    mode = "120000" if "link" in attributes else "100755" if "executable" in attributes else ""
    size = told.number("size")
    return s.TreeEntry(path, path.rpartition("/")[2], "blob", mode or "100644", size=size)


def pull_request(told: Members) -> s.PullRequest:
    """A pull request; its commits are named by twelve digits."""
    source, destination = told.inner("source"), told.inner("destination")
    state = told.text("state")
    return s.PullRequest(
        id=told.needed("id"),
        number=told.number("id"),
        title=told.text("title"),
        body=told.text("description") or told.inner("summary").text("raw"),
        state="open" if state == "OPEN" else "closed",
        is_merged=state == "MERGED",
        is_draft=told.flag("draft"),
        author=name_of(told.inner("author")),
        author_id=id_of(told.inner("author")),
        head_ref=source.inner("branch").text("name"),
        head_sha=source.inner("commit").text("hash"),
        head_repository=source.inner("repository").text("full_name"),
        base_ref=destination.inner("branch").text("name"),
        base_sha=destination.inner("commit").text("hash"),
        web_url=link(told),
        created_at=told.moment("created_on"),
        updated_at=told.moment("updated_on"),
        # Bitbucket tells no time of its own; a merged pull request changes no more.
        merged_at=told.moment("updated_on") if state == "MERGED" else None,
    )


def issue(told: Members) -> s.Issue:
    """An issue."""
    labels = (told.text("kind"), told.inner("component").text("name"))
    return s.Issue(
        id=told.needed("id"),
        number=told.number("id"),
        title=told.text("title"),
        body=told.inner("content").text("raw"),
        state=words.issue_state(told.text("state")),
        author=name_of(told.inner("reporter")),
        web_url=link(told),
        labels=tuple(label for label in labels if label),
        created_at=told.moment("created_on"),
        updated_at=told.moment("updated_on"),
    )


def comment(told: Members) -> s.Comment:
    """A comment."""
    return s.Comment(
        id=told.needed("id"),
        body=told.inner("content").text("raw"),
        author=name_of(told.inner("user")),
        author_id=id_of(told.inner("user")),
        web_url=link(told),
        created_at=told.moment("created_on"),
        updated_at=told.moment("updated_on"),
    )
