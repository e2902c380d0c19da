"""Refs, pull requests, issues, comments, releases and forks as GitHub delivers them."""

import hashlib
from collections.abc import Callable
from typing import Any

from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.protocol import (
    CommentFacts,
    IssueFacts,
    PullRequestFacts,
    ReleaseFacts,
    TriggerEvent,
)


def event_key(kind: str, *parts: object) -> str:
    """One text for what happened; equal for the same delivery told again."""
    told = "\n".join(str(part) for part in parts)
    return f"{kind}:{hashlib.sha256(told.encode(errors='replace')).hexdigest()}"


def _created(told: Members) -> TriggerEvent:
    return _ref("create", told)


def _deleted(told: Members) -> TriggerEvent:
    return _ref("delete", told)


def _ref(kind: str, told: Members) -> TriggerEvent:
    is_tag = told.text("ref_type") == "tag"
    short = told.needed("ref")
    ref = f"refs/{'tags' if is_tag else 'heads'}/{short}"
    # Nothing else in it tells a branch from one of the same name, made again later.
    at = told.needed_inner("repository").ident("pushed_at")
    return TriggerEvent(
        type=kind,
        key=event_key(kind, ref, at),
        ref=ref,
        branch="" if is_tag else short,
        tag=short if is_tag else "",
        action=told.text("ref_type"),
        is_deletion=kind == "delete",
        occurred_at=at,
    )


def _pull_request(told: Members) -> TriggerEvent:
    pull, action = told.needed_inner("pull_request"), told.needed("action")
    if action == "closed" and pull.flag("merged"):
        action = "merged"
    at = pull.text("updated_at")
    # A new head is one thing, however often GitHub tells of it.
    marks = ("",) if action == "synchronize" else (at, told.inner("label").ident("id"))
    sha = pull.inner("head").text("sha")
    key = event_key("pull_request", _number(pull), action, sha, *marks)
    return _about_pull(
        "pull_request", pull, key=key, action=action, occurred_at=at, before=told.text("before")
    )


def _review(told: Members) -> TriggerEvent:
    pull, review = told.needed_inner("pull_request"), told.needed_inner("review")
    state, action = review.text("state").lower(), told.needed("action")
    key = event_key("pull_request_review", review.needed("id"), action, state, review.text("body"))
    return _about_pull(
        "pull_request_review", pull, key=key, action=action, review_state=state,
        occurred_at=review.text("submitted_at"),
    )  # fmt: skip


def _about_pull(kind: str, pull: Members, **more: Any) -> TriggerEvent:
    head, base = pull.inner("head"), pull.inner("base")
    return TriggerEvent(
        type=kind,
        ref=f"refs/pull/{_number(pull)}/head",
        sha=head.text("sha"),
        branch=head.text("ref"),
        base_branch=base.text("ref"),
        # A deleted fork has no repository any more; it was a fork all the same.
        is_from_fork="repo" not in head
        or head.inner("repo").ident("id") != base.inner("repo").ident("id"),
        pull_request=_pull_facts(pull),
        **more,
    )


def _pull_facts(pull: Members) -> PullRequestFacts:
    head, base, user = pull.inner("head"), pull.inner("base"), pull.inner("user")
    return PullRequestFacts(
        number=_number(pull),
        title=pull.text("title"),
        body=pull.text("body"),
        state=pull.text("state"),
        is_merged=pull.flag("merged") or "merged_at" in pull,
        is_draft=pull.flag("draft"),
        author=user.text("login"),
        author_id=user.ident("id"),
        head_ref=head.text("ref"),
        head_sha=head.text("sha"),
        head_repository=head.inner("repo").text("full_name"),
        base_ref=base.text("ref"),
        base_sha=base.text("sha"),
        web_url=pull.text("html_url"),
        labels=_labels(pull),
    )


def _issue(told: Members) -> TriggerEvent:
    issue, action = told.needed_inner("issue"), told.needed("action")
    at = issue.text("updated_at")
    marks = (at, told.inner("label").ident("id"), told.inner("assignee").ident("id"))
    return TriggerEvent(
        type="issue",
        key=event_key("issue", _number(issue), action, *marks),
        action=action,
        issue=_issue_facts(issue),
        occurred_at=at,
    )


def _issue_facts(issue: Members) -> IssueFacts:
    return IssueFacts(
        number=_number(issue),
        title=issue.text("title"),
        body=issue.text("body"),
        state=issue.text("state"),
        author=issue.inner("user").text("login"),
        web_url=issue.text("html_url"),
        labels=_labels(issue),
    )


def _comment(told: Members) -> TriggerEvent:
    issue, comment = told.needed_inner("issue"), told.needed_inner("comment")
    action, at = told.needed("action"), comment.text("updated_at")
    is_pull = "pull_request" in issue
    return TriggerEvent(
        type="issue_comment",
        key=event_key("issue_comment", comment.needed("id"), action, at),
        action=action,
        # GitHub does not say where the pull request comes from: it may be a fork.
        is_from_fork=is_pull,
        issue=_issue_facts(issue),
        pull_request=_pull_facts(issue) if is_pull else None,
        comment=CommentFacts(
            id=comment.needed("id"),
            body=comment.text("body"),
            author=comment.inner("user").text("login"),
            author_id=comment.inner("user").ident("id"),
            web_url=comment.text("html_url"),
        ),
        occurred_at=at,
    )


def _release(told: Members) -> TriggerEvent:
    release, action = told.needed_inner("release"), told.needed("action")
    tag = release.needed("tag_name")
    at = release.text("published_at") or release.text("created_at")
    words = (release.text("name"), release.text("body"), release.text("updated_at"))
    return TriggerEvent(
        type="release",
        key=event_key("release", release.needed("id"), action, at, *words),
        ref=f"refs/tags/{tag}",
        tag=tag,
        action=action,
        release=ReleaseFacts(
            tag=tag,
            name=release.text("name"),
            body=release.text("body"),
            is_prerelease=release.flag("prerelease"),
            is_draft=release.flag("draft"),
            web_url=release.text("html_url"),
        ),
        occurred_at=at,
    )


def _fork(told: Members) -> TriggerEvent:
    made = told.needed_inner("forkee")
    return TriggerEvent(
        type="fork",
        key=event_key("fork", made.needed("id")),
        action="created",
        occurred_at=made.ident("created_at"),
    )


def _labels(told: Members) -> tuple[str, ...]:
    return tuple(label.text("name") for label in told.entries("labels"))


def _number(entry: Members) -> int:
    number = entry.number("number")
    if number <= 0:
        raise UnreadableMemberError("The number is missing.")
    return number


READERS: dict[str, Callable[[Members], TriggerEvent]] = {
    "create": _created,
    "delete": _deleted,
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "issues": _issue,
    "issue_comment": _comment,
    "release": _release,
    "fork": _fork,
}
