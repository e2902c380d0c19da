"""Branches, tags, commits and files of GitHub.

Source: GitHub REST API, "Branches", "Commits", "Git database", "Repository contents".
"""

import base64
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, RefusedByHost
from gitintegration.clients.github import reading
from gitintegration.clients.github.connection import Connection, repo_path, segment
from gitintegration.clients.members import Members

_RAW = "application/vnd.github.raw+json"
_PATCH = "application/vnd.github.patch"
_DEEPEST_TAG = 5


class Commits(Connection):
    """What git has, as the API tells it."""

    def list_branches(
        self, repository: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.Branch]:
        return self.page(repo_path(repository, "branches"), reading.branch, page, per_page)

    def get_branch(self, repository: str, name: str) -> s.Branch:
        path = repo_path(repository, "branches", segment(name))
        return self.one("GET", path, reading.branch)

    def create_branch(self, repository: str, name: str, sha: str) -> s.Branch:
        body = {"ref": f"refs/heads/{name}", "sha": sha}
        made = self.one(
            "POST", repo_path(repository, "git", "refs"),
            lambda told: told.inner("object").needed("sha"), body,
        )  # fmt: skip
        return s.Branch(name, made)

    def delete_branch(self, repository: str, name: str) -> None:
        self.call("DELETE", repo_path(repository, "git", "refs", segment(f"heads/{name}")))

    def list_tags(self, repository: str, page: str = "", per_page: int = 100) -> s.Page[s.Tag]:
        return self.page(repo_path(repository, "tags"), reading.tag, page, per_page)

    def get_tag(self, repository: str, name: str) -> s.Tag:
        path = repo_path(repository, "git", "ref", segment(f"tags/{name}"))
        kind, sha = self.one("GET", path, reading.target)
        message = tagger = ""
        # An annotated tag is an object of its own, which may name another tag.
        for _ in range(_DEEPEST_TAG):
            if kind != "tag":
                break
            inner = repo_path(repository, "git", "tags", segment(sha))
            note, (kind, sha) = self.one("GET", inner, reading.annotation)
            message, tagger = message or note.message, tagger or note.tagger
        return s.Tag(name, sha, message, tagger)

    def list_commits(
        self,
        repository: str,
        *,
        ref: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        page: str = "",
        per_page: int = 100,
    ) -> s.Page[s.HostCommit]:
        return self.page(
            repo_path(repository, "commits"), reading.commit, page, per_page,
            sha=ref, since=_moment(since), until=_moment(until),
        )  # fmt: skip

    def get_commit(self, repository: str, sha: str) -> s.HostCommit:
        path = repo_path(repository, "commits", segment(sha))
        try:
            return self.one("GET", path, reading.commit)
        except RefusedByHost as error:
            # 422 for a name that leads to no commit.
            if "No commit found" not in str(error):
                raise
            raise NotFoundOnHost(
                error.host, f"{repository} has no commit {sha}.", http_status=error.http_status
            ) from error

    def get_commit_diff(self, repository: str, sha: str) -> s.Diff:
        found = self.get_commit(repository, sha)
        base = found.parent_shas[0] if found.parent_shas else ""
        stats = found.stats or s.Stats()
        # The first page holds 300 files; more are rarely worth the calls.
        is_cut = len(found.files) >= 300
        return s.Diff(base, found.sha, stats, found.files, is_cut)

    def get_commit_patch(self, repository: str, sha: str) -> str:
        return self.raw(repo_path(repository, "commits", segment(sha)), _PATCH).text

    def compare(self, repository: str, base: str, head: str) -> s.Comparison:
        path = repo_path(repository, "compare", f"{segment(base)}...{segment(head)}")
        return self.one("GET", path, reading.comparison)

    def get_contents(
        self, repository: str, path: str, ref: str = ""
    ) -> s.FileContent | s.FolderContent:
        where = repo_path(repository, "contents", segment(path.strip("/")))
        _, value = self.call("GET", where, {"ref": ref})
        if isinstance(value, list):
            listed = self.understood(
                lambda told: tuple(map(reading.folder_entry, told.entries("list"))), {"list": value}
            )
            return s.FolderContent(path.strip("/"), listed)

        def whole(told: Members) -> s.FileContent:
            content = reading.file_bytes(told)
            if content is None:
                query = f"?{urlencode({'ref': ref})}" if ref else ""
                content = self.raw(where + query, _RAW).content
            return reading.file(told, content)

        return self.understood(whole, value)

    def get_tree(self, repository: str, ref: str, *, recursive: bool = False) -> s.Tree:
        path = repo_path(repository, "git", "trees", segment(ref))
        return self.one("GET", path, reading.tree, recursive="1" if recursive else "")

    def write_file(
        self, repository: str, path: str, content: bytes, *, branch: str, message: str
    ) -> str:
        body = {
            "message": message, "branch": branch,
            "content": base64.b64encode(content).decode(),
        }  # fmt: skip
        # Without one it is a new file.
        with contextlib.suppress(NotFoundOnHost):
            body["sha"] = self._blob(repository, path, branch)
        return self._change("PUT", repository, path, body)

    def delete_file(self, repository: str, path: str, *, branch: str, message: str) -> str:
        body = {"message": message, "branch": branch, "sha": self._blob(repository, path, branch)}
        return self._change("DELETE", repository, path, body)

    def _blob(self, repository: str, path: str, branch: str) -> str:
        where = repo_path(repository, "contents", segment(path.strip("/")))
        return self.one("GET", where, lambda told: told.needed("sha"), ref=branch)

    def _change(self, verb: str, repository: str, path: str, body: Mapping[str, str]) -> str:
        where = repo_path(repository, "contents", segment(path.strip("/")))
        return self.one(verb, where, lambda told: told.inner("commit").needed("sha"), dict(body))


def _moment(when: datetime | None) -> str:
    return "" if when is None else when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
