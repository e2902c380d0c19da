"""What a host says live of a repository: branches, commits, diffs, pull requests."""

import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from devops.errors import DomainError
from devops.pages.links import safe_link
from gitintegration.clients.diffs import Hunk, hunks
from gitintegration.clients.shapes import FileChange, HostCommit, PullRequest
from gitintegration.models import GitRepository
from gitintegration.operations.connections import connected_to
from gitintegration.pages.git_repositories import MirrorPage, problem_at

_BRANCHES, _COMMITS, _PULLS = 100, 30, 30
_REF_LENGTH = 255
# What one page draws of a diff at most; the rest is at the host.
_FILES_SHOWN = 300
_LINES_OF_FILE = 1500
_LINES_OF_PAGE = 6000
_PATCH_CHARACTERS = 400_000
_FILE_WORDS = {
    "added": ("A", "Added"),
    "modified": ("M", "Modified"),
    "removed": ("D", "Deleted"),
    "renamed": ("R", "Renamed"),
    "copied": ("C", "Copied"),
}
# Characters that turn the order of a line around: code would read otherwise than it runs.
_TURNING = {
    code: f"\u27e8U+{code:04X}\u27e9" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
STATES = (("open", "Open"), ("closed", "Closed"), ("all", "All"))


@dataclass(frozen=True, slots=True)
class ShownFile:
    """One file of a commit as the diff viewer draws it."""

    change: FileChange
    anchor: str
    letter: str
    word: str
    hunks: tuple[Hunk, ...]
    note: str


class MirrorCode(MirrorPage):
    """`/git/repositories/<id>/code`: branches, and the commits of the chosen one."""

    tab = "code"

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        ref = request.GET.get("ref", "")[:_REF_LENGTH] or mirror.default_branch
        page = request.GET.get("page", "")[:500]
        more = request.GET.get("branches", "")[:500]
        context: dict[str, Any] = {"ref": ref, "branches": [], "commits": [], "problem": None}
        try:
            with connected_to(mirror) as client:
                branches = client.list_branches(mirror.full_name, more, _BRANCHES)
                commits = client.list_commits(
                    mirror.full_name, ref=ref, page=page, per_page=_COMMITS
                )
        except DomainError as error:
            context["problem"] = problem_at(mirror, error)
        else:
            context |= {
                "branches": [
                    {
                        "name": each.name,
                        "sha": each.sha,
                        "is_protected": each.is_protected,
                        "is_default": each.name == mirror.default_branch,
                        "is_shown": each.name == ref,
                        "url": "?" + urlencode({"ref": each.name}),
                    }
                    for each in sorted(
                        branches.items, key=lambda each: each.name != mirror.default_branch
                    )
                ],
                "more_branches": _query(ref=ref, branches=branches.next_page),
                "commits": [_commit_row(mirror, each) for each in commits.items],
                "older_url": _query(ref=ref, page=commits.next_page),
                "newest_url": _query(ref=ref) if page else "",
            }
        return self.show(mirror, "git/repositories/code.html", context)


class MirrorCommit(MirrorPage):
    """`/git/repositories/<id>/commits/<sha>`: one commit and what it changed."""

    tab = "code"

    def get(self, _request: HttpRequest, pk: uuid.UUID, sha: str) -> HttpResponse:
        mirror = self.find(pk)
        context: dict[str, Any] = {"sha": sha, "commit": None, "problem": None}
        try:
            with connected_to(mirror) as client:
                commit = client.get_commit(mirror.full_name, sha)
        except DomainError as error:
            context["problem"] = problem_at(mirror, error)
            return self.show(mirror, "git/repositories/commit.html", context)
        context |= {
            "commit": commit,
            "web_url": safe_link(commit.web_url),
            "parents": [
                {"sha": parent, "url": _commit_url(mirror, parent)}
                for parent in commit.parent_shas[:20]
            ],
            "files": shown_files(commit.files),
            "files_hidden": max(0, len(commit.files) - _FILES_SHOWN),
        }
        return self.show(mirror, "git/repositories/commit.html", context)


class MirrorPulls(MirrorPage):
    """`/git/repositories/<id>/pulls`: pull or merge requests."""

    tab = "pulls"

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        mirror = self.find(pk)
        state = request.GET.get("state", "open")
        if state not in dict(STATES):
            state = "open"
        page = request.GET.get("page", "")[:500]
        context: dict[str, Any] = {"pulls": [], "problem": None, "state": state, "states": STATES}
        try:
            with connected_to(mirror) as client:
                found = client.list_pull_requests(
                    mirror.full_name, state=state, page=page, per_page=_PULLS
                )
        except DomainError as error:
            context["problem"] = problem_at(mirror, error)
        else:
            context |= {
                "pulls": [_pull_row(each) for each in found.items],
                "older_url": _query(state=state, page=found.next_page),
                "newest_url": _query(state=state) if page else "",
            }
        return self.show(mirror, "git/repositories/pulls.html", context)


def shown_files(files: tuple[FileChange, ...]) -> list[ShownFile]:
    """The files with as many lines as one page can bear."""
    left = _LINES_OF_PAGE
    shown = []
    for number, change in enumerate(files[:_FILES_SHOWN]):
        pieces, cut, used = _cut(change.patch, min(left, _LINES_OF_FILE))
        left -= used
        letter, word = _FILE_WORDS.get(change.status, _FILE_WORDS["modified"])
        note = _note(change, is_cut=cut)
        shown.append(ShownFile(change, f"file-{number}", letter, word, pieces, note))
    return shown


def _cut(patch: str, most: int) -> tuple[tuple[Hunk, ...], bool, int]:
    """The first hunks that fit, whether some did not, and how many lines they have."""
    if most <= 0:
        return (), bool(patch), 0
    found = hunks(patch[:_PATCH_CHARACTERS].translate(_TURNING))
    kept: list[Hunk] = []
    used = 0
    for hunk in found:
        if used + len(hunk.lines) > most:
            return tuple(kept), True, used
        kept.append(hunk)
        used += len(hunk.lines)
    return tuple(kept), len(patch) > _PATCH_CHARACTERS, used


def _note(change: FileChange, *, is_cut: bool) -> str:
    if is_cut:
        return "The change is too long to be shown whole here. Open it at the host."
    if change.is_large:
        return "The host leaves changes of this size out. Open it at the host."
    if change.is_binary and change.status in {"renamed", "copied"}:
        return "Only the name changed."
    return "A binary or empty file." if change.is_binary else ""


def _commit_row(mirror: GitRepository, commit: HostCommit) -> dict[str, Any]:
    return {
        "sha": commit.sha,
        "title": commit.title[:300],
        "author": commit.author.username or commit.author.name or "unknown",
        "at": commit.author.date or commit.committer.date,
        "is_merge": commit.is_merge,
        "is_verified": commit.verification.is_verified,
        "url": _commit_url(mirror, commit.sha),
    }


def _pull_row(pull: PullRequest) -> dict[str, Any]:
    status = ("success", "git-pull-request", "Open")
    if pull.is_merged:
        status = ("queued", "git-merge", "Merged")
    elif pull.state == "closed":
        status = ("cancelled", "ban", "Closed")
    elif pull.is_draft:
        status = ("skipped", "pencil", "Draft")
    shown, icon, word = status
    return {
        "number": pull.number,
        "title": pull.title[:300],
        "author": pull.author,
        "head": pull.head_ref,
        "base": pull.base_ref,
        "labels": pull.labels[:10],
        "updated_at": pull.updated_at or pull.created_at,
        "url": safe_link(pull.web_url),
        "status": {"shown": shown, "icon": icon, "word": word},
    }


def _commit_url(mirror: GitRepository, sha: str) -> str:
    return f"/git/repositories/{mirror.pk}/commits/{sha}"


def _query(**wanted: str) -> str:
    """The address of this page with these words; nothing when one is missing."""
    return "?" + urlencode(wanted) if all(wanted.values()) else ""
