"""Commits, their diffs, and comparisons."""

from dataclasses import replace
from datetime import datetime

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotFoundOnHost, NotSupported
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection, as_time
from gitintegration.clients.members import Members

# Files of one commit that are read; a longer diff says that it is cut.
MAX_FILES = 3000


class Commits(Connection):
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
        """The history of a branch, newest first."""
        return self.page(
            self.project(repository, "repository", "commits"), convert.commit, page, per_page,
            ref_name=ref or None, since=as_time(since), until=as_time(until),
        )  # fmt: skip

    def get_commit(self, repository: str, sha: str) -> s.HostCommit:
        """A commit with its files and what GitLab says of its signature."""
        found = _commit(self, repository, sha)
        files = tuple(file for file, _ in _files(self, repository, found.sha))
        stats = found.stats or convert.total(files)
        return replace(
            found,
            files=files,
            stats=replace(stats, files_changed=len(files)),
            verification=_verification(self, repository, found.sha),
        )

    def get_commit_diff(self, repository: str, sha: str) -> s.Diff:
        """What a commit changed; files that GitLab leaves out make it truncated."""
        found = _commit(self, repository, sha)
        told = _files(self, repository, found.sha)
        files = tuple(file for file, _ in told)
        stats = found.stats or convert.total(files)
        return s.Diff(
            base_sha=found.parent_shas[0] if found.parent_shas else "",
            head_sha=found.sha,
            stats=replace(stats, files_changed=len(files)),
            files=files,
            is_truncated=len(files) >= MAX_FILES or any(is_cut for _, is_cut in told),
        )

    def get_commit_patch(self, repository: str, sha: str) -> str:  # noqa: ARG002
        """GitLab has none.

        Raises:
            NotSupported: always.
        """
        raise NotSupported(
            self.access.name,
            "its API gives no patch of a commit; the commit's diff has the same lines.",
        )

    def compare(self, repository: str, base: str, head: str) -> s.Comparison:
        """Two commits against each other, from where they parted."""
        base_sha = _commit(self, repository, base).sha
        head_sha = _commit(self, repository, head).sha
        merge_base = _merge_base(self, repository, base_sha, head_sha)
        ahead, files, web_url = _between(self, repository, base_sha, head_sha)
        behind = (
            len(_between(self, repository, head_sha, base_sha)[0]) if merge_base != base_sha else 0
        )
        status = {
            (False, False): "identical", (True, False): "ahead", (False, True): "behind",
            (True, True): "diverged",
        }[bool(ahead), bool(behind)]  # fmt: skip
        return s.Comparison(
            status=status,  # type: ignore[arg-type]
            ahead_by=len(ahead),
            behind_by=behind,
            base_sha=base_sha,
            head_sha=head_sha,
            merge_base_sha=merge_base,
            commits=ahead,
            files=files,
            web_url=web_url,
        )


def _commit(host: Connection, repository: str, ref: str) -> s.HostCommit:
    return host.read(host.project(repository, "repository", "commits", ref), convert.commit)


def _files(host: Connection, repository: str, sha: str) -> tuple[tuple[s.FileChange, bool], ...]:
    path = host.project(repository, "repository", "commits", sha, "diff")
    return host.all(path, _file, MAX_FILES)


def _file(told: Members) -> tuple[s.FileChange, bool]:
    return convert.file_change(told), convert.is_cut(told)


def _verification(host: Connection, repository: str, sha: str) -> s.Verification:
    path = host.project(repository, "repository", "commits", sha, "signature")
    try:
        word = host.read(path, lambda told: told.text("verification_status"))
    except NotFoundOnHost:
        return s.Verification(is_verified=False, reason="unsigned")
    return s.Verification(word == "verified", word)


def _merge_base(host: Connection, repository: str, base: str, head: str) -> str:
    path = host.project(repository, "repository", "merge_base")
    try:
        return host.converted(
            host.call("get", path, None, **{"refs[]": [base, head]}), lambda told: told.text("id")
        )
    except NotFoundOnHost:
        return ""


def _between(
    host: Connection, repository: str, base: str, head: str
) -> tuple[tuple[s.HostCommit, ...], tuple[s.FileChange, ...], str]:
    def read(
        told: Members,
    ) -> tuple[tuple[s.HostCommit, ...], tuple[s.FileChange, ...], str]:
        return (
            tuple(convert.commit(item) for item in told.entries("commits")),
            tuple(convert.file_change(item) for item in told.entries("diffs")),
            told.text("web_url"),
        )

    path = host.project(repository, "repository", "compare")
    return host.converted(host.call("get", path, None, **{"from": base, "to": head}), read)
