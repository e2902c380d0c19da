"""Commits of a Gitea: lists, diffs, comparisons."""

import dataclasses
from datetime import datetime
from typing import Literal

from gitintegration.clients import diffs
from gitintegration.clients import shapes as s
from gitintegration.clients.gitea import convert
from gitintegration.clients.gitea.connection import Connection, repo, segment
from gitintegration.clients.members import Members


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
        """The commits of a ref; servers before 1.24 know no times: they are compared here too."""
        found = self.page(
            repo(repository, "commits"), convert.commit, page, per_page,
            sha=ref, stat=False, files=False, verification=True,
            since=since.isoformat() if since else None, until=until.isoformat() if until else None,
        )  # fmt: skip
        kept = tuple(one for one in found.items if _is_within(one, since, until))
        is_over = bool(found.items) and since is not None and not _is_after(found.items[-1], since)
        return s.Page(kept, "" if is_over else found.next_page)

    def get_commit(self, repository: str, sha: str) -> s.HostCommit:
        """A commit with its counts and files; the files' lines are counted from the diff."""
        commit, stats = self.one(repo(repository, "git/commits", segment(sha)), _with_stats)
        files = diffs.parse_unified(_text(self, repository, commit.sha, "diff"))
        return dataclasses.replace(commit, stats=stats or _counted(files), files=files)

    def get_commit_diff(self, repository: str, sha: str) -> s.Diff:
        """What a commit changed."""
        commit = self.one(repo(repository, "git/commits", segment(sha)), convert.commit)
        files = diffs.parse_unified(_text(self, repository, commit.sha, "diff"))
        base = commit.parent_shas[0] if commit.parent_shas else ""
        return s.Diff(base, commit.sha, _counted(files), files)

    def get_commit_patch(self, repository: str, sha: str) -> str:
        """A commit as a mail."""
        return _text(self, repository, sha, "patch")

    def compare(self, repository: str, base: str, head: str) -> s.Comparison:
        """Two refs against each other.

        Gitea tells the commits of one side and their files without lines: it is asked for both
        sides, and `files` holds what the commits of the head's side touched.
        """
        ahead_by, commits, files = _side(self, repository, base, head)
        behind_by, _, _ = _side(self, repository, head, base)
        base_sha = self.one(repo(repository, "git/commits", segment(base)), convert.commit).sha
        head_sha = self.one(repo(repository, "git/commits", segment(head)), convert.commit).sha
        status: Literal["ahead", "behind", "diverged", "identical"] = "identical"
        if ahead_by or behind_by:
            status = "diverged" if ahead_by and behind_by else "ahead" if ahead_by else "behind"
        return s.Comparison(
            status=status,
            ahead_by=ahead_by,
            behind_by=behind_by,
            base_sha=base_sha,
            head_sha=head_sha,
            merge_base_sha=_merge_base(commits, base_sha, head_sha, ahead_by, behind_by),
            commits=commits,
            files=files,
            web_url=f"{self.access.web_url}/{repository}/compare/{base}...{head}",
        )


def _is_within(commit: s.HostCommit, since: datetime | None, until: datetime | None) -> bool:
    at = commit.committer.date
    return at is None or ((since is None or at >= since) and (until is None or at <= until))


def _is_after(commit: s.HostCommit, since: datetime) -> bool:
    return commit.committer.date is None or commit.committer.date >= since


def _with_stats(told: Members) -> tuple[s.HostCommit, s.Stats | None]:
    stats = told.inner("stats")
    if not stats:
        return convert.commit(told), None
    count = len(list(told.entries("files")))
    return convert.commit(told), s.Stats(
        stats.number("additions"), stats.number("deletions"), count
    )


def _counted(files: tuple[s.FileChange, ...]) -> s.Stats:
    return s.Stats(
        sum(one.additions for one in files), sum(one.deletions for one in files), len(files)
    )


def _text(api: Connection, repository: str, sha: str, kind: Literal["diff", "patch"]) -> str:
    path = repo(repository, "git/commits", f"{segment(sha)}.{kind}")
    return api.call("GET", path, wants_json=False).body.decode(errors="replace")


def _side(
    api: Connection, repository: str, base: str, head: str
) -> tuple[int, tuple[s.HostCommit, ...], tuple[s.FileChange, ...]]:
    def read(told: Members) -> tuple[int, tuple[s.HostCommit, ...], tuple[s.FileChange, ...]]:
        entries = list(told.entries("commits"))
        files: dict[str, s.FileChange] = {}
        # Newest first: what the last commit says of a file counts.
        for entry in entries:
            for one in entry.entries("files"):
                change = convert.affected(one)
                files.setdefault(change.filename, change)
        commits = tuple(convert.commit(entry) for entry in entries)
        return told.number("total_commits"), commits, tuple(files.values())

    return api.one(repo(repository, "compare", f"{segment(base)}...{segment(head)}"), read)


def _merge_base(
    commits: tuple[s.HostCommit, ...], base_sha: str, head_sha: str, ahead_by: int, behind_by: int
) -> str:
    """Where both sides meet, as far as the listed commits show it; else empty."""
    if not behind_by:
        return base_sha
    if not ahead_by:
        return head_sha
    own = {one.sha for one in commits}
    outside = {sha for one in commits for sha in one.parent_shas} - own
    # One way out of the head's side: it leads to where both met.
    return outside.pop() if len(outside) == 1 and len(commits) == ahead_by else ""
