"""One pipeline's page: its steps and settings in words, and where each step is defined."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pipelines.models import Pipeline
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory, PipelineStepFactory, RunFactory
from tests.pages.test_git_ci import signed_in
from tests.pages.test_pipeline_list import body

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich(alice: ApiClient) -> Pipeline:
    """A pipeline with everything that a step can have."""
    made: Pipeline = PipelineFactory.create(
        account=alice.account, slug="rich", environment={"CI": "1"}, secret_refs=["TOKEN"],
        runner_labels=["gpu"],
        settings={
            "concurrency": {"group": "deploy", "policy": "replace"},
            "groups": {"checks": {"name": "All checks"}}, "image": "python:3.12",
        },
        notification_settings={
            "on_failure": [f"user:{alice.user.pk}", "role:admin", "ops@example.com"],
            "on_completion": False,
        },
    )  # fmt: skip
    facts: list[dict[str, object]] = [
        {"key": "lint", "group_key": "checks", "continue_on_error": True},
        {"key": "tests", "group_key": "checks", "matrix": {"a": [1, 2], "b": [3, 4]}},
        {"key": "wait", "matrix": {"a": "${{ inputs.list }}"}, "retry": {"attempts": 3}},
        {"key": "ship", "condition": "trigger.branch == 'main'", "requires_approval": True,
         "approval_settings": {"required": 2, "timeout_hours": 4}, "timeout_minutes": 2.5},
        {"key": "old", "is_active": False},
        {"key": "tell", "phase": "finally"},
    ]  # fmt: skip
    for position, each in enumerate(facts, start=1):
        each.setdefault("configuration", {"command": f"make {each['key']}"})
        PipelineStepFactory.create(pipeline=made, position=position, **each)
    return made


@pytest.mark.parametrize("tab", ["runs", "steps"])
def test_the_steps_say_what_is_special_about_each(
    alice: ApiClient, rich: Pipeline, tab: str
) -> None:
    page = body(signed_in(alice), f"{rich.url}?tab={tab}")
    steps = dict(re.findall(r'href="[^"]+#step-(\w+)">(.*?)</a>', page, re.DOTALL))

    assert list(steps) == ["lint", "tests", "wait", "ship", "old", "tell"]
    assert "failure only warns" in steps["lint"]
    assert "matrix of 4" in steps["tests"]
    for words in ("3 attempts", ">matrix<"):
        assert words in steps["wait"]
    for words in ("trigger.branch == &#x27;main&#x27;", "2 approvals within 4 h", "2.5 min"):
        assert words in steps["ship"]
    assert ">Off<" in steps["old"]
    assert page.count("All checks, side by side") == 1
    assert page.index("#step-old") < page.index(">Finally<") < page.index("#step-tell")


def test_each_step_has_its_place_in_the_definition(alice: ApiClient, rich: Pipeline) -> None:
    page = body(signed_in(alice), f"{rich.url}?tab=definition")
    places = dict(
        re.findall(r'<span class="definition-step" id="step-(\w+)">(.*?)</span>', page, re.DOTALL)
    )

    assert list(places) == ["lint", "tests", "wait", "ship", "old", "tell"]
    for key, text in places.items():
        assert f"make {key}" in text
        assert text.count("command:") == 1
    assert "finally:" not in places["old"]
    shown = re.search(r'<pre id="definition">(.*?)</pre>', page, re.DOTALL)
    assert shown is not None
    exported = body(signed_in(alice), f"{rich.url}/export")
    assert re.sub(r"</?span[^>]*>", "", shown.group(1)).replace("&#x27;", "'").replace(
        "&amp;", "&"
    ) == exported  # fmt: skip


def test_the_settings_say_limits_and_who_is_told(alice: ApiClient, rich: Pipeline) -> None:
    page = body(signed_in(alice), f"{rich.url}?tab=settings")

    for words in (
        "One at a time; a newer run takes the place of those that wait", "<code>deploy</code>",
        "python:3.12", "<code>CI</code>", "<code>TOKEN</code>", '<span class="tag">gpu</span>',
        f"{alice.user}, everybody from admin up, ops@example.com", "Whoever the step names",
    ):  # fmt: skip
        assert words in page
    assert re.search(r"<dt>A run came to an end</dt><dd>Nobody\s*</dd>", page)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "One at a time; later runs wait in order"),
        ({"allow_concurrent": True}, "Any number side by side"),
        (
            {"settings": {"concurrency": {"policy": "reject"}}},
            "One at a time; a run that meets another one ends at once",
        ),
    ],
)
def test_how_runs_meet_is_said_as_configured(
    alice: ApiClient, facts: dict[str, object], words: str
) -> None:
    pipeline = PipelineFactory.create(account=alice.account, **facts)

    assert words in body(signed_in(alice), f"{pipeline.url}?tab=settings")


def test_the_pipelines_own_recipients_are_told_where_nothing_is_said(alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(
        account=alice.account,
        notification_recipients=[
            {"type": "email", "value": "ops@example.com"},
            {"type": "user_id", "value": str(alice.user.pk)},
        ],
    )

    page = body(signed_in(alice), f"{pipeline.url}?tab=settings")

    assert page.count(f"ops@example.com, {alice.user}") == 3
    assert "Whoever the step names, else ops@example.com" in page


def test_the_head_shows_how_the_last_run_stands(alice: ApiClient, rich: Pipeline) -> None:
    client = signed_in(alice)
    assert "no run succeeded yet" in body(client, rich.url)
    green = RunFactory.create(account=alice.account, pipeline=rich, run_number=7, duration_ms=64000)
    last = RunFactory.create(account=alice.account, pipeline=rich, status="failure")

    page = body(client, rich.url)
    head = page[page.index("<h1") : page.index("</h1>")]

    assert f'data-last-run="{last.pk}"' in head
    assert 'data-status="failure"' in head
    assert f'<a class="stat" href="{green.url}">' in page
    assert 'data-duration-ms="64000"' in page


def test_the_page_takes_the_same_queries_for_one_run_and_for_many(
    alice: ApiClient, rich: Pipeline
) -> None:
    client = signed_in(alice)
    RunFactory.create(account=alice.account, pipeline=rich, status="running")
    body(client, rich.url)
    with CaptureQueriesContext(connection) as few:
        body(client, rich.url)
    for status in ("running", "failure", "success") * 10:
        RunFactory.create(account=alice.account, pipeline=rich, status=status)
    PipelineStepFactory.create_batch(5, pipeline=rich)
    with CaptureQueriesContext(connection) as many:
        body(client, rich.url)

    assert len(many) == len(few) <= 25
