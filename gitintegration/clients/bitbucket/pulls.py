"""Pull requests, issues and their comments of Bitbucket; each is counted for itself."""

import dataclasses
from typing import Literal

from gitintegration.clients import shapes as s
from gitintegration.clients.bitbucket import convert
from gitintegration.clients.bitbucket.connection import (
    Connection,
    any_of,
    quoted,
    repo,
    segment,
)
from gitintegration.clients.bitbucket.repositories import Repositories, resolve
from gitintegration.clients.errors import AlreadyExists, NotFoundOnHost, RefusedByHost
from gitintegration.clients.members import Members

_STATES = {
    "open": ["OPEN"],
    "closed": ["MERGED", "DECLINED", "SUPERSEDED"],
    "all": ["OPEN", "MERGED", "DECLINED", "SUPERSEDED"],
}
_OPEN_ISSUES = ("new", "open", "on hold", "submitted")
_CLOSED_ISSUES = ("resolved", "invalid", "duplicate", "wontfix", "closed")
_STRATEGIES = {
    "merge": "merge_commit",
    "squash": "squash",
    "rebase": "rebase_fast_forward",
}
# Bitbucket gives fewer pull requests than other things.
_MOST_A_PAGE = 50


class Pulls(Repositories):
    """What people talk about."""

    def list_pull_requests(
        self,
        repository: str,
        *,
        state: str = "open",
        head: str = "",
        base: str = "",
        page: str = "",
        per_page: int = 100,
    ) -> s.Page[s.PullRequest]:
        """Pull requests; in lists their commits are named by twelve digits."""
        asked = []
        if head:
            asked.append(f"source.branch.name={quoted(head)}")
            asked.append(f"source.repository.full_name={quoted(repository)}")
        if base:
            asked.append(f"destination.branch.name={quoted(base)}")
        return self.page(
            repo(repository, "pullrequests"), convert.pull_request, page,
            min(per_page, _MOST_A_PAGE),
            state=_STATES[state], q=" AND ".join(asked),
        )  # fmt: skip

    def get_pull_request(self, repository: str, number: int) -> s.PullRequest:
        """One pull request, with full SHAs."""
        found = self.one(repo(repository, "pullrequests", str(number)), convert.pull_request)
        return _with_full_shas(self, repository, found)

    def create_pull_request(self, repository: str, new: s.NewPullRequest) -> s.PullRequest:
        """Open a pull request; Bitbucket would change an open one instead, so it is looked for."""
        known = self.list_pull_requests(repository, head=new.head, base=new.base)
        if known.items:
            raise AlreadyExists(
                self.access.name,
                f"pull request {known.items[0].number} from {new.head} to {new.base} already "
                "exists.",
                http_status=409,
            )
        body = {
            "title": new.title,
            "description": new.body,
            "source": {"branch": {"name": new.head}},
            "destination": {"branch": {"name": new.base}},
            "draft": new.is_draft,
        }
        made = self.made("POST", repo(repository, "pullrequests"), body, convert.pull_request)
        return _with_full_shas(self, repository, made)

    def merge_pull_request(
        self,
        repository: str,
        number: int,
        *,
        method: s.MergeMethod = "merge",
        sha: str = "",
    ) -> s.MergeResult:
        """Merge a pull request; its head is compared just before, Bitbucket cannot be told it."""
        path = repo(repository, "pullrequests", str(number))
        if sha:
            head = self.one(path, convert.pull_request).head_sha
            if not head or not sha.startswith(head):
                raise RefusedByHost(
                    self.access.name, f"the head of pull request {number} is now {head}, not {sha}."
                )
        body = {"type": "pullrequest_merge_parameters", "merge_strategy": _STRATEGIES[method]}
        return self.made("POST", f"{path}/merge", body, _merged)

    def close_pull_request(self, repository: str, number: int) -> s.PullRequest:
        """Decline a pull request; Bitbucket opens none again."""
        path = repo(repository, "pullrequests", str(number), "decline")
        return _with_full_shas(self, repository, self.made("POST", path, {}, convert.pull_request))

    def list_issues(
        self, repository: str, *, state: str = "open", page: str = "", per_page: int = 100
    ) -> s.Page[s.Issue]:
        """Issues of the repository's own tracker."""
        wanted = {"open": _OPEN_ISSUES, "closed": _CLOSED_ISSUES}.get(state, ())
        asked = any_of("state", wanted) if wanted else ""
        return self.page(repo(repository, "issues"), convert.issue, page, per_page, q=asked)

    def get_issue(self, repository: str, number: int) -> s.Issue:
        """One issue."""
        return self.one(repo(repository, "issues", str(number)), convert.issue)

    def list_comments(
        self, repository: str, number: int, page: str = "", per_page: int = 100
    ) -> s.Page[s.Comment]:
        """The comments on a pull request or, where there is none of the number, on an issue."""
        if page:
            return self.page("", convert.comment, page, per_page)
        parent = _parent(self, repository, number)
        path = repo(repository, parent, str(number), "comments")
        # Deleted comments are kept as empty ones.
        asked = "deleted=false" if parent == "pullrequests" else ""
        return self.page(path, convert.comment, page, per_page, q=asked)

    def create_comment(self, repository: str, number: int, body: str) -> s.Comment:
        """Comment on a pull request or, where there is none of the number, on an issue."""
        path = repo(repository, _parent(self, repository, number), str(number), "comments")
        return self.made("POST", path, {"content": {"raw": body}}, convert.comment)

    def update_comment(self, repository: str, number: int, comment_id: str, body: str) -> s.Comment:
        """Change a comment."""
        parent = _parent(self, repository, number)
        path = repo(repository, parent, str(number), "comments", segment(comment_id))
        return self.made("PUT", path, {"content": {"raw": body}}, convert.comment)


def _with_full_shas(api: Repositories, repository: str, pull: s.PullRequest) -> s.PullRequest:
    return dataclasses.replace(
        pull,
        head_sha=_full(api, pull.head_repository or repository, pull.head_sha),
        base_sha=_full(api, repository, pull.base_sha),
    )


def _full(api: Repositories, repository: str, short: str) -> str:
    if not short:
        return ""
    try:
        return resolve(api, repository, short)
    except NotFoundOnHost:
        # The fork or the commit is gone: what is known of it stands in the pull request.
        return short


def _merged(told: Members) -> s.MergeResult:
    return s.MergeResult(told.text("state") == "MERGED", told.inner("merge_commit").text("hash"))


def _parent(api: Connection, repository: str, number: int) -> Literal["pullrequests", "issues"]:
    """What has this number; a pull request where both have it."""
    if api.exists(repo(repository, "pullrequests", str(number))):
        return "pullrequests"
    return "issues"
