"""Workflow triggers: matched in their order, with the variables that were asked for."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from devops.access import Actor
from devops.errors import Invalid
from gitintegration.clients.protocol import PullRequestFacts, TriggerEvent
from gitintegration.models import GitWorkflowTrigger
from gitintegration.operations.trigger_tests import try_trigger
from gitintegration.operations.workflow_triggers import (
    create_trigger,
    decide,
    lookup,
    update_trigger,
)
from tests.client import ApiClient
from tests.factories.devops import actor_of
from tests.factories.gitintegration import WorkflowTriggerFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, told

pytestmark = pytest.mark.django_db
TARGET = {"kind": "webhook", "url": "http://127.0.0.1:9/start"}
RAW: dict[str, Any] = {
    "ref": "refs/heads/main", "action": "opened", "nothing": None,
    "pull_request": {"labels": [{"name": "urgent"}, {"name": "bug"}], "number": 7, "draft": False},
}  # fmt: skip
PUSH = TriggerEvent(
    "push", "k", ref="refs/heads/main", branch="main", sha="c" * 40, actor="ada",
    changed_paths=("src/app.py", "docs/guide.md"), repository_full_name="acme/widgets",
)  # fmt: skip


@pytest.fixture
def actor(alice: ApiClient, settings: Settings) -> Actor:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    return actor_of(alice)


def rule(**facts: Any) -> GitWorkflowTrigger:
    return GitWorkflowTrigger(**{"event_type": "push", "branch_pattern": "*", **facts})


def matches(told_event: TriggerEvent = PUSH, **facts: Any) -> bool:
    return decide(rule(**facts), told_event, RAW, {"provider": "gitea"}).is_match


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*", True), ("main", True), ("m*", True), ("m?in", True), ("trunk", False), ("mai", False)],
)
def test_a_branch_is_matched_by_glob_or_equality(pattern: str, expected: bool) -> None:
    assert matches(branch_pattern=pattern) is expected


def test_an_unknown_branch_passes() -> None:
    assert matches(TriggerEvent("push", "k"), branch_pattern="main")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", True), ("src/", True), ("src/*.py", True), ("docs/*", True), ("*.md", True),
        ("app.py", False), ("lib/", False), ("src/*.go", False),
    ],
)  # fmt: skip
def test_a_path_is_matched_by_prefix_or_glob(pattern: str, expected: bool) -> None:
    assert matches(path_pattern=pattern) is expected


def test_without_changed_paths_a_path_rule_does_not_match() -> None:
    event = TriggerEvent("push", "k", branch="main", changed_paths=None)
    assert not matches(event, path_pattern="src/")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"action": "opened"}, True),
        ({"action": "closed"}, False),
        ({"action": ["closed", "opened"]}, True),
        ({"action": []}, False),
        ({"action": "/^op/"}, True),
        ({"action": "/^en/"}, False),
        ({"action": ["/^x/", "/ned$/"]}, True),
        ({"pull_request.labels.1.name": "bug"}, True),
        ({"pull_request.labels.2.name": "bug"}, False),
        ({"pull_request.number": 7}, True),
        ({"pull_request.number": "7"}, False),
        ({"pull_request.draft": False}, True),
        ({"not.there": "x"}, False),
        ({"provider": "gitea"}, True),
        ({"action": "opened", "pull_request.number": 8}, False),
        ({"action": "/"}, False),
    ],
)
def test_filters_must_all_hold(filters: dict[str, Any], expected: bool) -> None:
    assert matches(event_filters=filters) is expected


def test_the_first_thing_that_does_not_hold_is_the_reason() -> None:
    wrong = {"branch_pattern": "x", "path_pattern": "x", "event_filters": {"action": "x"}}
    order = ["event", "branch", "paths", "action"]
    for number, word in enumerate(order):
        facts = dict(wrong)
        facts["event_type"] = "release" if number == 0 else "push"
        for name in list(wrong)[: max(0, number - 1)]:
            del facts[name]
        if number == 0:
            facts |= wrong
        decision = decide(rule(**facts), PUSH, RAW, {})
        assert word in decision.reason
        assert not decision.is_match
        assert decision.variables == {}


@pytest.mark.parametrize(
    ("event", "asked", "expected"),
    [
        (TriggerEvent("create", "k", tag="v1", ref="refs/tags/v1"), "tag", True),
        (TriggerEvent("create", "k", tag="v1", ref="refs/tags/v1"), "create", True),
        (TriggerEvent("pull_request_review_comment", "k"), "pull_request_comment", True),
        (TriggerEvent("issue_comment", "k"), "pull_request_comment", False),
        (TriggerEvent("issue_comment", "k", pull_request=PullRequestFacts(1)),
         "pull_request_comment", True),
    ],
)  # fmt: skip
def test_an_event_has_the_names_that_rules_know(
    event: TriggerEvent, asked: str, expected: bool
) -> None:
    assert matches(event, event_type=asked) is expected


def test_variables_are_those_of_the_event_and_those_mapped() -> None:
    mapping = {
        "label": "pull_request.labels.0.name", "gone": "not.there", "null": "nothing",
        "by": "provider",
    }  # fmt: skip
    payload = {"provider": "gitea", "repository_id": "r1"}
    found = dict(decide(rule(payload_mapping=mapping), PUSH, RAW, payload).variables)
    assert found.pop("git_timestamp")
    assert found == {
        "label": "urgent", "by": "gitea", "git_event_type": "push", "git_provider": "gitea",
        "git_repository_id": "r1", "git_repository_name": "acme/widgets",
        "git_ref": "refs/heads/main", "git_sha": "c" * 40, "git_actor": "ada",
    }  # fmt: skip


def test_the_events_own_variables_cannot_be_covered() -> None:
    found = decide(rule(payload_mapping={"git_sha": "action"}), PUSH, RAW, {}).variables
    assert found["git_sha"] == "c" * 40


@pytest.mark.parametrize("path", ["a.b", "0", "pull_request.labels.-1", "", "."])
def test_a_path_to_nothing_is_nothing(path: str) -> None:
    assert lookup(RAW, path) is None


def push(site: Site) -> None:
    world = site.world
    world.state.push_file(world.widgets, "main", "a", str(len(told("git.push"))))
    site.receive()


@ON_GITEA
def test_a_push_fires_the_rules_that_match_and_no_other(site: Site) -> None:
    mirror = site.hooked()
    account = site.provider.account
    other = site.mirror(site.world.state.add_repository("acme/gadgets", files={"a": "b"}))
    everywhere = WorkflowTriggerFactory.create(account=account)
    here = WorkflowTriggerFactory.create(account=account, repository=mirror)
    for facts in (
        {"repository": other}, {"is_active": False}, {"status": "paused"}, {"status": "error"},
        {"event_type": "release"}, {"branch_pattern": "trunk"},
    ):  # fmt: skip
        WorkflowTriggerFactory.create(account=account, **facts)
    WorkflowTriggerFactory.create()
    push(site)
    fired = told("git.workflow_trigger")
    assert {each["trigger_id"] for each in fired} == {str(everywhere.pk), str(here.pk)}
    assert fired[0]["target"] == everywhere.target
    assert fired[0]["variables"]["git_sha"] == site.world.head
    here.refresh_from_db()
    assert here.trigger_count == 1
    assert here.last_triggered_at is not None
    assert here.metadata["last_event_id"] == fired[0]["event_id"]
    push(site)
    here.refresh_from_db()
    assert here.trigger_count == 2


@ON_GITEA
@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({"event_filters": {"ref": "/(/"}}, "error"),
        ({"branch_pattern": "*?" * 127}, "active"),
        ({"path_pattern": "*" * 255}, "active"),
    ],
)
def test_a_rule_that_cannot_be_read_stops_no_other_and_says_so(
    site: Site, broken: dict[str, Any], status: str
) -> None:
    site.hooked()
    account = site.provider.account
    bad = WorkflowTriggerFactory.create(account=account, **broken)
    good = WorkflowTriggerFactory.create(account=account)
    push(site)
    bad.refresh_from_db()
    good.refresh_from_db()
    assert good.trigger_count == 1
    assert bad.status == status
    assert bad.metadata.get("error_count", 0) == (1 if status == "error" else 0)
    update_trigger(site.actor, bad, {"is_active": True, "event_filters": {}, "target": TARGET})
    assert bad.status == "active"


@pytest.mark.parametrize(
    "values",
    [
        {"event_type": "invented"},
        {"target": {"kind": "mail", "url": TARGET["url"]}},
        {"target": {**TARGET, "more": 1}},
        {"target": {"kind": "a2a", "url": "http://10.0.0.1/"}},
        {"event_filters": {"a": "/(/"}},
        {"event_filters": {"a": ["x", "/(/"]}},
    ],
)
def test_a_rule_that_could_never_work_is_refused(actor: Actor, values: dict[str, Any]) -> None:
    usual = {"name": "r", "target": TARGET, "event_type": "push"}
    with pytest.raises(Invalid):
        create_trigger(actor, {**usual, **values})


@pytest.mark.parametrize("event", ["push", "pull_request", "workflow_run", "release", "issue"])
def test_a_rule_is_tried_with_a_usual_body_and_nothing_is_fired(actor: Actor, event: str) -> None:
    made = create_trigger(actor, {"name": "r", "target": TARGET, "event_type": event})
    found = try_trigger(actor, made, None)
    assert found["matched"], found["reason"]
    assert found["extracted_variables"]["git_event_type"] == event
    assert told("git.workflow_trigger") == []
    made.refresh_from_db()
    assert made.trigger_count == 0


def test_an_event_without_a_usual_body_wants_one(actor: Actor) -> None:
    made = create_trigger(actor, {"name": "r", "target": TARGET, "event_type": "deployment"})
    with pytest.raises(Invalid):
        try_trigger(actor, made, None)
