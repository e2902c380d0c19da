"""What Bitbucket Cloud delivers becomes our events.

The payloads are built field by field from the documented entities (Bitbucket Cloud documentation,
"Event payloads"); nothing was captured.
"""

import hmac
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitintegration.clients.bitbucket import webhooks
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)
from tests.gitintegration.webhooks.mutations import VALUES, mutated

OLD, NEW, ZERO = "1" * 40, "2" * 40, "0" * 40
AT = "2026-05-04T10:11:12.345678+00:00"
BODY = b'{"a":1}'
APP = "{aaaaaaaa-0000-4000-8000-000000000003}"
ADA = "{aaaaaaaa-0000-4000-8000-000000000007}"
BOB = "{aaaaaaaa-0000-4000-8000-000000000008}"


def html(path: str) -> dict[str, Any]:
    return {"html": {"href": f"https://bitbucket.org/team/app/{path}"}}


def user(nickname: str = "ada", uuid: str = ADA) -> dict[str, Any]:
    return {
        "type": "user",
        "uuid": uuid,
        "account_id": f"557058:{nickname}",
        "nickname": nickname,
        "display_name": nickname.title(),
    }


def repository(full_name: str = "team/app", uuid: str = APP) -> dict[str, Any]:
    return {
        "type": "repository",
        "uuid": uuid,
        "name": full_name.partition("/")[2],
        "full_name": full_name,
        "is_private": True,
        "scm": "git",
        "links": {"html": {"href": f"https://bitbucket.org/{full_name}"}},
    }


def told(**members: Any) -> dict[str, Any]:
    return {"actor": user(), "repository": repository(), **members}


def commit(sha: str) -> dict[str, Any]:
    return {
        "type": "commit",
        "hash": sha,
        "author": {"type": "author", "raw": "Ada <ada@example.org>", "user": user()},
        "message": "Mend it\n\nAll of it.",
        "date": AT,
        "parents": [{"type": "commit", "hash": OLD}],
    }


def end(sha: str, name: str = "main", kind: str = "branch") -> dict[str, Any]:
    return {"type": kind, "name": name, "target": commit(sha), "links": html(f"branch/{name}")}


def change(new: Any, old: Any, **members: Any) -> dict[str, Any]:
    return {
        "new": new,
        "old": old,
        "created": old is None,
        "closed": new is None,
        "forced": False,
        "truncated": False,
        "commits": [commit(NEW)],
        **members,
    }


def push(*changes: dict[str, Any]) -> dict[str, Any]:
    return told(push={"changes": list(changes)})


def pull(**changes: Any) -> dict[str, Any]:
    return {
        "type": "pullrequest",
        "id": 12,
        "title": "Add a page",
        "description": "As asked.",
        "state": "OPEN",
        "draft": False,
        "author": user("bob", BOB),
        "source": {
            "branch": {"name": "page"},
            "commit": {"type": "commit", "hash": "2" * 12},
            "repository": repository(),
        },
        "destination": {
            "branch": {"name": "main"},
            "commit": {"type": "commit", "hash": "1" * 12},
            "repository": repository(),
        },
        "merge_commit": None,
        "close_source_branch": True,
        "reviewers": [],
        "participants": [],
        "created_on": AT,
        "updated_on": AT,
        "links": html("pull-requests/12"),
        **changes,
    }


def comment() -> dict[str, Any]:
    return {
        "id": 77,
        "content": {"raw": "/run", "markup": "markdown", "html": "<p>/run</p>"},
        "user": user("eve", "{aaaaaaaa-0000-4000-8000-000000000009}"),
        "inline": None,
        "created_on": AT,
        "updated_on": AT,
        "links": html("pull-requests/12/_/diff#comment-77"),
    }


def issue(**changes: Any) -> dict[str, Any]:
    return {
        "type": "issue",
        "id": 5,
        "title": "It is slow",
        "content": {"raw": "Very.", "markup": "markdown", "html": "<p>Very.</p>"},
        "reporter": user("bob", BOB),
        "state": "new",
        "kind": "bug",
        "priority": "major",
        "component": {"name": "web"},
        "created_on": AT,
        "updated_on": AT,
        "links": html("issues/5"),
        **changes,
    }


def status(url: str = "https://ci.example.org/1", **changes: Any) -> dict[str, Any]:
    return told(
        commit_status={
            "type": "build",
            "key": "ci/other",
            "name": "Other CI",
            "state": "FAILED",
            "description": "no",
            "url": url,
            "refname": "main",
            "commit": commit(NEW),
            "created_on": AT,
            "updated_on": AT,
            **changes,
        }
    )


def change_of_status(old: str, new: str) -> dict[str, Any]:
    changed = {"status": {"old": old, "new": new}}
    return told(issue=issue(state=new), comment=comment(), changes=changed)


APPROVAL = {"date": AT, "user": user("eve", "{aaaaaaaa-0000-4000-8000-000000000009}")}
PAYLOADS: dict[str, dict[str, Any]] = {
    "repo:push": push(change(end(NEW), end(OLD))),
    "repo:fork": told(fork=repository("eve/app", "{aaaaaaaa-0000-4000-8000-000000000044}")),
    "repo:commit_status_created": status(),
    "repo:commit_status_updated": status(),
    "pullrequest:created": told(pullrequest=pull()),
    "pullrequest:updated": told(pullrequest=pull()),
    "pullrequest:fulfilled": told(pullrequest=pull(state="MERGED")),
    "pullrequest:rejected": told(pullrequest=pull(state="DECLINED", reason="No.")),
    "pullrequest:approved": told(pullrequest=pull(), approval=APPROVAL),
    "pullrequest:unapproved": told(pullrequest=pull(), approval=APPROVAL),
    "pullrequest:changes_request_created": told(pullrequest=pull(), changes_request=APPROVAL),
    "pullrequest:changes_request_removed": told(pullrequest=pull(), changes_request=APPROVAL),
    "pullrequest:comment_created": told(pullrequest=pull(), comment=comment()),
    "pullrequest:comment_updated": told(pullrequest=pull(), comment=comment()),
    "pullrequest:comment_deleted": told(pullrequest=pull(), comment=comment()),
    "issue:created": told(issue=issue()),
    "issue:updated": change_of_status("new", "open"),
    "issue:comment_created": told(issue=issue(), comment=comment()),
}


def event(name: str) -> TriggerEvent:
    return webhooks.to_event(name, PAYLOADS[name])


def test_every_event_that_is_read_has_a_payload_here() -> None:
    assert set(PAYLOADS) == webhooks.EVENTS


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_every_event_names_its_repository_and_the_user_who_did_it(name: str) -> None:
    found = event(name)
    assert (found.repository_id, found.repository_full_name) == (APP, "team/app")
    assert (found.actor, found.actor_id) == ("ada", ADA)
    assert found.key.startswith(f"{found.type}:")
    assert len(found.key) <= 80


def test_a_push_names_branch_and_commit_and_no_paths() -> None:
    found = event("repo:push")
    assert (found.type, found.ref, found.branch) == ("push", "refs/heads/main", "main")
    assert (found.sha, found.before, found.changed_paths) == (NEW, OLD, None)
    assert (found.commit.title, found.commit.author) == ("Mend it", "Ada")


def test_one_push_of_several_refs_is_several_events() -> None:
    payload = push(
        change(end(NEW), end(OLD)),
        change(end(NEW, "v1", "tag"), None),
        change(None, end(OLD, "old")),
        change(end(NEW, "tip", "bookmark"), None),
    )
    made = webhooks.to_events("repo:push", payload)
    assert [(one.type, one.ref, one.sha, one.before) for one in made] == [
        ("push", "refs/heads/main", NEW, OLD),
        ("push", "refs/tags/v1", NEW, ZERO),
        ("delete", "refs/heads/old", "", OLD),
    ]
    assert len({one.key for one in made}) == 3
    assert made[2].is_deletion
    assert webhooks.to_event("repo:push", payload) == made[0]


def test_a_push_that_tells_no_change_is_ignored() -> None:
    with pytest.raises(IgnoredDeliveryError, match="no ref"):
        webhooks.to_events("repo:push", push())


@pytest.mark.parametrize(
    ("name", "action", "is_merged"),
    [
        ("pullrequest:created", "opened", False),
        ("pullrequest:updated", "synchronize", False),
        ("pullrequest:fulfilled", "merged", True),
        ("pullrequest:rejected", "closed", False),
    ],
)
def test_the_actions_of_pull_requests_have_our_names(
    name: str, action: str, is_merged: bool
) -> None:
    found = event(name)
    assert found.pull_request is not None
    assert (found.type, found.action, found.pull_request.is_merged) == (
        "pull_request", action, is_merged,
    )  # fmt: skip


def test_a_pull_request_carries_its_facts() -> None:
    found = event("pullrequest:created")
    assert (found.sha, found.branch, found.base_branch) == ("2" * 12, "page", "main")
    assert found.pull_request is not None
    assert (found.pull_request.number, found.pull_request.author_id) == (12, BOB)
    assert found.pull_request.state == "open"
    assert not found.is_from_fork


@pytest.mark.parametrize("origin", [repository("eve/app", BOB), None], ids=["other", "deleted"])
def test_a_change_from_another_repository_is_from_a_fork(origin: Any) -> None:
    source = {**pull()["source"], "repository": origin}
    payload = told(pullrequest=pull(source=source))
    assert webhooks.to_event("pullrequest:created", payload).is_from_fork


def test_new_commits_count_once_for_each_head() -> None:
    def key(**changes: Any) -> str:
        payload = told(pullrequest=pull(**changes))
        return webhooks.to_event("pullrequest:updated", payload).key

    other = {**pull()["source"], "commit": {"hash": "3" * 12}}
    assert key() == key(title="Another", updated_on="2027-01-01T00:00:00+00:00")
    assert key() != key(source=other)


@pytest.mark.parametrize(
    ("name", "action", "state"),
    [
        ("pullrequest:approved", "submitted", "approved"),
        ("pullrequest:unapproved", "dismissed", "dismissed"),
        ("pullrequest:changes_request_created", "submitted", "changes_requested"),
        ("pullrequest:changes_request_removed", "dismissed", "dismissed"),
    ],
)
def test_approvals_and_requests_for_changes_are_reviews(name: str, action: str, state: str) -> None:
    found = event(name)
    assert (found.type, found.action, found.review_state) == (
        "pull_request_review", action, state,
    )  # fmt: skip


def test_a_comment_on_a_pull_request_carries_both_facts() -> None:
    found = event("pullrequest:comment_created")
    assert found.type == "issue_comment"
    assert found.issue is not None
    assert found.pull_request is not None
    assert found.comment is not None
    assert (found.issue.number, found.pull_request.number, found.comment.body) == (12, 12, "/run")


def test_a_comment_on_an_issue_has_no_pull_request() -> None:
    found = event("issue:comment_created")
    assert found.issue is not None
    assert (found.issue.number, found.pull_request) == (5, None)


@pytest.mark.parametrize(
    ("old", "new", "action"),
    [
        ("new", "open", "edited"),
        ("open", "resolved", "closed"),
        ("wontfix", "open", "reopened"),
        ("closed", "duplicate", "edited"),
    ],
)
def test_an_issue_is_closed_or_reopened_by_its_status(old: str, new: str, action: str) -> None:
    assert webhooks.to_event("issue:updated", change_of_status(old, new)).action == action


@pytest.mark.parametrize(
    "page",
    [
        "https://bitbucket.org/team/app/pipelines/results/9",
        "https://bitbucket.org/team/app/addon/pipelines/home#!/results/9",
    ],
)
def test_the_status_of_a_pipeline_of_its_own_tells_of_a_run(page: str) -> None:
    found = webhooks.to_event("repo:commit_status_updated", status(page))
    assert found.ci is not None
    assert (found.type, found.ci.run_id, found.ci.status, found.ci.conclusion) == (
        "workflow_run", "9", "failed", "failure",
    )  # fmt: skip


def test_the_status_of_another_ci_is_a_status() -> None:
    found = event("repo:commit_status_created")
    assert found.ci is not None
    assert (found.type, found.sha, found.ci.run_id) == ("status", NEW, "")


def test_an_event_that_is_not_read_is_ignored() -> None:
    with pytest.raises(IgnoredDeliveryError):
        webhooks.to_event("repo:updated", told())


def test_headers_name_the_event_and_the_delivery() -> None:
    headers = {"x-event-key": "repo:push", "x-request-uuid": "u-1", "x-attempt-number": "2"}
    assert webhooks.event_name(headers, {}) == "repo:push"
    assert webhooks.delivery_id(headers) == "u-1"


def signed(secret: str, digest: str = "sha256") -> str:
    return f"{digest}={hmac.new(secret.encode(), BODY, digest).hexdigest()}"


@pytest.mark.parametrize(
    ("given_signature", "secret", "is_authentic"),
    [
        (signed("s"), "s", True),
        (signed("t"), "s", False),
        (signed("s").removeprefix("sha256="), "s", False),
        (signed("s", "sha1"), "s", False),
        (signed(""), "", False),
        ("sha256=" + "ü" * 64, "s", False),
        ("", "s", False),
    ],
)
def test_only_the_secret_signs(given_signature: str, secret: str, is_authentic: bool) -> None:
    headers = {"x-hub-signature": given_signature}
    assert webhooks.is_authentic(secret, headers, BODY) is is_authentic


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_member_may_be_anything(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PAYLOADS)))
    payload = data.draw(mutated(PAYLOADS[name]))
    try:
        outcome = [one.repository_full_name for one in webhooks.to_events(name, payload)]
    except (UnreadableDeliveryError, IgnoredDeliveryError) as error:
        outcome = [str(error)]
    assert all(outcome)
    assert outcome


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(sorted(PAYLOADS)), payload=st.dictionaries(st.text(), VALUES))
def test_any_object_at_all_is_refused_in_words(name: str, payload: dict[str, Any]) -> None:
    with pytest.raises(UnreadableDeliveryError, match="cannot be read"):
        webhooks.to_events(name, payload)
