"""The simulator answers what then happens."""

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from devops.models import Repository
from devops.safety.patterns import GlobSet
from gitintegration.models import GitWebhookEvent
from pipelines.matching import match_triggers, trigger_context
from pipelines.models import PipelineRepository, PipelineRun
from pipelines.simulation import Happening, simulate_account
from tests.client import ApiClient
from tests.gitintegration.test_deliveries import Sender
from tests.pipelines.conftest import Workshop, step

PUSH = {"type": "push", "branch": "main", "ref": "refs/heads/main", "changed_paths": ["a.py"]}


def linked(shop: Workshop, repository: Repository, *steps: Any, **more: Any) -> None:
    made = shop.pipeline(*(steps or (step("a"),)), triggers={"push": {}}, **more)
    PipelineRepository.objects.create(pipeline=made, repository=repository)


def test_only_what_hears_of_the_repository_is_asked(workshop: Workshop) -> None:
    repository, other = (
        Repository.objects.create(
            account_id=workshop.actor.account_id, name=name, full_name=f"o/{name}",
            clone_url="/none",
        )
        for name in ("one", "two")
    )  # fmt: skip
    linked(workshop, repository, name="heard")
    linked(workshop, other, name="other")
    workshop.pipeline(step("a"), name="alone", triggers={"push": {}})
    found = simulate_account(workshop.actor, Happening(PUSH, repository.pk))
    assert [(each.pipeline_name, each.would_start) for each in found] == [("heard", True)]
    everywhere = simulate_account(workshop.actor, Happening(PUSH))
    assert {each.pipeline_name for each in everywhere} == {"heard", "other", "alone"}


def test_overrides_of_the_repository_count(workshop: Workshop) -> None:
    repository = Repository.objects.create(
        account_id=workshop.actor.account_id, name="r", full_name="o/r", clone_url="/none"
    )
    made = workshop.pipeline(step("a"), triggers={"push": {"branches": ["main"]}})
    PipelineRepository.objects.create(
        pipeline=made, repository=repository,
        overrides={"triggers": {"push": {"branches": ["dev"]}}},
    )  # fmt: skip
    (found,) = simulate_account(workshop.actor, Happening(PUSH, repository.pk))
    assert (found.would_start, "dev" in found.reason) == (False, True)


def test_steps_show_values_as_far_as_they_are_known(workshop: Workshop) -> None:
    first = step("first", "make ${{ trigger.sha }}")
    second = step("second", "true", condition="steps.first.outputs.n == '1'")
    second["environment"] = {"B": "${{ trigger.branch }}", "S": "${{ secrets.KEY }}"}
    second["secret_refs"] = ["KEY"]
    workshop.pipeline(first, second, triggers={"push": {}}, secret_refs=["KEY"])
    (found,) = simulate_account(workshop.actor, Happening({**PUSH, "sha": "a" * 40}))
    assert found.steps[0].configuration == {"command": f"make {'a' * 40}"}
    assert found.steps[1].environment == {"B": "main", "S": "…"}
    assert found.steps[1].would_run is None
    assert "known when it has run" in found.steps[1].reason
    assert not PipelineRun.objects.exists()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("trigger.branch == 'dev' && steps.first.outputs.n == '1'", False),
        ("steps.first.outputs.n > 3 || trigger.branch == 'main'", None),
        ("trigger.branch == 'main' || steps.first.outputs.n > 3", True),
        ("steps.previous.outputs.n == '1'", None),
        ("contains(toJSON(steps.first.outputs), 'x')", None),
        ("steps.first.status == 'success'", True),
        ("failure()", False),
    ],
)
def test_a_condition_is_decided_as_far_as_it_can_be_known(
    workshop: Workshop, condition: str, expected: object
) -> None:
    workshop.pipeline(step("first"), step("second", condition=condition), triggers={"push": {}})

    (found,) = simulate_account(workshop.actor, Happening(PUSH))

    assert found.steps[1].would_run is expected, found.steps[1].reason


def test_a_past_delivery_is_tried_over_rest_and_on_its_page(alice: ApiClient, db: None) -> None:
    sender = Sender("github")
    receipt = sender.send()
    GitWebhookEvent.objects.update(account=alice.account)
    Repository.objects.update(account=alice.account)
    body = {"name": "Shop", "triggers": {"push": {"branches": ["main"]}}, "steps": [
        {"name": "Say", "step_type": "run_command", "configuration": {"command": "true"}}],
        "repository_id": str(sender.repository.pk)}  # fmt: skip
    alice.post("devops/pipelines", body).ok(201)
    question = {"event_id": str(receipt.event_id)}
    (found,) = alice.post("devops/pipelines/simulate", question).ok()["results"]
    assert (found["pipeline_name"], found["would_start"]) == ("Shop", True)
    alice.post("devops/pipelines/simulate", {"event_id": str(uuid.uuid4())}).problem(404)
    alice.post("devops/pipelines/simulate", {}).problem(400)

    client = Client()
    client.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/pipelines/try?event={receipt.event_id}").content.decode()
    assert "Shop starts" in page
    typed = json.dumps({**PUSH, "branch": "dev"})
    page = client.post("/pipelines/try", {"text": typed}).content.decode()
    assert "Not started" in page
    assert "dev matches none of main" in page
    refused = client.post("/pipelines/try", {"text": "{nonsense"})
    assert refused.status_code == 400
    assert "{nonsense" in refused.content.decode()


def test_labels_of_a_live_event_are_those_of_its_subject() -> None:
    event = {"type": "issue", "action": "labeled", "issue": {"number": 1, "labels": ["bug"]}}
    heard = {**event, **trigger_context(event)}
    assert match_triggers({"issue": {"labels": ["bug"]}}, heard).is_match
    assert not match_triggers({"issue": {"labels": ["ui"]}}, heard).is_match


def test_a_release_is_matched_by_its_tag() -> None:
    event = {"type": "release", "action": "published", "tag": "v1.2", "branch": ""}
    for tags, expected in ((["v*"], True), (["w*"], False), ([], True)):
        rule = {"tags": tags} if tags else {}
        assert match_triggers({"release": rule}, event).is_match is expected


_NAMES = st.sampled_from(["main", "dev", "release/1", "release/2.x", "v1"])
_GLOBS = st.lists(st.sampled_from(["main", "release/*", "**", "!dev", "v?", "d*"]), max_size=3)
_PATHS = st.lists(st.sampled_from(["a.py", "docs/x.md", "src/b.py"]), max_size=3)
_RULES = st.fixed_dictionaries(
    {},
    optional={
        "branches": _GLOBS, "branches-ignore": _GLOBS, "tags": _GLOBS,
        "paths": st.lists(st.sampled_from(["**/*.py", "docs/**", "*.py"]), max_size=2),
        "paths-ignore": st.lists(st.sampled_from(["docs/**", "**"]), max_size=2),
    },
)  # fmt: skip


def _obvious(rule: dict[str, Any], event: dict[str, Any]) -> bool:
    """The rules of the documentation, one after the other, without any shortcut."""
    return _ref_passes(rule, event) and _paths_pass(rule, event["changed_paths"])


def _ref_passes(rule: dict[str, Any], event: dict[str, Any]) -> bool:
    by_branch = bool(rule.get("branches")) or bool(rule.get("branches-ignore"))
    by_tag = bool(rule.get("tags"))
    if event["tag"]:
        return GlobSet(rule["tags"]).matches(event["tag"]) if by_tag else not by_branch
    if by_tag and not by_branch:
        return False
    ignored = rule.get("branches-ignore")
    is_ignored = bool(ignored) and GlobSet(ignored or []).matches(event["branch"])
    return not is_ignored and GlobSet(rule.get("branches") or []).matches(event["branch"])


def _paths_pass(rule: dict[str, Any], paths: list[str] | None) -> bool:
    if paths is None:
        return True
    wanted, left_out = rule.get("paths"), rule.get("paths-ignore")
    if wanted and not [path for path in paths if GlobSet(wanted).matches(path)]:
        return False
    return not (left_out and paths and all(GlobSet(left_out).matches(path) for path in paths))


@settings(max_examples=300, deadline=None)
@given(rule=_RULES, name=_NAMES, is_tag=st.booleans(), paths=st.none() | _PATHS)
def test_the_matcher_is_what_the_documentation_says(
    rule: dict[str, Any], name: str, is_tag: bool, paths: list[str] | None
) -> None:
    event = {
        "type": "push", "branch": "" if is_tag else name, "tag": name if is_tag else "",
        "changed_paths": paths,
    }  # fmt: skip
    assert match_triggers({"push": rule}, event).is_match is _obvious(rule, event)


@pytest.mark.parametrize("mark", ["[skip ci]", "[CI SKIP]", "text [no ci] more"])
def test_a_commit_can_ask_to_be_left_alone(mark: str) -> None:
    event = {**PUSH, "commit": {"title": mark}}
    assert match_triggers({"push": {}}, event).cause == "message"
