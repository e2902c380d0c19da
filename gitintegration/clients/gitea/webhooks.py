"""Deliveries of Gitea and Forgejo: an HMAC of the raw body, events named as at GitHub.

Source: Gitea documentation, "Webhooks", and the payload structures of its API package.
"""

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from gitintegration.clients.git.webhooks import push_event
from gitintegration.clients.gitea import words
from gitintegration.clients.members import Members, UnreadableMemberError
from gitintegration.clients.protocol import (
    CiFacts,
    CommentFacts,
    IgnoredDeliveryError,
    IssueFacts,
    PullRequestFacts,
    ReleaseFacts,
    TriggerEvent,
    UnreadableDeliveryError,
)

EVENTS = frozenset(
    {
        "push", "create", "delete", "pull_request", "pull_request_review", "issues",
        "issue_comment", "release", "workflow_run", "workflow_job", "status", "fork",
    }
)  # fmt: skip
# Gitea has three event names for reviews; the payload's review says which it is.
_REVIEWS = {
    "pull_request_approved": "approved",
    "pull_request_rejected": "changes_requested",
    "pull_request_comment": "commented",
}
_REVIEW_TYPES = {
    "pull_request_review_approved": "approved",
    "pull_request_review_rejected": "changes_requested",
    "pull_request_review_comment": "commented",
}
_ACTIONS = {
    "synchronized": "synchronize",
    "label_updated": "labeled",
    "label_cleared": "unlabeled",
}


def delivery_id(headers: Mapping[str, str]) -> str:
    """The delivery's own identifier; not signed, so the body's digest counts as well."""
    return headers.get("x-gitea-delivery", "") or headers.get("x-github-delivery", "")


def event_name(headers: Mapping[str, str], _payload: Mapping[str, Any]) -> str:
    """What the delivery is about; the three names of reviews are one."""
    name = headers.get("x-gitea-event", "") or headers.get("x-github-event", "")
    return "pull_request_review" if name in _REVIEWS else name


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the raw body was signed with the secret; SHA-1 signatures are not accepted."""
    if not secret:
        return False
    given = headers.get("x-gitea-signature", "") or headers.get(
        "x-hub-signature-256", ""
    ).removeprefix("sha256=")
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.encode(), expected.encode())


def to_event(name: str, payload: Mapping[str, Any]) -> TriggerEvent:
    """The delivery as our one event.

    Raises:
        UnreadableDeliveryError: a member is missing or of the wrong type.
        IgnoredDeliveryError: a test delivery, or an event that we do not act on.
    """
    read = _READERS.get(name)
    if read is None:
        raise IgnoredDeliveryError(f"The event {name} starts nothing.")
    try:
        told = Members(payload)
        event = read(told)
        # The original tells of its fork; there `repository` is the new one.
        repository = told.needed_inner("forkee" if name == "fork" else "repository")
        return dataclasses.replace(
            event,
            repository_id=repository.needed("id"),
            repository_full_name=repository.needed("full_name"),
            actor=_login(told.inner("sender")),
            actor_id=told.inner("sender").ident("id"),
        )
    except UnreadableMemberError as error:
        raise UnreadableDeliveryError(f"The delivery {name} cannot be read: {error}") from error


def _key(kind: str, *parts: object) -> str:
    told = "\n".join(str(part) for part in parts)
    return f"{kind}:{hashlib.sha256(told.encode()).hexdigest()[:48]}"


def _login(user: Members) -> str:
    return user.text("login") or user.text("username")


def _push(told: Members) -> TriggerEvent:
    before, after = told.needed("before"), told.needed("after")
    if before == after:
        raise IgnoredDeliveryError("A test delivery; the hook works.")
    listed = list(told.entries("commits"))
    if "head_commit" in told:
        listed.append(told.inner("head_commit"))
    commits = [
        {
            "sha": commit.text("id"),
            "message": commit.text("message"),
            "author": commit.inner("author").text("name"),
        }
        for commit in listed
    ]
    event = push_event(
        told.needed("ref"), before, after, commits, actor="", changed_paths=_paths(told, before)
    )
    return dataclasses.replace(event, occurred_at=told.inner("head_commit").text("timestamp"))


def _paths(told: Members, before: str) -> tuple[str, ...] | None:
    """Every path that a commit of the push touched; None when Gitea left commits out.

    It sends the newest few (five, unless its operator says otherwise) and counts all.
    """
    commits = list(told.entries("commits"))
    if not before.strip("0") or told.number("total_commits") > len(commits) or not commits:
        return None
    kinds = ("added", "modified", "removed")
    return tuple(sorted({path for one in commits for kind in kinds for path in one.texts(kind)}))


def _ref_event(kind: str) -> Callable[[Members], TriggerEvent]:
    def read(told: Members) -> TriggerEvent:
        is_tag = told.text("ref_type") == "tag"
        short = told.needed("ref").removeprefix("refs/tags/" if is_tag else "refs/heads/")
        ref = f"refs/{'tags' if is_tag else 'heads'}/{short}"
        return TriggerEvent(
            type=kind,
            key=_key(kind, ref, told.text("sha")),
            ref=ref,
            sha=told.text("sha"),
            branch="" if is_tag else short,
            tag=short if is_tag else "",
            is_deletion=kind == "delete",
        )

    return read


def pull_request_facts(pull: Members) -> PullRequestFacts:
    """The facts of a pull request as Gitea writes it."""
    head, base = pull.inner("head"), pull.inner("base")
    title = pull.text("title")
    return PullRequestFacts(
        number=_number(pull),
        title=title,
        body=pull.text("body"),
        state=pull.text("state"),
        is_merged=pull.flag("merged"),
        is_draft=pull.flag("draft", default=words.is_draft_title(title)),
        author=_login(pull.inner("user")),
        author_id=pull.inner("user").ident("id"),
        head_ref=head.text("ref"),
        head_sha=head.text("sha"),
        head_repository=head.inner("repo").text("full_name"),
        base_ref=base.text("ref"),
        base_sha=base.text("sha"),
        web_url=pull.text("html_url"),
        labels=tuple(label.text("name") for label in pull.entries("labels")),
    )


def is_from_fork(pull: Members) -> bool:
    """Whether the change comes from elsewhere; pushed to `refs/pull/…`, anyone could push it."""
    head, base = pull.inner("head"), pull.inner("base")
    if head.text("ref").startswith("refs/pull/") or "repo" not in head:
        return True
    return head.inner("repo").ident("id") != base.inner("repo").ident("id")


def _number(entry: Members) -> int:
    number = entry.number("number")
    if number <= 0:
        raise UnreadableMemberError("The number is missing.")
    return number


def _pull_request(told: Members) -> TriggerEvent:
    pull = told.needed_inner("pull_request")
    facts = pull_request_facts(pull)
    action = _ACTIONS.get(told.needed("action"), told.text("action"))
    if action == "closed" and facts.is_merged:
        action = "merged"
    at = pull.text("updated_at")
    # A push is told once for its head, however often the title changes meanwhile.
    marks = () if action == "synchronize" else (at,)
    return _about_pull(
        "pull_request", pull, _key("pull_request", facts.number, action, facts.head_sha, *marks),
        action=action, occurred_at=at,
    )  # fmt: skip


def _review(told: Members) -> TriggerEvent:
    pull = told.needed_inner("pull_request")
    review = told.needed_inner("review")
    state = _REVIEW_TYPES.get(review.text("type"), "")
    at = pull.text("updated_at")
    key = _key("pull_request_review", pull.number("number"), state, at, review.text("content"))
    return _about_pull(
        "pull_request_review", pull, key,
        action="submitted", review_state=state, occurred_at=at,
    )  # fmt: skip


def _about_pull(kind: str, pull: Members, key: str, **more: str) -> TriggerEvent:
    facts = pull_request_facts(pull)
    return TriggerEvent(
        type=kind,
        key=key,
        ref=f"refs/pull/{facts.number}/head",
        sha=facts.head_sha,
        branch=facts.head_ref,
        base_branch=facts.base_ref,
        is_from_fork=is_from_fork(pull),
        pull_request=facts,
        **more,  # type: ignore[arg-type]
    )


def _issue_facts(issue: Members) -> IssueFacts:
    return IssueFacts(
        number=_number(issue),
        title=issue.text("title"),
        body=issue.text("body"),
        state=issue.text("state"),
        author=_login(issue.inner("user")),
        web_url=issue.text("html_url"),
        labels=tuple(label.text("name") for label in issue.entries("labels")),
    )


def _issue(told: Members) -> TriggerEvent:
    issue = told.needed_inner("issue")
    facts = _issue_facts(issue)
    action = _ACTIONS.get(told.needed("action"), told.text("action"))
    at = issue.text("updated_at")
    return TriggerEvent(
        type="issue", key=_key("issue", facts.number, action, at), action=action, issue=facts,
        occurred_at=at,
    )  # fmt: skip


def _comment(told: Members) -> TriggerEvent:
    issue, comment = told.needed_inner("issue"), told.needed_inner("comment")
    facts = _issue_facts(issue)
    action, at = told.needed("action"), comment.text("updated_at")
    event = TriggerEvent(
        type="issue_comment",
        key=_key("issue_comment", comment.needed("id"), action, at),
        action=action,
        issue=facts,
        comment=CommentFacts(
            id=comment.needed("id"),
            body=comment.text("body"),
            author=_login(comment.inner("user")),
            author_id=comment.inner("user").ident("id"),
            web_url=comment.text("html_url"),
        ),
        occurred_at=at,
    )
    if "pull_request" in told:
        about = _about_pull("issue_comment", told.inner("pull_request"), event.key)
        return dataclasses.replace(
            about, action=action, issue=facts, comment=event.comment, occurred_at=at
        )
    if told.flag("is_pull") or "pull_request" in issue:
        # Older servers send the issue alone: whether a fork is behind it is not known.
        pull = PullRequestFacts(
            facts.number, facts.title, facts.body, facts.state, author=facts.author,
            web_url=facts.web_url, labels=facts.labels,
        )  # fmt: skip
        return dataclasses.replace(event, pull_request=pull, is_from_fork=True)
    return event


def _release(told: Members) -> TriggerEvent:
    release = told.needed_inner("release")
    tag, action = release.needed("tag_name"), told.needed("action")
    at = release.text("published_at") or release.text("created_at")
    return TriggerEvent(
        type="release",
        key=_key("release", release.needed("id"), tag, action, at),
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


def _run(told: Members) -> TriggerEvent:
    run = told.needed_inner("workflow_run")
    status, conclusion = words.run_state(run.text("status"), run.text("conclusion"))
    facts = CiFacts(
        run_id=run.needed("id"),
        name=told.inner("workflow").text("name") or run.text("display_title"),
        status=status,
        conclusion=conclusion,
        web_url=run.text("html_url"),
    )
    return _about_ci("workflow_run", told, run, facts)


def _job(told: Members) -> TriggerEvent:
    job = told.needed_inner("workflow_job")
    status, conclusion = words.run_state(job.text("status"), job.text("conclusion"))
    facts = CiFacts(
        run_id=job.needed("run_id"),
        job_id=job.needed("id"),
        name=job.text("name"),
        status=status,
        conclusion=conclusion,
        web_url=job.text("html_url"),
    )
    return _about_ci("workflow_job", told, job, facts)


def _about_ci(kind: str, told: Members, entry: Members, facts: CiFacts) -> TriggerEvent:
    attempt, branch = entry.number("run_attempt"), entry.text("head_branch")
    return TriggerEvent(
        type=kind,
        key=_key(kind, facts.run_id, facts.job_id, attempt, facts.status, facts.conclusion),
        ref=f"refs/heads/{branch}" if branch else "",
        sha=entry.text("head_sha"),
        branch=branch,
        action=told.text("action"),
        ci=facts,
        occurred_at=entry.text("completed_at") or entry.text("started_at"),
    )


def _status(told: Members) -> TriggerEvent:
    state, sha = told.text("state"), told.needed("sha")
    status, conclusion = words.status_state(state)
    at = told.text("updated_at") or told.text("created_at")
    return TriggerEvent(
        type="status",
        key=_key("status", sha, told.ident("id"), told.text("context"), state, at),
        sha=sha,
        action=state,
        ci=CiFacts("", "", told.text("context"), status, conclusion, told.text("target_url")),
        occurred_at=at,
    )


def _fork(told: Members) -> TriggerEvent:
    made = told.needed_inner("repository")
    return TriggerEvent(type="fork", key=_key("fork", made.needed("id")))


_READERS: dict[str, Callable[[Members], TriggerEvent]] = {
    "push": _push,
    "create": _ref_event("create"),
    "delete": _ref_event("delete"),
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "issues": _issue,
    "issue_comment": _comment,
    "release": _release,
    "workflow_run": _run,
    "workflow_job": _job,
    "status": _status,
    "fork": _fork,
}
