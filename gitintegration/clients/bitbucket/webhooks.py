"""Deliveries of Bitbucket Cloud: `X-Hub-Signature` with SHA-256 over the raw body.

One push of several branches is one delivery; pull requests name commits by twelve digits.
Source: Bitbucket Cloud documentation, "Event payloads" and "Manage webhooks" (secure webhooks).
"""

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from gitintegration.clients.bitbucket import words
from gitintegration.clients.git.webhooks import push_event
from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.protocol import (
    CiFacts,
    CommentFacts,
    IgnoredDeliveryError,
    IssueFacts,
    PullRequestFacts,
    TriggerEvent,
    UnreadableDeliveryError,
)

_ZERO = "0" * 40
_PULL_ACTIONS = {
    "pullrequest:created": "opened",
    # New commits and edits are told alike; the event's key lets each head count once.
    "pullrequest:updated": "synchronize",
    "pullrequest:fulfilled": "merged",
    "pullrequest:rejected": "closed",
}
_REVIEWS = {
    "pullrequest:approved": ("approved", "approval"),
    "pullrequest:unapproved": ("dismissed", "approval"),
    "pullrequest:changes_request_created": ("changes_requested", "changes_request"),
    "pullrequest:changes_request_removed": ("dismissed", "changes_request"),
}
_COMMENTS = {
    "pullrequest:comment_created": "created",
    "pullrequest:comment_updated": "edited",
    "pullrequest:comment_deleted": "deleted",
    "issue:comment_created": "created",
}
_ISSUES = {"issue:created": "opened", "issue:updated": "edited"}
_STATUSES = frozenset({"repo:commit_status_created", "repo:commit_status_updated"})
EVENTS = frozenset(
    {"repo:push", "repo:fork", *_PULL_ACTIONS, *_REVIEWS, *_COMMENTS, *_ISSUES, *_STATUSES}
)


def delivery_id(headers: Mapping[str, str]) -> str:
    """The delivery's own identifier; not signed, so the body's digest counts as well."""
    return headers.get("x-request-uuid", "")


def event_name(headers: Mapping[str, str], _payload: Mapping[str, Any]) -> str:
    """What the delivery is about."""
    return headers.get("x-event-key", "")


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the raw body was signed with the secret; SHA-1 signatures are not accepted."""
    if not secret:
        return False
    given = headers.get("x-hub-signature", "")
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def to_event(name: str, payload: Mapping[str, Any]) -> TriggerEvent:
    """The delivery as one event, a push as its first change; see `to_events`.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: an event that we do not act on, or a push that changed no ref.
    """
    return to_events(name, payload)[0]


def to_events(name: str, payload: Mapping[str, Any]) -> list[TriggerEvent]:
    """Everything that the delivery tells, at least one event.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: an event that we do not act on, or a push that changed no ref.
    """
    read = _READERS.get(name)
    if read is None:
        raise IgnoredDeliveryError(f"The event {name} starts nothing.")
    try:
        told = Members(payload)
        repository, actor = told.needed_inner("repository"), told.inner("actor")
        return [
            dataclasses.replace(
                event,
                repository_id=repository.needed("uuid"),
                repository_full_name=repository.needed("full_name"),
                actor=_name(actor),
                actor_id=_user_id(actor),
            )
            for event in read(name, told)
        ]
    except UnreadableMemberError as error:
        raise UnreadableDeliveryError(f"The delivery {name} cannot be read: {error}") from error


def _key(kind: str, *parts: object) -> str:
    told = "\n".join(str(part) for part in parts)
    return f"{kind}:{hashlib.sha256(told.encode()).hexdigest()[:48]}"


def _name(user: Members) -> str:
    """What people call a user; workspaces and applications have a user name."""
    return user.text("nickname") or user.text("username") or user.text("display_name")


def _user_id(user: Members) -> str:
    return user.text("uuid") or user.text("account_id")


def _push(_name: str, told: Members) -> list[TriggerEvent]:
    events: list[TriggerEvent] = []
    why = "The push changed no ref, or more refs than Bitbucket tells of."
    for change in told.needed_inner("push").entries("changes"):
        try:
            events.append(_change(change))
        except IgnoredDeliveryError as ignored:
            why = str(ignored)
    if not events:
        raise IgnoredDeliveryError(why)
    return events


def _change(change: Members) -> TriggerEvent:
    new, old = change.inner("new"), change.inner("old")
    if not new:
        return _deletion(old)
    target = new.needed_inner("target")
    # The newest five commits; the target itself is told in full.
    commits = [
        {
            "sha": commit.text("hash"),
            "message": commit.text("message"),
            "author": commit.inner("author").text("raw").partition(" <")[0],
        }
        for commit in (*change.entries("commits"), target)
    ]
    before = old.inner("target").text("hash") or _ZERO
    event = push_event(
        _ref(new), before, target.needed("hash"), commits, actor="", changed_paths=None
    )
    return dataclasses.replace(event, occurred_at=target.text("date"))


def _deletion(old: Members) -> TriggerEvent:
    ref, sha = _ref(old), old.inner("target").text("hash")
    return TriggerEvent(
        type="delete",
        key=_key("delete", ref, sha),
        ref=ref,
        before=sha,
        branch=ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else "",
        tag=ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else "",
        is_deletion=True,
    )


def _ref(end: Members) -> str:
    kind, name = end.needed("type"), end.needed("name")
    folders = {"branch": "refs/heads/", "named_branch": "refs/heads/", "tag": "refs/tags/"}
    if kind not in folders:
        raise IgnoredDeliveryError(f"{name} is neither a branch nor a tag but a {kind}.")
    return folders[kind] + name


def pull_request_facts(pull: Members) -> PullRequestFacts:
    """The facts of a pull request as Bitbucket writes it; its commits by twelve digits."""
    source, destination = pull.inner("source"), pull.inner("destination")
    number = pull.number("id")
    if number <= 0:
        raise UnreadableMemberError("The pull request's id is missing.")
    state = pull.text("state")
    return PullRequestFacts(
        number=number,
        title=pull.text("title"),
        body=pull.text("description") or pull.inner("summary").text("raw"),
        state="open" if state == "OPEN" else "closed",
        is_merged=state == "MERGED",
        is_draft=pull.flag("draft"),
        author=_name(pull.inner("author")),
        author_id=_user_id(pull.inner("author")),
        head_ref=source.inner("branch").text("name"),
        head_sha=source.inner("commit").text("hash"),
        head_repository=source.inner("repository").text("full_name"),
        base_ref=destination.inner("branch").text("name"),
        base_sha=destination.inner("commit").text("hash"),
        web_url=pull.inner("links", "html").text("href"),
    )


def is_from_fork(pull: Members) -> bool:
    """Whether the change comes from another repository; a deleted one is another."""
    source = pull.inner("source", "repository").text("uuid")
    return not source or source != pull.inner("destination", "repository").text("uuid")


def _about_pull(kind: str, told: Members, *marks: object) -> TriggerEvent:
    pull = told.needed_inner("pullrequest")
    facts = pull_request_facts(pull)
    return TriggerEvent(
        type=kind,
        key=_key(kind, facts.number, *marks),
        ref=f"refs/heads/{facts.head_ref}",
        sha=facts.head_sha,
        branch=facts.head_ref,
        base_branch=facts.base_ref,
        is_from_fork=is_from_fork(pull),
        pull_request=facts,
        occurred_at=pull.text("updated_on"),
    )


def _pull_request(name: str, told: Members) -> list[TriggerEvent]:
    action = _PULL_ACTIONS[name]
    head = told.inner("pullrequest", "source", "commit").text("hash")
    return [dataclasses.replace(_about_pull("pull_request", told, action, head), action=action)]


def _review(name: str, told: Members) -> list[TriggerEvent]:
    state, member = _REVIEWS[name]
    review = told.inner(member)
    who = _user_id(review.inner("user")) or _user_id(told.inner("actor"))
    at = review.text("date") or told.inner("pullrequest").text("updated_on")
    event = _about_pull("pull_request_review", told, name, who, at)
    action = "dismissed" if state == "dismissed" else "submitted"
    return [dataclasses.replace(event, action=action, review_state=state, occurred_at=at)]


def _comment(name: str, told: Members) -> list[TriggerEvent]:
    comment = told.needed_inner("comment")
    at = comment.text("updated_on") or comment.text("created_on")
    marks = (comment.needed("id"), name, at)
    if name.startswith("pullrequest:"):
        event = _about_pull("issue_comment", told, *marks)
        pull = pull_request_facts(told.inner("pullrequest"))
        issue = IssueFacts(
            pull.number, pull.title, pull.body, pull.state, pull.author, pull.web_url
        )
    else:
        issue = _issue_facts(told.needed_inner("issue"))
        event = TriggerEvent(
            type="issue_comment", key=_key("issue_comment", "issue", issue.number, *marks)
        )
    facts = CommentFacts(
        id=comment.needed("id"),
        body=comment.inner("content").text("raw"),
        author=_name(comment.inner("user")),
        author_id=_user_id(comment.inner("user")),
        web_url=comment.inner("links", "html").text("href"),
    )
    return [
        dataclasses.replace(
            event, action=_COMMENTS[name], issue=issue, comment=facts, occurred_at=at
        )
    ]


def _issue_facts(issue: Members) -> IssueFacts:
    number = issue.number("id")
    if number <= 0:
        raise UnreadableMemberError("The issue's id is missing.")
    labels = (issue.text("kind"), issue.inner("component").text("name"))
    return IssueFacts(
        number=number,
        title=issue.text("title"),
        body=issue.inner("content").text("raw"),
        state=words.issue_state(issue.text("state")),
        author=_name(issue.inner("reporter")),
        web_url=issue.inner("links", "html").text("href"),
        labels=tuple(label for label in labels if label),
    )


def _issue(name: str, told: Members) -> list[TriggerEvent]:
    issue = told.needed_inner("issue")
    facts, at = _issue_facts(issue), issue.text("updated_on")
    action = _ISSUES[name]
    change = told.inner("changes", "status")
    if change:
        old, new = (words.issue_state(change.text(side)) for side in ("old", "new"))
        if old != new:
            action = "closed" if new == "closed" else "reopened"
    return [
        TriggerEvent(
            type="issue", key=_key("issue", facts.number, action, at), action=action, issue=facts,
            occurred_at=at,
        )
    ]  # fmt: skip


def _commit_status(_name: str, told: Members) -> list[TriggerEvent]:
    """A status of Bitbucket's own pipelines tells of a run, any other is a status."""
    given = told.needed_inner("commit_status")
    state, url = given.needed("state"), given.text("url")
    number = words.pipeline_number(url)
    status, conclusion = words.status_state(state)
    sha, at = given.inner("commit").text("hash"), given.text("updated_on")
    kind = "workflow_run" if number else "status"
    branch = given.text("refname")
    return [
        TriggerEvent(
            type=kind,
            key=_key(kind, given.needed("key"), sha, state, at),
            ref=f"refs/heads/{branch}" if branch else "",
            sha=sha,
            branch=branch,
            action=state.lower(),
            ci=CiFacts(
                number, "", given.text("name") or given.text("key"), status, conclusion, url
            ),
            occurred_at=at,
        )
    ]


def _fork(_name: str, told: Members) -> list[TriggerEvent]:
    return [TriggerEvent(type="fork", key=_key("fork", told.needed_inner("fork").needed("uuid")))]


_Reader = Callable[[str, Members], list[TriggerEvent]]
_READERS: dict[str, _Reader] = {
    "repo:push": _push,
    "repo:fork": _fork,
    **dict.fromkeys(_PULL_ACTIONS, _pull_request),
    **dict.fromkeys(_REVIEWS, _review),
    **dict.fromkeys(_COMMENTS, _comment),
    **dict.fromkeys(_ISSUES, _issue),
    **dict.fromkeys(_STATUSES, _commit_status),
}
