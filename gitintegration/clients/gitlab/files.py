"""Files and folders of a commit, and commits made over the API."""

import base64
import binascii

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.members import Members, UnreadableMemberError

# Entries of one tree that are read; a larger tree says that it is cut.
MAX_ENTRIES = 20_000


class Files(Connection):
    """Reading and writing of single files."""

    def get_contents(
        self, repository: str, path: str, ref: str = ""
    ) -> s.FileContent | s.FolderContent:
        """A file, or a folder where there is no file."""
        name = path.strip("/")
        if name:
            try:
                return _file(self, repository, name, ref or "HEAD")
            except NotFoundOnHost:
                found = _entries(self, repository, ref or "HEAD", path=name)
                if not found:
                    # Older servers answer a folder that is not there with an empty one.
                    raise
                return s.FolderContent(name, found)
        return s.FolderContent("", _entries(self, repository, ref or "HEAD"))

    def get_tree(self, repository: str, ref: str, *, recursive: bool = False) -> s.Tree:
        """The files of a commit; a branch is resolved first: all pages are of one commit."""
        path = self.project(repository, "repository", "commits", ref)
        sha = self.read(path, lambda told: told.needed("id"))
        found = _entries(self, repository, sha, recursive="true" if recursive else None)
        return s.Tree(sha, found, is_truncated=len(found) >= MAX_ENTRIES)

    def write_file(
        self, repository: str, path: str, content: bytes, *, branch: str, message: str
    ) -> str:
        """Create or replace a file; returns the commit's SHA."""
        target = self.project(repository, "repository", "files", path.strip("/"))
        try:
            self.call("head", target, ref=branch)
            action = "update"
        except NotFoundOnHost:
            action = "create"
        return _commit(
            self, repository, branch, message,
            {
                "action": action,
                "file_path": path.strip("/"),
                "encoding": "base64",
                "content": base64.b64encode(content).decode(),
            },
        )  # fmt: skip

    def delete_file(self, repository: str, path: str, *, branch: str, message: str) -> str:
        """Delete a file; returns the commit's SHA."""
        action = {"action": "delete", "file_path": path.strip("/")}
        return _commit(self, repository, branch, message, action)


def _file(host: Connection, repository: str, path: str, ref: str) -> s.FileContent:
    def read(told: Members) -> s.FileContent:
        content = _decoded(told)
        try:
            text: str | None = content.decode()
        except UnicodeDecodeError:
            text = None
        return s.FileContent(
            path=path,
            name=told.needed("file_name"),
            sha=told.text("blob_id"),
            size=told.number("size"),
            content=text,
            web_url=host.web(repository, "blob", ref, path),
        )

    return host.read(host.project(repository, "repository", "files", path), read, ref=ref)


def _decoded(told: Members) -> bytes:
    text = told.text("content")
    if told.text("encoding") != "base64":
        return text.encode()
    try:
        return base64.b64decode(text, validate=False)
    except binascii.Error as error:
        raise UnreadableMemberError("content is no base64.") from error


def _entries(
    host: Connection, repository: str, ref: str, **query: str | None
) -> tuple[s.TreeEntry, ...]:
    path = host.project(repository, "repository", "tree")
    return host.all(path, convert.tree_entry, MAX_ENTRIES, ref=ref, pagination="keyset", **query)


def _commit(
    host: Connection, repository: str, branch: str, message: str, action: dict[str, str]
) -> str:
    body = {"branch": branch, "commit_message": message, "actions": [action]}
    path = host.project(repository, "repository", "commits")
    return host.send("post", path, body, lambda told: told.needed("id"))
