"""What GitHub delivers becomes our one event, compared with GitHub's published examples."""

import functools
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitintegration.clients.fakes.model import Hook
from gitintegration.clients.fakes.server import serving
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.github import webhooks
from gitintegration.clients.github.fake.app import create_app
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)
from tests.gitintegration.webhooks.mutations import VALUES, mutated
from tests.vendor import GITHUB_WEBHOOKS, vendor_file

WANTED = [
    "push", "pull_request", "pull_request_review", "issues", "issue_comment", "create", "delete",
    "release", "workflow_run", "workflow_job", "deployment", "deployment_status", "check_run",
    "check_suite", "status", "fork", "ping",
]  # fmt: skip
STATUSES = {"queued", "pending", "in_progress", "completed", "failed", "cancelled", "skipped"}


@functools.cache
def examples() -> dict[str, list[dict[str, Any]]]:
    listed = json.loads(vendor_file(GITHUB_WEBHOOKS).read_bytes())
    return {entry["name"]: entry["examples"] for entry in listed}


def example(name: str, **members: Any) -> dict[str, Any]:
    """The first published one whose members are these."""
    return next(
        payload
        for payload in examples()[name]
        if all(payload.get(member) == value for member, value in members.items())
    )


def event(name: str, payload: dict[str, Any]) -> TriggerEvent:
    return webhooks.to_event(name, payload)


def changed(payload: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(payload))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return copy


def test_every_event_that_the_domain_names_is_read() -> None:
    assert sorted(webhooks.EVENTS) == sorted(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_every_published_example_is_read(name: str) -> None:
    for payload in examples()[name]:
        is_ignored = name == "ping" or (name == "push" and payload["deleted"])
        if is_ignored:
            with pytest.raises(IgnoredDeliveryError):
                event(name, payload)
            continue
        found = event(name, payload)
        assert found.type == ("issue" if name == "issues" else name)
        assert found.repository_id == str(payload["repository"]["id"])
        assert found.repository_full_name == payload["repository"]["full_name"]
        assert found.actor == payload["sender"]["login"]
        assert found.actor_id == str(payload["sender"]["id"])
        assert found.occurred_at or name == "push"
        assert found.key == event(name, json.loads(json.dumps(payload))).key
        if found.ci is not None:
            assert found.ci.status in STATUSES


@pytest.mark.parametrize("name", ["star", "watch", "repository", "no-such-event"])
def test_other_events_start_nothing(name: str) -> None:
    with pytest.raises(IgnoredDeliveryError):
        event(name, {"action": "created"})


def test_a_push_tells_its_branch_and_commit() -> None:
    payload = example("push", ref="refs/heads/master")
    found = event("push", payload)
    assert (found.branch, found.sha) == ("master", payload["after"])
    assert found.commit.sha == payload["after"]
    assert found.commit.title == payload["head_commit"]["message"]
    # A new branch is not compared with anything.
    assert found.changed_paths is None


def test_a_push_tells_the_paths_that_it_changed() -> None:
    payload = {**example("push", ref="refs/heads/master"), "created": False, "before": "1" * 40}
    commit = {**payload["commits"][0], "added": ["b"], "modified": ["a"], "removed": ["c"]}
    payload["commits"] = [commit]
    assert event("push", payload).changed_paths == ("a", "b", "c")
    assert event("push", {**payload, "forced": True}).changed_paths is None


def test_a_pull_request_tells_where_it_comes_from() -> None:
    payload = example("pull_request", action="opened")
    pull = payload["pull_request"]
    found = event("pull_request", payload)
    assert (found.action, found.branch, found.base_branch) == (
        "opened", pull["head"]["ref"], pull["base"]["ref"],
    )  # fmt: skip
    assert found.sha == pull["head"]["sha"]
    assert not found.is_from_fork
    assert found.pull_request is not None
    assert found.pull_request.author_id == str(pull["user"]["id"])
    fork = changed(payload, "pull_request", "head", "repo", "id", to=1)
    assert event("pull_request", fork).is_from_fork
    gone = changed(payload, "pull_request", "head", "repo", to=None)
    assert event("pull_request", gone).is_from_fork


def test_a_merge_is_told_as_such() -> None:
    payload = example("pull_request", action="closed")
    assert event("pull_request", payload).action == "closed"
    merged = changed(payload, "pull_request", "merged", to=True)
    assert event("pull_request", merged).action == "merged"


def test_a_new_head_is_told_once_and_a_label_each_time() -> None:
    payload = example("pull_request", action="synchronize")
    later = changed(payload, "pull_request", "updated_at", to="2030-01-01T00:00:00Z")
    assert event("pull_request", payload).key == event("pull_request", later).key
    labeled = example("pull_request", action="labeled")
    again = changed(labeled, "pull_request", "updated_at", to="2030-01-01T00:00:00Z")
    assert event("pull_request", labeled).key != event("pull_request", again).key


def test_a_comment_on_a_pull_request_is_not_taken_for_the_repositorys_own() -> None:
    payload = example("issue_comment", action="created")
    found = event("issue_comment", payload)
    assert found.comment is not None
    assert found.comment.body == payload["comment"]["body"]
    assert (found.pull_request, found.is_from_fork) == (None, False)
    on_pull = changed(payload, "issue", "pull_request", to={"url": "x"})
    assert event("issue_comment", on_pull).is_from_fork
    assert event("issue_comment", on_pull).pull_request is not None


def test_a_made_and_a_removed_tag_are_told() -> None:
    made, removed = event("create", example("create")), event("delete", example("delete"))
    assert (made.tag, made.ref, made.is_deletion) == ("simple-tag", "refs/tags/simple-tag", False)
    assert (removed.tag, removed.is_deletion) == ("simple-tag", True)


def test_a_run_of_a_fork_is_told_as_such() -> None:
    payload = example("workflow_run", action="completed")
    assert not event("workflow_run", payload).is_from_fork
    fork = changed(payload, "workflow_run", "head_repository", "id", to=1)
    assert event("workflow_run", fork).is_from_fork


def test_an_unknown_word_of_the_hosts_ci_is_no_error() -> None:
    payload = changed(example("workflow_job"), "workflow_job", "status", to="dreaming")
    found = event("workflow_job", payload)
    assert found.ci is not None
    assert (found.ci.status, found.ci.conclusion) == ("pending", found.ci.conclusion)


def members(value: Any, path: str = "") -> set[tuple[str, str]]:
    """Where a payload has something, and of which kind; what is null may be anything."""
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inner = [(f"{path}.{name}", member) for name, member in value.items()]
    elif isinstance(value, list):
        inner = [(f"{path}[]", member) for member in value]
    found = set() if value is None else {(path, type(value).__name__)}
    return found.union(*(members(member, where) for where, member in inner))


# The examples show these as null, empty or not at all; the words around them say what they are.
NOT_SHOWN = {
    ".forkee.language", ".repository.language", ".issue.pull_request", ".commits[].modified[]",
    ".head_commit.modified[]", ".pull_request.merged_at",
}  # fmt: skip


def unpublished(headers: dict[str, str], body: bytes) -> list[tuple[str, str, str]]:
    """What our fake's delivery has that no published example of the event has."""
    name = headers["x-github-event"]
    known = set().union(*(members(payload) for payload in examples()[name]))
    told = {path for path, _ in known}
    return [
        (name, path, kind)
        for path, kind in sorted(members(json.loads(body)) - known)
        if path not in NOT_SHOWN and (path in told or path.rsplit(".", 1)[0] in told)
    ]


SECRET, BODY = "s3cret-of-the-hook", b'{"zen": "x"}'


def signed(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}=" + hmac.new(secret.encode(), body, algorithm).hexdigest()


def test_only_the_secrets_signature_of_the_very_bytes_is_authentic() -> None:
    header = "x-hub-signature-256"
    assert webhooks.is_authentic(SECRET, {header: signed(SECRET, BODY)}, BODY)
    for headers in (
        {}, {header: ""}, {header: signed("other", BODY)}, {header: signed(SECRET, BODY + b" ")},
        {header: signed(SECRET, BODY).removeprefix("sha256=")}, {header: "sha256=ä"},
        {header: signed(SECRET, BODY, "sha1")}, {"x-hub-signature": signed(SECRET, BODY, "sha1")},
    ):  # fmt: skip
        assert not webhooks.is_authentic(SECRET, headers, BODY)


def test_an_empty_secret_authenticates_nothing() -> None:
    given = {"x-hub-signature-256": signed("", BODY)}
    assert not webhooks.is_authentic("", given, BODY)


@given(data=st.data(), name=st.sampled_from([name for name in WANTED if name != "ping"]))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_member_of_any_other_type_is_told_or_does_not_matter(
    data: st.DataObject, name: str
) -> None:
    payload = data.draw(mutated(data.draw(st.sampled_from(examples()[name]))))
    try:
        found = event(name, payload)
    except (UnreadableDeliveryError, IgnoredDeliveryError):
        return
    json.dumps(found.payload(_ID, _ID))
    assert found.key.startswith(found.type)


@given(value=VALUES, name=st.sampled_from(WANTED))
def test_anything_at_all_is_refused_in_words(value: Any, name: str) -> None:
    with pytest.raises((UnreadableDeliveryError, IgnoredDeliveryError)):
        event(name, value)


def test_what_our_fake_delivers_is_authentic_and_read(tmp_path: Path) -> None:
    state = HostState(tmp_path)
    ada = state.add_user("ada")
    got: list[tuple[dict[str, str], bytes]] = []

    def post(_url: str, headers: Any, body: bytes) -> int:
        got.append((dict(headers), body))
        return 202

    state.courier.post = post
    with serving(create_app, state):
        repo = state.add_repository("ada/one", files={"a.txt": "a\n"})
        hook: Hook = state.add_hook(repo, "https://ci.example.com/in", SECRET, ["*"])
        state.push_file(repo, "topic", "a.txt", "b\n", user=ada)
        pull = state.talk.open_pull(repo, "topic", user=ada)
        state.talk.comment(repo, pull, "Well", ada)
        state.talk.review(repo, pull, ada, "approved")
        state.talk.open_issue(repo, "Broken", user=ada)
        state.talk.set_status(repo, pull.head_sha, "ci", "success")
        state.talk.release(repo, "v1", user=ada)
        state.ci.advance_run(repo, state.ci.start_run(repo, user=ada))
        state.talk.merge_pull(repo, pull, ada)
        state.fork(repo, state.add_user("bob"))
        state.settle()
        assert len(hook.deliveries) == len(got)
    types = set()
    assert [strange for headers, body in got for strange in unpublished(headers, body)] == []
    for headers, body in got:
        assert webhooks.is_authentic(SECRET, headers, body)
        assert webhooks.delivery_id(headers)
        payload = json.loads(body)
        found = event(webhooks.event_name(headers, payload), payload)
        assert (found.repository_full_name, found.key != "") == ("ada/one", True)
        types.add(found.type)
    assert types == {
        "create", "push", "pull_request", "pull_request_review", "issue", "issue_comment",
        "status", "release", "workflow_run", "workflow_job", "fork",
    }  # fmt: skip


_ID: Any = hashlib.sha256(b"any").hexdigest()
