"""Repeating a run from its page: from a step, with changes, and what came of it side by side."""

import pytest
from django.test import Client

from pipelines.models import PipelineRun, StepExecution
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory, RunFactory, StepExecutionFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
STEPS = [("build", "success"), ("tests", "failure"), ("ship", "skipped")]


def _step(key: str) -> dict[str, object]:
    return {
        "key": key, "name": key.title(), "step_type": "custom", "condition": "",
        "configuration": {"command": f"make {key}"}, "continue_on_error": False,
        "environment": {"A": "1"} if key == "tests" else {},
    }  # fmt: skip


@pytest.fixture
def run(alice: ApiClient) -> PipelineRun:
    """A failed run of three steps."""
    pipeline = PipelineFactory.create(account=alice.account, slug="shop")
    made: PipelineRun = RunFactory.create(
        pipeline=pipeline, account=alice.account, status="failure", run_number=7
    )
    made.snapshot["steps"] = [_step(key) for key, _ in STEPS]
    made.save()
    for position, (key, status) in enumerate(STEPS, start=1):
        StepExecutionFactory.create(
            run=made, account=alice.account, step_key=key, step_name=key.title(), status=status,
            position=position, duration_ms=1000,
            reason="earlier_failure" if status == "skipped" else "",
        )  # fmt: skip
    return made


def again(run: PipelineRun) -> PipelineRun:
    return PipelineRun.objects.get(retry_of=run)


def kept(run: PipelineRun) -> list[str]:
    rows = StepExecution.objects.filter(run=run, carried_from__isnull=False).order_by("position")
    return [row.step_key for row in rows]


def body_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


@pytest.mark.parametrize(
    ("start_from", "carried"), [("", []), ("failed", ["build"]), ("tests", ["build"])]
)
def test_a_run_is_repeated_from_its_menu(
    alice: ApiClient, run: PipelineRun, start_from: str, carried: list[str]
) -> None:
    client = signed_in(alice)
    assert "Failed steps" in body_of(client, run.url)

    answer = client.post(f"{run.url}/retry", {"from": start_from})

    assert answer.headers["Location"] == again(run).url
    assert kept(again(run)) == carried
    if carried:
        assert "taken over" in body_of(client, again(run).url)


def test_a_refused_repetition_is_told_on_the_run(alice: ApiClient, run: PipelineRun) -> None:
    client = signed_in(alice)

    answer = client.post(f"{run.url}/retry", {"from": "ship"}, follow=True)

    assert "Step Tests comes before and did not succeed." in answer.content.decode()
    assert PipelineRun.objects.count() == 1


def test_the_form_begins_at_the_failed_step_and_shows_the_settings_of_a_chosen_one(
    alice: ApiClient, run: PipelineRun
) -> None:
    client = signed_in(alice)

    page = body_of(client, f"{run.url}/rerun")
    assert '<option value="tests" selected>From Tests on</option>' in page
    assert "make tests" not in page

    page = body_of(client, f"{run.url}/rerun?step=tests")
    assert "command: make tests" in page
    assert "A: &#x27;1&#x27;" in page


def _typed(**changes: str) -> dict[str, str]:
    return {
        "from": "tests", "step": "tests", "configuration": "command: make tests\n",
        "environment": "A: '1'\n", "condition": "", "timeout_minutes": "", **changes,
    }  # fmt: skip


def test_what_was_changed_is_run_and_recorded_and_nothing_else(
    alice: ApiClient, run: PipelineRun
) -> None:
    client = signed_in(alice)

    client.post(f"{run.url}/rerun", _typed(configuration="command: make fast\n"))

    made = again(run)
    assert made.snapshot["edits"][0]["steps"] == {
        "tests": {"configuration": {"command": "make fast"}}
    }
    assert made.snapshot["steps"][1]["configuration"] == {"command": "make fast"}


def test_an_unchanged_form_changes_nothing(alice: ApiClient, run: PipelineRun) -> None:
    signed_in(alice).post(f"{run.url}/rerun", _typed())

    assert "edits" not in again(run).snapshot


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("configuration", "command: [", "no YAML"),
        ("configuration", "comand: x", "Unknown key"),
        ("configuration", "just text", "one a line"),
        ("environment", "A B: x", "does not match"),
        ("condition", "a =", "1 error"),
        ("timeout_minutes", "soon", "no number of minutes"),
        ("timeout_minutes", "9999", "at most"),
    ],
)
def test_a_mistake_is_named_at_its_field_and_loses_nothing(
    alice: ApiClient, run: PipelineRun, field: str, value: str, words: str
) -> None:
    answer = signed_in(alice).post(f"{run.url}/rerun", _typed(**{field: value}))

    page = answer.content.decode()
    assert answer.status_code in {400, 422}
    assert words in page
    assert value.replace("&", "&amp;") in page
    assert "has-error" in page
    assert PipelineRun.objects.count() == 1


def test_a_viewer_cannot_repeat_and_a_stranger_sees_nothing(
    vera: ApiClient, charlie: ApiClient, run: PipelineRun
) -> None:
    refused = signed_in(vera).post(f"{run.url}/retry", follow=True)
    assert "devops.pipeline_runs.write" in refused.content.decode()
    assert signed_in(vera).get(f"{run.url}/rerun").status_code == 403
    assert signed_in(vera).post(f"{run.url}/rerun", _typed()).status_code == 403
    assert signed_in(charlie).get(f"{run.url}/rerun").status_code == 404
    assert PipelineRun.objects.count() == 1


def test_attempts_stand_side_by_side(alice: ApiClient, run: PipelineRun) -> None:
    client = signed_in(alice)
    client.post(f"{run.url}/retry", {"from": "failed"})
    second = again(run)
    StepExecution.objects.filter(run=second, step_key="tests").update(
        status="success", duration_ms=3500
    )

    page = body_of(client, f"{second.url}?tab=attempts")

    assert "Attempt 1" in page
    assert "Attempt 2" in page
    assert "+2.5 s" in page
    assert page.count("is-changed") == 2
    assert "taken over" in page


def test_groups_and_attempts_are_shown_in_order(alice: ApiClient, run: PipelineRun) -> None:
    run.snapshot["settings"] = {"groups": {"checks": {"name": "All checks"}}}
    run.save()
    for number, key in enumerate(("lint", "types")):
        StepExecutionFactory.create(
            run=run, account=alice.account, step_key=key, step_name=key, group_key="checks",
            position=10 + number, status="failure", reason="exit_code",
        )  # fmt: skip
    StepExecutionFactory.create(
        run=run, account=alice.account, step_key="lint", step_name="lint", group_key="checks",
        position=10, attempt=2,
    )  # fmt: skip

    page = body_of(signed_in(alice), run.url)

    assert page.index("All checks") < page.index("Attempt 1: exit_code") < page.index(">types<")
