"""Merge requests, issues, comments and releases."""

from typing import Any

from gitintegration.clients.gitlab.reading import (
    actor_facts,
    event_key,
    is_from_fork,
    iso,
    number_in,
    project_facts,
    sha_in,
    titles,
)
from gitintegration.clients.members import Members
from gitintegration.clients.protocol import (
    CommentFacts,
    Commit,
    IgnoredDeliveryError,
    IssueFacts,
    PullRequestFacts,
    ReleaseFacts,
    TriggerEvent,
    UnreadableDeliveryError,
)

_ACTIONS = {"open": "opened", "close": "closed", "reopen": "reopened", "merge": "merged"}
# GitLab tells one person's approval and that all required ones are given by different words.
_REVIEWS = {
    "approved": "approved",
    "approval": "approved",
    "unapproved": "dismissed",
    "unapproval": "dismissed",
}
_COMMENT_ACTIONS = {"": "created", "create": "created", "update": "edited"}
_RELEASE_ACTIONS = {"create": "published", "update": "edited", "delete": "deleted"}


def merge_request(payload: Members) -> TriggerEvent:
    """A merge request, or an approval of one."""
    told = payload.inner("object_attributes")
    word = told.text("action")
    if not word:
        raise IgnoredDeliveryError("A merge request without an action: a test of the hook.")
    user = payload.inner("user")
    request = _request_facts(told, user)
    review = _REVIEWS.get(word, "")
    kind = "pull_request_review" if review else "pull_request"
    action = {"approved": "submitted"}.get(review, review) or _action(word, payload, told)
    changed = told.text("updated_at")
    return TriggerEvent(
        type=kind,
        key=event_key(
            kind, request.number, word, action, request.head_sha, changed, user.ident("id")
        ),
        action=action,
        review_state=review,
        before=sha_in(told, "oldrev"),
        occurred_at=iso(changed),
        **_request_members(told, request),
        **actor_facts(payload),
        **project_facts(payload),
    )


def issue(payload: Members) -> TriggerEvent:
    """An issue; other work items come by the same hook and are none."""
    if payload.text("object_kind") != "issue":
        raise IgnoredDeliveryError(f"A {payload.text('object_kind')} is no issue.")
    told, user = payload.inner("object_attributes"), payload.inner("user")
    word = told.text("action")
    if not word:
        raise IgnoredDeliveryError("An issue without an action: a test of the hook.")
    facts = _issue_facts(told, user)
    action = _action(word, payload, told)
    changed = told.text("updated_at")
    return TriggerEvent(
        type="issue", key=event_key("issue", facts.number, action, changed), action=action,
        issue=facts, occurred_at=iso(changed), **actor_facts(payload), **project_facts(payload),
    )  # fmt: skip


def note(payload: Members) -> TriggerEvent:
    """A comment on a merge request or an issue."""
    told, user = payload.inner("object_attributes"), payload.inner("user")
    on = told.text("noteable_type")
    if on not in {"MergeRequest", "Issue"}:
        raise IgnoredDeliveryError(f"A comment on a {on} starts nothing.")
    if told.flag("system"):
        raise IgnoredDeliveryError("GitLab's own note of what somebody did.")
    comment = CommentFacts(
        id=str(number_in(told, "id")),
        body=told.text("note"),
        author=user.text("username"),
        author_id=told.ident("author_id"),
        web_url=told.text("url"),
    )
    subject = payload.inner("merge_request" if on == "MergeRequest" else "issue")
    about: dict[str, Any] = {"issue": _issue_facts(subject, Members({}))}
    if on == "MergeRequest":
        request = _request_facts(subject, Members({}))
        about |= _request_members(subject, request)
    action = _COMMENT_ACTIONS.get(told.text("action"), "edited")
    changed = told.text("updated_at")
    return TriggerEvent(
        type="issue_comment", key=event_key("issue_comment", comment.id, action, changed),
        action=action, comment=comment, occurred_at=iso(changed),
        **about, **actor_facts(payload), **project_facts(payload),
    )  # fmt: skip


def release(payload: Members) -> TriggerEvent:
    """A release; GitLab does not tell who made it."""
    tag, word = payload.text("tag"), payload.text("action")
    if not tag or not word:
        raise UnreadableDeliveryError("A release needs tag and action.")
    commit = payload.inner("commit")
    facts = ReleaseFacts(
        tag=tag, name=payload.text("name"), body=payload.text("description"),
        web_url=payload.text("url"),
    )  # fmt: skip
    sha, released = sha_in(commit, "id"), payload.text("released_at")
    message = commit.text("message")
    return TriggerEvent(
        type="release",
        key=event_key("release", payload.ident("id"), word, tag, facts.name, facts.body, sha),
        ref=f"refs/tags/{tag}",
        tag=tag,
        sha=sha,
        commit=Commit(sha, commit.text("title"), message, commit.inner("author").text("name")),
        action=_RELEASE_ACTIONS.get(word, word),
        release=facts,
        is_deletion=word == "delete",
        occurred_at=iso(released),
        **project_facts(payload),
    )


def _action(word: str, payload: Members, told: Members) -> str:
    """Our word; what an update changed is told in `changes`."""
    if word != "update":
        return _ACTIONS.get(word, "edited")
    if "oldrev" in told:
        return "synchronize"
    changes = payload.inner("changes")
    if "labels" in changes:
        return "labeled" if _has_more(changes.inner("labels")) else "unlabeled"
    if "reviewers" in changes and _has_more(changes.inner("reviewers")):
        return "review_requested"
    return "edited"


def _has_more(change: Members) -> bool:
    before = {item.ident("id") for item in change.entries("previous")}
    return any(item.ident("id") not in before for item in change.entries("current"))


def _request_facts(told: Members, user: Members) -> PullRequestFacts:
    author_id, state = told.ident("author_id"), told.text("state")
    return PullRequestFacts(
        number=number_in(told, "iid"),
        title=told.text("title"),
        body=told.text("description"),
        # `locked` is what it is while GitLab merges it.
        state="open" if state in {"opened", "locked"} else "closed",
        is_merged=state == "merged",
        is_draft=told.flag("draft") or told.flag("work_in_progress"),
        author=user.text("username") if author_id == user.ident("id") else "",
        author_id=author_id,
        head_ref=told.text("source_branch"),
        head_sha=sha_in(told.inner("last_commit"), "id"),
        head_repository=told.inner("source").text("path_with_namespace"),
        base_ref=told.text("target_branch"),
        web_url=told.text("url"),
        labels=titles(told.entries("labels")),
    )


def _request_members(told: Members, request: PullRequestFacts) -> dict[str, Any]:
    commit = told.inner("last_commit")
    message = commit.text("message")
    return {
        "pull_request": request,
        "ref": f"refs/merge-requests/{request.number}/head",
        "sha": request.head_sha,
        "branch": request.head_ref,
        "base_branch": request.base_ref,
        "is_from_fork": is_from_fork(told),
        "commit": Commit(
            request.head_sha, message.split("\n", 1)[0], message,
            commit.inner("author").text("name"),
        ),
    }  # fmt: skip


def _issue_facts(told: Members, user: Members) -> IssueFacts:
    is_author = told.ident("author_id") == user.ident("id")
    return IssueFacts(
        number=number_in(told, "iid"),
        title=told.text("title"),
        body=told.text("description"),
        state="open" if told.text("state") == "opened" else "closed",
        author=user.text("username") if is_author else "",
        web_url=told.text("url"),
        labels=titles(told.entries("labels")),
    )
