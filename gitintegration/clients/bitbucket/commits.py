"""Commits and files of Bitbucket."""

import dataclasses
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from gitintegration.clients import diffs
from gitintegration.clients import shapes as s
from gitintegration.clients.bitbucket import convert
from gitintegration.clients.bitbucket.connection import Connection, repo, segment
from gitintegration.clients.bitbucket.repositories import Repositories, resolve
from gitintegration.clients.errors import HostUnavailable, NotFoundOnHost, RefusedByHost

# Commits of one side of a comparison that are counted.
_MOST_COMMITS = 1000
_MOST_ENTRIES = 10_000
_DEEPEST = 100


class Commits(Repositories):
    """What git has, as the API tells it."""

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
        """The commits of a ref; Bitbucket cannot ask by time, so the times are compared here."""
        include = "" if page else ref or resolve(self, repository)
        found = self.page(
            repo(repository, "commits"), convert.commit, page, per_page, include=include
        )
        kept = tuple(
            one
            for one in found.items
            if one.author.date is None
            or (
                (since is None or one.author.date >= since)
                and (until is None or one.author.date <= until)
            )
        )
        oldest = found.items[-1].author.date if found.items else None
        is_over = since is not None and oldest is not None and oldest < since
        return s.Page(kept, "" if is_over else found.next_page)

    def get_commit(self, repository: str, sha: str) -> s.HostCommit:
        """A commit with its counts and files."""
        commit = self.one(repo(repository, "commit", segment(sha)), convert.commit)
        files, _ = _changes(self, repository, commit.sha)
        return dataclasses.replace(commit, stats=_counted(files), files=files)

    def get_commit_diff(self, repository: str, sha: str) -> s.Diff:
        """What a commit changed."""
        commit = self.one(repo(repository, "commit", segment(sha)), convert.commit)
        files, is_truncated = _changes(self, repository, commit.sha)
        base = commit.parent_shas[0] if commit.parent_shas else ""
        return s.Diff(base, commit.sha, _counted(files), files, is_truncated)

    def get_commit_patch(self, repository: str, sha: str) -> str:
        """A commit as a mail."""
        return self.content(repo(repository, "patch", segment(sha))).decode(errors="replace")

    def compare(self, repository: str, base: str, head: str) -> s.Comparison:
        """Two refs against each other; each side is counted up to a thousand commits."""
        base_sha, head_sha = resolve(self, repository, base), resolve(self, repository, head)
        commits = _side(self, repository, base_sha, head_sha)
        behind_by = len(_side(self, repository, head_sha, base_sha))
        status: Literal["ahead", "behind", "diverged", "identical"] = "identical"
        if commits or behind_by:
            status = "diverged" if commits and behind_by else "ahead" if commits else "behind"
        # Bitbucket writes the changed side first.
        files, _ = _changes(self, repository, f"{head_sha}..{base_sha}", topic="true")
        return s.Comparison(
            status=status,
            ahead_by=len(commits),
            behind_by=behind_by,
            base_sha=base_sha,
            head_sha=head_sha,
            merge_base_sha=_merge_base(self, repository, base_sha, head_sha),
            commits=commits,
            files=files,
            web_url=f"{self.access.web_url}/{repository}/branches/compare/{head}%0D{base}",
        )

    def get_contents(
        self, repository: str, path: str, ref: str = ""
    ) -> s.FileContent | s.FolderContent:
        """A file, or the entries of a folder."""
        sha = resolve(self, repository, ref)
        source = _source(repository, sha, path)
        if _kind(self, repository, sha, path) == "folder":
            entries = self.all(f"{source}/", convert.tree_entry)
            return s.FolderContent(path.strip("/"), entries)
        data = self.content(source)
        return s.FileContent(
            path=path.strip("/"),
            name=path.rpartition("/")[2],
            sha=_blob_sha(data),
            size=len(data),
            content=_text(data),
            web_url=f"{self.access.web_url}/{repository}/src/{sha}/{path.strip('/')}",
        )

    def get_tree(self, repository: str, ref: str, *, recursive: bool = False) -> s.Tree:
        """The entries of a commit's root folder, or of all its folders; named by the commit."""
        sha = resolve(self, repository, ref)
        depth = {"max_depth": _DEEPEST} if recursive else {}
        entries = self.all(
            _source(repository, sha, "") + "/", convert.tree_entry, limit=_MOST_ENTRIES + 1, **depth
        )
        is_truncated = len(entries) > _MOST_ENTRIES
        return s.Tree(sha, entries[:_MOST_ENTRIES], is_truncated)

    def write_file(
        self, repository: str, path: str, content: bytes, *, branch: str, message: str
    ) -> str:
        """Create or replace a file."""
        # With the slash in front a file may be called as one of the form's own fields.
        name = "/" + path.strip("/")
        form = {"branch": branch, "message": message}
        return _committed(self, repository, form, {name: (name.rpartition("/")[2], content)})

    def delete_file(self, repository: str, path: str, *, branch: str, message: str) -> str:
        """Delete a file."""
        if _kind(self, repository, resolve(self, repository, branch), path) != "file":
            raise NotFoundOnHost(self.access.name, f"{branch} has no file {path}.", http_status=404)
        form = {"branch": branch, "message": message, "files": "/" + path.strip("/")}
        return _committed(self, repository, form, {})


def _changes(
    api: Connection, repository: str, spec: str, **params: object
) -> tuple[tuple[s.FileChange, ...], bool]:
    """The files of a change; without patches, and told as cut, where the text is too large."""
    try:
        text = api.content(repo(repository, "diff", segment(spec)), params)
    except (RefusedByHost, HostUnavailable) as error:
        # Above our bound, or 555 where Bitbucket itself gave up making it.
        if error.http_status != (0 if isinstance(error, RefusedByHost) else 555):
            raise
        path = repo(repository, "diffstat", segment(spec))
        return api.all(path, convert.changed_file, limit=3000, **params), True
    return diffs.parse_unified(text.decode(errors="replace")), False


def _counted(files: tuple[s.FileChange, ...]) -> s.Stats:
    return s.Stats(
        sum(one.additions for one in files), sum(one.deletions for one in files), len(files)
    )


def _side(
    api: Connection, repository: str, base_sha: str, head_sha: str
) -> tuple[s.HostCommit, ...]:
    if base_sha == head_sha:
        return ()
    return api.all(
        repo(repository, "commits"), convert.commit, limit=_MOST_COMMITS,
        include=head_sha, exclude=base_sha,
    )  # fmt: skip


def _merge_base(api: Connection, repository: str, base_sha: str, head_sha: str) -> str:
    path = repo(repository, "merge-base", segment(f"{base_sha}..{head_sha}"))
    try:
        return api.one(path, lambda told: told.needed("hash"))
    except NotFoundOnHost:
        return ""


def _source(repository: str, sha: str, path: str) -> str:
    parts = [segment(part) for part in path.strip("/").split("/") if part]
    return repo(repository, "src", sha, *parts)


def _kind(api: Connection, repository: str, sha: str, path: str) -> Literal["file", "folder"]:
    if not path.strip("/"):
        return "folder"
    kind = api.one(_source(repository, sha, path), lambda told: told.text("type"), format="meta")
    return "folder" if kind == "commit_directory" else "file"


def _blob_sha(data: bytes) -> str:
    """Git's name of a content, which Bitbucket does not tell."""
    head = f"blob {len(data)}\0".encode()
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest()


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _committed(
    api: Repositories,
    repository: str,
    form: Mapping[str, object],
    files: dict[str, tuple[str, bytes]],
) -> str:
    response = api.call("POST", repo(repository, "src"), form=form, files=files)
    location = response.headers.get("location", "")
    sha = location.rstrip("/").rpartition("/")[2]
    return resolve(api, repository, sha or str(form["branch"]))
