"""What Gitea and Forgejo deliver becomes our one event.

The payloads are built field by field from the documented structures (Gitea documentation,
"Webhooks", and the payload types of its API package); nothing was captured.
"""

import hmac
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitintegration.clients.gitea import webhooks
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)
from tests.gitintegration.webhooks.mutations import VALUES, mutated

OLD, NEW, ZERO = "1" * 40, "2" * 40, "0" * 40
AT = "2026-05-04T10:11:12Z"
BODY = b'{"a":1}'


def user(login: str = "ada", number: int = 7) -> dict[str, Any]:
    return {"id": number, "login": login, "username": login, "email": f"{login}@example.org"}


def repository(full_name: str = "team/app", number: int = 3) -> dict[str, Any]:
    owner, name = full_name.split("/")
    return {
        "id": number,
        "name": name,
        "full_name": full_name,
        "owner": user(owner, 20),
        "private": True,
        "default_branch": "main",
        "html_url": f"https://git.example.org/{full_name}",
        "clone_url": f"https://git.example.org/{full_name}.git",
    }


def told(**members: Any) -> dict[str, Any]:
    return {"repository": repository(), "sender": user(), **members}


def commit(sha: str = NEW, **paths: list[str]) -> dict[str, Any]:
    return {
        "id": sha,
        "message": "Mend it\n\nAll of it.",
        "url": f"https://git.example.org/team/app/commit/{sha}",
        "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"},
        "committer": {"name": "Ada", "email": "ada@example.org", "username": "ada"},
        "verification": None,
        "timestamp": AT,
        "added": paths.get("added", []),
        "removed": paths.get("removed"),
        "modified": paths.get("modified", []),
    }


def push(**changes: Any) -> dict[str, Any]:
    listed = [commit(added=["b.py"], modified=["a.py"])]
    return told(
        **{
            "ref": "refs/heads/main",
            "before": OLD,
            "after": NEW,
            "compare_url": "https://git.example.org/team/app/compare/1...2",
            "commits": listed,
            "total_commits": 1,
            "head_commit": listed[0],
            "pusher": user(),
            **changes,
        }
    )


def pull(**changes: Any) -> dict[str, Any]:
    return {
        "id": 91,
        "number": 12,
        "user": user("bob", 8),
        "title": "Add a page",
        "body": "As asked.",
        "labels": [{"id": 1, "name": "ready", "color": "00aabb"}],
        "state": "open",
        "draft": False,
        "merged": False,
        "merged_at": None,
        "html_url": "https://git.example.org/team/app/pulls/12",
        "head": {"label": "page", "ref": "page", "sha": NEW, "repo_id": 3, "repo": repository()},
        "base": {"label": "main", "ref": "main", "sha": OLD, "repo_id": 3, "repo": repository()},
        "created_at": AT,
        "updated_at": AT,
        **changes,
    }


def pull_told(action: str, **changes: Any) -> dict[str, Any]:
    return told(action=action, number=12, pull_request=pull(**changes))


def issue(**changes: Any) -> dict[str, Any]:
    return {
        "id": 400,
        "number": 5,
        "user": user("bob", 8),
        "title": "It is slow",
        "body": "Very.",
        "labels": [{"id": 2, "name": "bug"}],
        "state": "open",
        "html_url": "https://git.example.org/team/app/issues/5",
        "created_at": AT,
        "updated_at": AT,
        "pull_request": None,
        **changes,
    }


def comment() -> dict[str, Any]:
    return {
        "id": 77,
        "html_url": "https://git.example.org/team/app/issues/5#issuecomment-77",
        "user": user("eve", 9),
        "body": "/run",
        "created_at": AT,
        "updated_at": AT,
    }


def run(**changes: Any) -> dict[str, Any]:
    return {
        "id": 31,
        "display_title": "Mend it",
        "path": "ci.yml@refs/heads/main",
        "event": "push",
        "run_attempt": 1,
        "run_number": 4,
        "head_sha": NEW,
        "head_branch": "main",
        "status": "completed",
        "conclusion": "failure",
        "html_url": "https://git.example.org/team/app/actions/runs/4",
        "started_at": AT,
        "completed_at": AT,
        **changes,
    }


def job() -> dict[str, Any]:
    return {
        "id": 61,
        "run_id": 31,
        "name": "unit",
        "labels": ["linux"],
        "run_attempt": 1,
        "head_sha": NEW,
        "head_branch": "main",
        "status": "in_progress",
        "runner_id": 2,
        "runner_name": "one",
        "steps": [],
        "html_url": "https://git.example.org/team/app/actions/runs/4/jobs/0",
        "started_at": AT,
    }


def release() -> dict[str, Any]:
    return {
        "id": 15,
        "tag_name": "v1.2",
        "name": "One dot two",
        "body": "Better.",
        "draft": False,
        "prerelease": True,
        "html_url": "https://git.example.org/team/app/releases/tag/v1.2",
        "published_at": AT,
    }


def status() -> dict[str, Any]:
    return told(
        id=3, sha=NEW, state="success", context="ci/other", description="fine",
        target_url="https://ci.example.org/1", created_at=AT, updated_at=AT, commit=commit(),
    )  # fmt: skip


PAYLOADS: dict[str, dict[str, Any]] = {
    "push": push(),
    "create": told(ref="v1", ref_type="tag", sha=NEW),
    "delete": told(ref="old", ref_type="branch", pusher_type="user"),
    "pull_request": pull_told("opened"),
    "pull_request_review": {
        **pull_told("reviewed"),
        "review": {"type": "pull_request_review_approved", "content": "Good."},
    },
    "issues": told(action="opened", number=5, issue=issue()),
    "issue_comment": told(action="created", issue=issue(), comment=comment(), is_pull=False),
    "release": told(action="published", release=release()),
    "workflow_run": told(
        action="completed", workflow={"id": "ci.yml", "name": "CI"}, workflow_run=run()
    ),
    "workflow_job": told(action="in_progress", workflow_job=job()),
    "status": status(),
    "fork": {**told(forkee=repository()), "repository": repository("eve/app", 44)},
}


def event(name: str, **changes: Any) -> TriggerEvent:
    return webhooks.to_event(name, {**PAYLOADS[name], **changes})


def test_every_event_that_is_read_has_a_payload_here() -> None:
    assert set(PAYLOADS) == webhooks.EVENTS


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_every_event_names_its_repository_and_the_user_who_did_it(name: str) -> None:
    found = event(name)
    assert (found.repository_id, found.repository_full_name) == ("3", "team/app")
    assert (found.actor, found.actor_id) == ("ada", "7")
    assert found.key.startswith(f"{found.type}:")
    assert len(found.key) <= 80
    assert webhooks.to_event(name, PAYLOADS[name]) == found


def test_a_push_names_branch_commit_and_paths() -> None:
    found = event("push")
    assert (found.ref, found.branch, found.sha, found.before) == (
        "refs/heads/main", "main", NEW, OLD,
    )  # fmt: skip
    assert found.changed_paths == ("a.py", "b.py")
    assert (found.commit.title, found.commit.author) == ("Mend it", "Ada")


def test_a_push_of_more_commits_than_were_sent_tells_no_paths() -> None:
    assert event("push", total_commits=6).changed_paths is None


def test_the_first_push_of_a_branch_tells_no_paths() -> None:
    assert event("push", before=ZERO).changed_paths is None


def test_a_test_delivery_starts_nothing() -> None:
    with pytest.raises(IgnoredDeliveryError, match="test delivery"):
        event("push", before=NEW)


def test_a_created_tag_and_a_deleted_branch_name_their_ref() -> None:
    made, gone = event("create"), event("delete")
    assert (made.type, made.ref, made.tag, made.sha) == ("create", "refs/tags/v1", "v1", NEW)
    assert (gone.ref, gone.branch, gone.is_deletion) == ("refs/heads/old", "old", True)


@pytest.mark.parametrize(
    ("told_action", "changes", "action"),
    [
        ("opened", {}, "opened"),
        ("synchronized", {}, "synchronize"),
        ("edited", {}, "edited"),
        ("reopened", {}, "reopened"),
        ("label_updated", {}, "labeled"),
        ("label_cleared", {}, "unlabeled"),
        ("review_requested", {}, "review_requested"),
        ("closed", {"state": "closed"}, "closed"),
        ("closed", {"state": "closed", "merged": True}, "merged"),
    ],
)
def test_the_actions_of_pull_requests_have_our_names(
    told_action: str, changes: dict[str, Any], action: str
) -> None:
    found = webhooks.to_event("pull_request", pull_told(told_action, **changes))
    assert found.action == action


def test_a_pull_request_carries_its_facts() -> None:
    found = event("pull_request")
    assert (found.sha, found.branch, found.base_branch) == (NEW, "page", "main")
    assert found.pull_request is not None
    assert (found.pull_request.number, found.pull_request.author_id) == (12, "8")
    assert found.pull_request.labels == ("ready",)
    assert not found.is_from_fork


@pytest.mark.parametrize(
    "head",
    [
        {"ref": "page", "sha": NEW, "repo_id": 44, "repo": repository("eve/app", 44)},
        {"ref": "page", "sha": NEW, "repo_id": 44, "repo": None},
        {"ref": "refs/pull/12/head", "sha": NEW, "repo_id": 3, "repo": repository()},
    ],
    ids=["another repository", "a deleted repository", "pushed for review by anyone"],
)
def test_a_change_from_elsewhere_is_from_a_fork(head: dict[str, Any]) -> None:
    assert webhooks.to_event("pull_request", pull_told("opened", head=head)).is_from_fork


def test_new_commits_count_once_for_each_head() -> None:
    first = webhooks.to_event("pull_request", pull_told("synchronized"))
    later = webhooks.to_event("pull_request", pull_told("synchronized", updated_at="2026-05-05"))
    other = pull()["head"] | {"sha": "3" * 40}
    third = webhooks.to_event("pull_request", pull_told("synchronized", head=other))
    assert first.key == later.key != third.key


@pytest.mark.parametrize(
    ("header", "kind", "state"),
    [
        ("pull_request_approved", "pull_request_review_approved", "approved"),
        ("pull_request_rejected", "pull_request_review_rejected", "changes_requested"),
        ("pull_request_comment", "pull_request_review_comment", "commented"),
    ],
)
def test_the_three_names_of_a_review_are_one(header: str, kind: str, state: str) -> None:
    name = webhooks.event_name({"x-gitea-event": header}, {})
    found = event(name, review={"type": kind, "content": ""})
    assert (found.type, found.action, found.review_state) == (
        "pull_request_review", "submitted", state,
    )  # fmt: skip


def test_a_comment_on_an_issue_carries_both() -> None:
    found = event("issue_comment")
    assert found.issue is not None
    assert found.comment is not None
    assert (found.issue.number, found.comment.body, found.comment.author_id) == (5, "/run", "9")
    assert found.pull_request is None


def test_a_comment_on_a_pull_request_carries_its_head() -> None:
    found = event("issue_comment", is_pull=True, pull_request=pull())
    assert found.pull_request is not None
    assert (found.pull_request.number, found.sha, found.is_from_fork) == (12, NEW, False)


def test_without_the_pull_request_a_comment_on_it_may_be_from_a_fork() -> None:
    found = event("issue_comment", is_pull=True)
    assert found.pull_request is not None
    assert found.is_from_fork


def test_a_release_names_its_tag() -> None:
    found = event("release")
    assert (found.tag, found.action) == ("v1.2", "published")
    assert found.release is not None
    assert found.release.is_prerelease


def test_a_run_and_a_job_say_how_they_went_in_our_words() -> None:
    ran, works = event("workflow_run"), event("workflow_job")
    assert ran.ci is not None
    assert works.ci is not None
    assert (ran.ci.run_id, ran.ci.name, ran.ci.status, ran.ci.conclusion) == (
        "31", "CI", "failed", "failure",
    )  # fmt: skip
    assert (works.ci.run_id, works.ci.job_id, works.ci.status) == ("31", "61", "in_progress")


def test_a_fork_is_told_by_the_original() -> None:
    assert event("fork").repository_full_name == "team/app"


def test_forgejo_and_old_servers_are_understood_by_their_github_headers() -> None:
    headers = {"x-github-event": "push", "x-github-delivery": "d-1"}
    assert webhooks.event_name(headers, {}) == "push"
    assert webhooks.delivery_id(headers) == "d-1"
    assert webhooks.delivery_id({**headers, "x-gitea-delivery": "d-2"}) == "d-2"


def test_an_event_that_is_not_read_is_ignored() -> None:
    with pytest.raises(IgnoredDeliveryError):
        webhooks.to_event("wiki", told(action="created"))


def signed(secret: str, digest: str = "sha256") -> str:
    return hmac.new(secret.encode(), BODY, digest).hexdigest()


@pytest.mark.parametrize(
    ("headers", "secret", "is_authentic"),
    [
        ({"x-gitea-signature": signed("s")}, "s", True),
        ({"x-hub-signature-256": f"sha256={signed('s')}"}, "s", True),
        ({"x-gitea-signature": signed("t")}, "s", False),
        ({"x-hub-signature": f"sha1={signed('s', 'sha1')}"}, "s", False),
        ({"x-gitea-signature": signed("s", "sha1")}, "s", False),
        ({"x-gitea-signature": "ü" * 64}, "s", False),
        ({"x-gitea-signature": signed("")}, "", False),
        ({}, "s", False),
    ],
)
def test_only_the_secret_signs(headers: dict[str, str], secret: str, is_authentic: bool) -> None:
    assert webhooks.is_authentic(secret, headers, BODY) is is_authentic


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_member_may_be_anything(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PAYLOADS)))
    payload = data.draw(mutated(PAYLOADS[name]))
    try:
        outcome = webhooks.to_event(name, payload).repository_full_name
    except (UnreadableDeliveryError, IgnoredDeliveryError) as error:
        outcome = str(error)
    assert outcome


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(sorted(PAYLOADS)), payload=st.dictionaries(st.text(), VALUES))
def test_any_object_at_all_is_refused_in_words(name: str, payload: dict[str, Any]) -> None:
    with pytest.raises(UnreadableDeliveryError, match="cannot be read"):
        webhooks.to_event(name, payload)
