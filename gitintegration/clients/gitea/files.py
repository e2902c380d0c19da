"""Files and folders of a Gitea."""

import base64

from devops.safety.json_values import load_json
from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost
from gitintegration.clients.exchange import MAX_BODY_BYTES
from gitintegration.clients.gitea import convert
from gitintegration.clients.gitea.connection import repo, segment
from gitintegration.clients.gitea.repositories import Repositories, resolve
from gitintegration.clients.members import Members, readable

# Pages of a tree, each of as many entries as the server gives (1,000 unless told otherwise).
_TREE_PAGES = 50


class Files(Repositories):
    """Reading and writing of single files."""

    def get_contents(
        self, repository: str, path: str, ref: str = ""
    ) -> s.FileContent | s.FolderContent:
        """A file, or the entries of a folder."""
        params = {"ref": resolve(self, repository, ref)}
        reply = self.call("GET", _contents(repository, path), params=params)
        with readable(self.access.name):
            answer = load_json(reply.body, max_bytes=MAX_BODY_BYTES)
            if isinstance(answer, list):
                entries = Members({"entries": answer}).entries("entries")
                found = tuple(convert.folder_entry(entry) for entry in entries)
                return s.FolderContent(path.strip("/"), found)
            return convert.file(Members(answer))

    def get_tree(self, repository: str, ref: str, *, recursive: bool = False) -> s.Tree:
        """The entries of a commit's root folder, or of all its folders."""
        sha = resolve(self, repository, ref)
        entries: list[s.TreeEntry] = []
        for page in range(1, _TREE_PAGES + 1):
            params = {"recursive": recursive or None, "page": page, "per_page": 1000}
            reply = self.call("GET", repo(repository, "git/trees", segment(sha)), params=params)
            found, tree_sha, is_truncated, total = self.read(reply, _tree_page)
            entries += found
            if not is_truncated or not found or len(entries) >= total > 0:
                return s.Tree(tree_sha, tuple(entries), is_truncated=is_truncated and not found)
        return s.Tree(tree_sha, tuple(entries), is_truncated=True)

    def write_file(
        self, repository: str, path: str, content: bytes, *, branch: str, message: str
    ) -> str:
        """Create or replace a file."""
        sha = _known_sha(self, repository, path, branch)
        body = {
            "content": base64.b64encode(content).decode(),
            "branch": branch,
            "message": message,
            **({"sha": sha} if sha else {}),
        }
        method = "PUT" if sha else "POST"
        return self.made(method, _contents(repository, path), body, _commit_sha)

    def delete_file(self, repository: str, path: str, *, branch: str, message: str) -> str:
        """Delete a file."""
        sha = _known_sha(self, repository, path, branch)
        if not sha:
            raise NotFoundOnHost(self.access.name, f"{branch} has no file {path}.", http_status=404)
        body = {"sha": sha, "branch": branch, "message": message}
        return self.made("DELETE", _contents(repository, path), body, _commit_sha)


def _contents(repository: str, path: str) -> str:
    parts = [segment(part) for part in path.strip("/").split("/") if part]
    return repo(repository, "contents", *parts)


def _tree_page(told: Members) -> tuple[list[s.TreeEntry], str, bool, int]:
    entries = [convert.tree_entry(entry) for entry in told.entries("tree")]
    return entries, told.text("sha"), told.flag("truncated"), told.number("total_count")


def _known_sha(api: Files, repository: str, path: str, branch: str) -> str:
    try:
        found = api.get_contents(repository, path, branch)
    except NotFoundOnHost:
        return ""
    return found.sha if isinstance(found, s.FileContent) else ""


def _commit_sha(told: Members) -> str:
    return told.inner("commit").needed("sha")
