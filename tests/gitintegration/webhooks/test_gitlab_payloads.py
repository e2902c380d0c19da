"""GitLab's deliveries become our events, and no body breaks the reader."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitintegration.clients.gitlab import webhooks
from gitintegration.clients.gitlab.fake import ci_payloads, payloads
from gitintegration.clients.protocol import (
    IgnoredDeliveryError,
    TriggerEvent,
    UnreadableDeliveryError,
)

A, B, C = "a" * 40, "b" * 40, "c" * 40
WEB = "https://gitlab.example"
PROJECT = payloads.project(WEB, 15, "acme/team/shop", name="The Shop")
FORK = payloads.project(WEB, 16, "eve/shop")
JO, EVE = payloads.user(4, "jo"), payloads.user(66, "eve")
COMMITS = [
    payloads.commit(B, "First\n\nBody", author="Jo", paths={"added": ["a.txt"]}),
    payloads.commit(C, "Second", author="Jo", paths={"modified": ["b/c.txt"], "removed": ["d"]}),
]


def request(**more: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "title": "Add a basket", "description": "It holds things.", "source_branch": "basket",
        "target_branch": "main", "last_commit": COMMITS[1], "author_id": 4,
    }  # fmt: skip
    return payloads.merge_request_attributes(PROJECT, 7, **{**facts, **more})


REQUEST = request()
ISSUE = payloads.issue_attributes(PROJECT, 3, title="Broken", author_id=4)
BUILDS = [ci_payloads.build(380, "unit", "success")]
EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("push", payloads.push(PROJECT, JO, "refs/heads/main", A, C, commits=COMMITS)),
    ("push", payloads.push(PROJECT, JO, "refs/heads/old", A, payloads.ZEROS)),
    ("tag_push", payloads.push(PROJECT, JO, "refs/tags/v1", payloads.ZEROS, A, checkout_sha=C)),
    ("merge_request", payloads.merge_request(PROJECT, JO, REQUEST, "open", label_titles=["ui"])),
    ("merge_request", payloads.merge_request(PROJECT, JO, REQUEST, "update", oldrev=B)),
    ("issue", payloads.issue(PROJECT, JO, ISSUE, "open", label_titles=["bug"])),
    ("note", payloads.note(PROJECT, EVE, 1244, "/deploy", REQUEST)),
    ("note", payloads.note(PROJECT, EVE, 1245, "Same here", ISSUE)),
    (
        "pipeline",
        ci_payloads.pipeline(
            PROJECT, JO, 31, status="success", ref="main", sha=C, builds=BUILDS,
            finished_at="2026-01-02 03:05:05 UTC",
        ),
    ),
    ("job", ci_payloads.job(PROJECT, JO, 31, 380, build_name="unit", build_status="failed",
                            ref="v1", sha=C, tag=True)),
    ("deployment", ci_payloads.deployment(PROJECT, JO, 15, status="success",
                                          environment="staging", sha=C)),
    ("release", ci_payloads.release(PROJECT, 1, "v1.1", "create", name="1.1", description="New",
                                    head=COMMITS[1])),
]  # fmt: skip


def read(name: str, payload: dict[str, Any]) -> TriggerEvent:
    """Through JSON, as a delivery comes."""
    return webhooks.to_event(name, json.loads(json.dumps(payload)))


@pytest.mark.parametrize("word", ["Push Hook", "Tag Push Hook", "Merge Request Hook", "Issue Hook",
                                  "Note Hook", "Confidential Note Hook", "Release Hook",
                                  "Pipeline Hook", "Job Hook", "Deployment Hook"])  # fmt: skip
def test_every_documented_header_names_an_event_that_is_read(word: str) -> None:
    assert webhooks.event_name({"x-gitlab-event": word}, {}) in webhooks.EVENTS


@pytest.mark.parametrize("word", ["Emoji Hook", "System Hook", "Wiki Page Hook", ""])
def test_other_headers_name_no_event_that_is_read(word: str) -> None:
    assert webhooks.event_name({"x-gitlab-event": word}, {}) not in webhooks.EVENTS


def test_only_the_hooks_own_secret_is_accepted() -> None:
    assert webhooks.is_authentic("s3cret", {"x-gitlab-token": "s3cret"}, b"")
    for given_token in ("", "s3cre", "s3cret ", "\ud800", "S3CRET"):
        assert not webhooks.is_authentic("s3cret", {"x-gitlab-token": given_token}, b"")
    assert not webhooks.is_authentic("s3cret", {}, b"")
    assert not webhooks.is_authentic("", {}, b"")
    assert not webhooks.is_authentic("", {"x-gitlab-token": ""}, b"")


def test_events_that_one_delivery_caused_are_told_apart() -> None:
    shared = {"x-gitlab-event-uuid": "same for both"}
    assert webhooks.delivery_id({**shared, "idempotency-key": "one"}) == "one"
    assert webhooks.delivery_id(shared) == ""


def test_a_push_names_its_commit_its_paths_and_who_pushed() -> None:
    event = read(*EXAMPLES[0])
    assert (event.type, event.branch, event.sha, event.before) == ("push", "main", C, A)
    assert (event.actor, event.actor_id) == ("jo", "4")
    assert (event.repository_id, event.repository_full_name) == ("15", "acme/team/shop")
    assert (event.commit.title, event.commit.author) == ("Second", "Jo")
    assert event.changed_paths == ("a.txt", "b/c.txt", "d")
    assert event.occurred_at == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("before", "commits", "total"), [(payloads.ZEROS, COMMITS, 2), (A, COMMITS, 21), (A, [], 0)]
)
def test_paths_are_unknown_where_gitlab_tells_a_part(
    before: str, commits: list[dict[str, Any]], total: int
) -> None:
    pushed = payloads.push(
        PROJECT, JO, "refs/heads/main", before, C, commits=commits, total_commits_count=total
    )
    assert read("push", pushed).changed_paths is None


def test_a_new_branch_is_a_push_from_nothing() -> None:
    pushed = payloads.push(PROJECT, JO, "refs/heads/new", payloads.ZEROS, C, commits=COMMITS)
    assert (read("push", pushed).type, read("push", pushed).before) == ("push", payloads.ZEROS)


def test_a_deleted_branch_is_a_deletion() -> None:
    event = read(*EXAMPLES[1])
    assert (event.type, event.branch, event.is_deletion) == ("delete", "old", True)
    assert (event.sha, event.before) == ("", A)


def test_an_annotated_tag_names_the_commit_that_it_marks() -> None:
    event = read(*EXAMPLES[2])
    assert (event.type, event.tag, event.branch, event.sha) == ("push", "v1", "", C)


LABELS = {"labels": {"previous": [], "current": payloads.labels(["ui"], 15)}}
UNLABELS = {"labels": {"previous": payloads.labels(["ui"], 15), "current": []}}
REVIEWERS = {"reviewers": {"previous": [], "current": [EVE]}}


@pytest.mark.parametrize(
    ("word", "more", "action"),
    [
        ("open", {}, "opened"),
        ("close", {}, "closed"),
        ("reopen", {}, "reopened"),
        ("merge", {}, "merged"),
        ("update", {"oldrev": B}, "synchronize"),
        ("update", {"changes": LABELS}, "labeled"),
        ("update", {"changes": UNLABELS}, "unlabeled"),
        ("update", {"changes": REVIEWERS}, "review_requested"),
        ("update", {"changes": {"title": {"previous": "a", "current": "b"}}}, "edited"),
        ("something new", {}, "edited"),
    ],
)
def test_actions_of_merge_requests_are_told_in_our_words(
    word: str, more: dict[str, Any], action: str
) -> None:
    event = read("merge_request", payloads.merge_request(PROJECT, JO, REQUEST, word, **more))
    assert (event.type, event.action) == ("pull_request", action)
    assert event.before == more.get("oldrev", "")


def test_a_merge_request_carries_its_facts() -> None:
    event = read(*EXAMPLES[3])
    assert event.pull_request is not None
    assert event.pull_request.number == 7
    assert event.pull_request.title == "Add a basket"
    assert event.pull_request.author == "jo"
    assert event.pull_request.labels == ("ui",)
    assert event.pull_request.head_repository == "acme/team/shop"
    assert (event.sha, event.branch, event.base_branch) == (C, "basket", "main")
    assert event.ref == "refs/merge-requests/7/head"
    assert not event.is_from_fork


@pytest.mark.parametrize(
    ("state", "is_open", "is_merged"),
    [("opened", True, False), ("locked", True, False), ("closed", False, False),
     ("merged", False, True)],
)  # fmt: skip
def test_states_of_merge_requests_are_told_in_our_words(
    state: str, is_open: bool, is_merged: bool
) -> None:
    found = read(
        "merge_request", payloads.merge_request(PROJECT, JO, request(state=state), "update")
    ).pull_request
    assert found is not None
    assert (found.state == "open", found.is_merged) == (is_open, is_merged)


def test_a_merge_request_of_another_project_is_from_a_fork() -> None:
    attributes = request(source=FORK, author_id=66)
    event = read("merge_request", payloads.merge_request(PROJECT, EVE, attributes, "open"))
    assert event.is_from_fork
    assert event.pull_request is not None
    assert event.pull_request.head_repository == "eve/shop"
    gone = copy.deepcopy(attributes) | {"source": None, "source_project_id": None}
    assert read("merge_request", payloads.merge_request(PROJECT, EVE, gone, "open")).is_from_fork
    silent = gone | {"target_project_id": None}
    assert read("merge_request", payloads.merge_request(PROJECT, EVE, silent, "open")).is_from_fork


def test_a_pipeline_of_a_merge_request_from_a_fork_is_told_as_such() -> None:
    about = {"iid": 7, "source_branch": "basket", "source_project_id": 16, "target_project_id": 15}
    ref = "refs/merge-requests/7/head"
    run = ci_payloads.pipeline(PROJECT, EVE, 31, ref=ref, sha=C, merge_request=about)
    assert (read("pipeline", run).is_from_fork, read("pipeline", run).branch) == (True, "basket")
    ours = ci_payloads.pipeline(PROJECT, JO, 31, sha=C)
    assert not read("pipeline", ours).is_from_fork


@pytest.mark.parametrize(
    ("word", "action", "state"),
    [("approved", "submitted", "approved"), ("approval", "submitted", "approved"),
     ("unapproved", "dismissed", "dismissed"), ("unapproval", "dismissed", "dismissed")],
)  # fmt: skip
def test_approvals_are_reviews(word: str, action: str, state: str) -> None:
    event = read("merge_request", payloads.merge_request(PROJECT, EVE, REQUEST, word))
    assert (event.type, event.action, event.review_state) == ("pull_request_review", action, state)
    assert (event.actor, event.pull_request and event.pull_request.author) == ("eve", "")


def test_a_comment_on_a_merge_request_carries_both_facts() -> None:
    event = read(*EXAMPLES[6])
    assert (event.type, event.action) == ("issue_comment", "created")
    assert event.comment is not None
    assert (event.comment.id, event.comment.body, event.comment.author) == (
        "1244",
        "/deploy",
        "eve",
    )
    assert event.pull_request is not None
    assert event.issue is not None
    assert (event.pull_request.number, event.issue.number, event.sha) == (7, 7, C)


def test_a_comment_on_an_issue_has_no_merge_request() -> None:
    event = read(*EXAMPLES[7])
    assert event.pull_request is None
    assert event.issue is not None
    assert (event.issue.number, event.issue.state) == (3, "open")


def test_notes_that_nobody_wrote_and_other_subjects_start_nothing() -> None:
    system = payloads.note(PROJECT, EVE, 1, "changed the title", ISSUE, system=True)
    on_commit = payloads.note(PROJECT, EVE, 1, "hm", ISSUE)
    on_commit["object_attributes"]["noteable_type"] = "Commit"
    task = payloads.issue(PROJECT, JO, ISSUE, "open") | {"object_kind": "work_item"}
    for name, body in (("note", system), ("note", on_commit), ("issue", task), ("emoji", {})):
        with pytest.raises(IgnoredDeliveryError):
            read(name, body)


def test_ci_and_releases_carry_their_facts() -> None:
    run, job, deployed, released = (read(*example) for example in EXAMPLES[-4:])
    assert run.ci is not None
    assert (run.ci.run_id, run.ci.name, run.ci.conclusion) == ("31", "Pipeline #31", "success")
    assert (run.action, run.branch, run.ref) == ("completed", "main", "refs/heads/main")
    assert job.ci is not None
    assert (job.ci.run_id, job.ci.job_id, job.ci.conclusion) == ("31", "380", "failure")
    assert (job.tag, job.ref) == ("v1", "refs/tags/v1")
    assert job.ci.web_url == f"{WEB}/acme/team/shop/-/jobs/380"
    assert (deployed.type, deployed.action, deployed.sha) == ("deployment_status", "success", C)
    assert released.release is not None
    assert (released.release.tag, released.action, released.sha) == ("v1.1", "published", C)


def test_one_happening_has_one_key_and_two_have_two() -> None:
    keys = [read(*example).key for example in EXAMPLES]
    assert keys == [read(*example).key for example in EXAMPLES]
    retried = ci_payloads.pipeline(
        PROJECT, JO, 31, status="success", ref="main", sha=C,
        builds=[ci_payloads.build(381, "unit", "success")], finished_at="2026-01-02 03:05:05 UTC",
    )  # fmt: skip
    later = payloads.merge_request(PROJECT, JO, request(updated_at="2026-01-03 UTC"), "open")
    keys += [read("pipeline", retried).key, read("merge_request", later).key]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) < 100


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.data())
def test_any_value_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    name, original = data.draw(st.sampled_from(EXAMPLES))
    payload = copy.deepcopy(original)
    for place in data.draw(st.lists(st.sampled_from(sorted(places(original), key=repr)),
                                    min_size=1, max_size=3)):  # fmt: skip
        payload = _with(payload, place, data.draw(JSON), remove=data.draw(st.booleans()))
    try:
        event = webhooks.to_event(name, payload)
    except (UnreadableDeliveryError, IgnoredDeliveryError):
        return
    assert event.type
    assert 0 < len(event.key) < 100


@given(st.sampled_from(sorted(webhooks.EVENTS)), JSON)
def test_any_document_is_read_or_refused(name: str, payload: Any) -> None:
    with pytest.raises((UnreadableDeliveryError, IgnoredDeliveryError)):
        webhooks.to_event(name, payload)


def _with(document: Any, place: tuple[Any, ...], value: Any, *, remove: bool) -> Any:
    if not place:
        return value
    holder = document
    for step in place[:-1]:
        if not isinstance(holder, dict | list) or not _has(holder, step):
            return document
        holder = holder[step]
    if isinstance(holder, dict):
        if remove:
            holder.pop(place[-1], None)
        else:
            holder[place[-1]] = value
    return document


def _has(holder: Any, step: Any) -> bool:
    if isinstance(holder, dict):
        return step in holder
    return isinstance(step, int) and step < len(holder)
