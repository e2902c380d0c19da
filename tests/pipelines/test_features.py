"""What the switches of a pipeline's `features` do."""

from typing import Any

import pytest
from django.db import transaction

from devops.models import OutboxMessage
from gitintegration.models import HostWrite
from pipelines.models import Pipeline, PipelineRun
from pipelines.operations import reporting
from pipelines.operations.creation import Origin, create_run
from pipelines.operations.definitions import create_pipeline
from pipelines.operations.reruns import retry_run
from pipelines.operations.runs import cancel_run
from pipelines.selectors import definition_of
from tests.gitintegration.hosts.conftest import world
from tests.gitintegration.hosts.rig import World
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import make_site
from tests.pipelines.conftest import Workshop, make_worker, step

__all__ = ["world"]
pytestmark = [pytest.mark.django_db(transaction=True)]

JUNIT = (
    '<testsuite name="cart" tests="3"><testcase name="adds"/>'
    '<testcase name="rounds `up` | down"><failure message="no"/></testcase>'
    '<testcase name="waits"><skipped/></testcase></testsuite>'
)


def make(shop: Workshop, *steps: dict[str, Any], **features: bool) -> Pipeline:
    return create_pipeline(shop.actor, {
        "name": "CI", "slug": "ci", "triggers": {"push": {}, "pull_request": {}, "manual": {}},
        "environment": {}, "runner_labels": [], "timeout_minutes": 5, "settings": {},
        "allow_concurrent": True, "features": features, "steps": list(steps) or [step("s", "true")],
    })  # fmt: skip


def start(pipeline: Pipeline, trigger: str = "push", branch: str = "main", number: int = 0,
          **more: Any) -> PipelineRun:  # fmt: skip
    context = {"pull_request": {"number": number}} if number else {}
    origin = Origin(trigger, context, branch=branch, ref=f"refs/heads/{branch}", **more)
    with transaction.atomic():
        return create_run(pipeline, definition_of(pipeline), origin)


def ended(*runs: PipelineRun) -> list[str]:
    for run in runs:
        run.refresh_from_db()
    return [run.reason or run.status for run in runs]


def test_a_newer_push_stops_the_older_runs_of_its_branch_alone(workshop: Workshop) -> None:
    pipeline = make(workshop, auto_cancel_superseded=True)
    old, by_hand = start(pipeline), start(pipeline, "manual")
    elsewhere, proposed = start(pipeline, branch="b"), start(pipeline, "pull_request", number=7)
    over = start(pipeline, branch="c")
    cancel_run(workshop.actor, over)
    over.refresh_from_db()
    again = retry_run(workshop.actor, over)

    newest = start(pipeline)
    start(pipeline, branch="c")

    assert ended(old, by_hand, elsewhere, proposed, again, newest) == [
        "superseded", "queued", "queued", "queued", "queued", "queued",
    ]  # fmt: skip
    assert f"run #{newest.run_number}" in old.error_message


def test_a_newer_push_of_a_pull_request_stops_its_older_runs_alone(workshop: Workshop) -> None:
    pipeline = make(workshop, auto_cancel_superseded=True)
    old, other = (start(pipeline, "pull_request", "fix", number) for number in (7, 8))

    newest = start(pipeline, "pull_request", "fix", 7, trust="untrusted")

    assert ended(old, other, newest) == ["superseded", "queued", "pending"]


def test_a_push_that_came_late_stops_nothing_and_does_not_begin(workshop: Workshop) -> None:
    pipeline = make(workshop, auto_cancel_superseded=True)
    newer = start(pipeline)

    late = start(pipeline, is_superseded=True)

    assert ended(newer, late) == ["queued", "superseded"]


def test_without_the_switch_every_push_runs(workshop: Workshop) -> None:
    pipeline = make(workshop, auto_cancel_superseded=False)

    assert ended(start(pipeline), start(pipeline)) == ["queued", "queued"]


@pytest.mark.parametrize(
    ("features", "has_steps", "has_tests"),
    [
        ({"pr_comment_summary": True}, True, False),
        ({"test_report": True}, False, True),
        ({"pr_comment_summary": True, "test_report": True}, True, True),
        ({}, False, False),
    ],
)
@ON_GITEA
def test_a_pull_request_is_told_what_the_switches_say(
    world: World, features: dict[str, bool], has_steps: bool, has_tests: bool
) -> None:
    site = make_site(world)
    mirror = site.hooked()
    shop = Workshop(site.actor, make_worker())
    tests = step("tests", step_type="run_tests",
                 configuration={"command": f"printf '%s' '{JUNIT}' > junit.xml",
                                "report": "junit.xml"})  # fmt: skip
    pipeline = make(shop, tests, **features)
    run = start(pipeline, "pull_request", "fix", 1, sha="a" * 40, repository=mirror.repository)

    shop.execute(run)
    for message in OutboxMessage.objects.filter(name="run_completed", handled_at=None):
        reporting.report_run(str(message.pk))

    comments = [row.payload["body"] for row in HostWrite.objects.filter(kind="comment")]
    assert len(comments) == (1 if has_steps or has_tests else 0)
    body = "".join(comments)
    assert ("| Step | Duration |" in body) is has_steps
    assert ("**3 tests**: 1 passed, 1 failed, 1 skipped." in body) is has_tests
    assert ("- `cart / rounds 'up' / down`" in body) is has_tests
