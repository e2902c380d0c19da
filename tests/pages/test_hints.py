"""What a model guesses about a failed run, over REST and on the run's page."""

import pytest
from django.utils import timezone

from devops.operations.ai_configs import create_ai_config
from pipelines.models import FailureHint, PipelineRun, StepExecution
from tests.client import ApiClient
from tests.factories.devops import actor_of
from tests.factories.pipelines import RunFactory, StepExecutionFactory
from tests.pages.test_git_ci import signed_in
from tests.pages.test_templates import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(alice: ApiClient) -> StepExecution:
    run = RunFactory.create(account=alice.account, status="failure")
    made: StepExecution = StepExecutionFactory.create(
        run=run, account=alice.account, status="failure", first_error_line=2
    )
    return made


def usable(alice: ApiClient) -> None:
    """A provider that can be asked."""
    create_ai_config(actor_of(alice), {
        "name": "Fake", "provider": "anthropic", "model": "claude-sonnet-5-5",
        "api_key": "sk-ant-fake-0123456789abcdef",
        "base_url": "http://127.0.0.1:9", "is_default": True,
    })  # fmt: skip


def answer(hint: FailureHint, failed: StepExecution, **values: object) -> None:
    FailureHint.objects.filter(pk=hint.pk).update(
        ended_at=timezone.now(), step_execution=failed, model="claude-sonnet-5-5",
        cost_micro_usd=4200, **values,
    )  # fmt: skip


def test_a_question_over_rest(
    alice: ApiClient, vera: ApiClient, charlie: ApiClient, failed: StepExecution
) -> None:
    run = f"devops/pipeline_runs/{failed.run_id}"
    assert alice.get(f"{run}/diagnosis").ok()["ai_hint"] is None
    problem = alice.post(f"{run}/ask_ai", {}).problem(409)
    assert "no usable AI provider" in problem.detail
    usable(alice)
    assert vera.post(f"{run}/ask_ai", {}).status == 403
    assert charlie.post(f"{run}/ask_ai", {}).status == 404
    asked = alice.post(f"{run}/ask_ai", {}).ok(201)
    assert (asked["state"], asked["number"], asked["hypothesis"]) == ("asking", 1, "")
    assert alice.post(f"{run}/ask_ai", {"again": True}).ok(201)["id"] == asked["id"]
    hint = FailureHint.objects.get()
    answer(
        hint, failed, hypothesis="No disk.", confidence="medium", next_steps=["Clean up."],
        citations=[{"number": 2, "quote": "No space left"}],
    )  # fmt: skip
    found = vera.get(f"{run}/diagnosis").ok()["ai_hint"]
    assert (found["state"], found["confidence"], found["cost_usd"]) == (
        "answered",
        "medium",
        0.0042,
    )
    assert found["citations"] == [{"number": 2, "quote": "No space left"}]
    assert found["step_execution_id"] == str(failed.pk)
    assert alice.post(f"{run}/ask_ai", {"agian": True}).status == 400
    assert alice.post(f"{run}/ask_ai", {"again": True}).ok(201)["number"] == 2
    PipelineRun.objects.update(status="success")
    assert alice.post(f"{run}/ask_ai", {}).status == 409


def test_the_page_asks_waits_and_shows_lines_that_can_be_opened(
    alice: ApiClient, vera: ApiClient, failed: StepExecution
) -> None:
    client, run = signed_in(alice), failed.run
    assert "Ask AI" in text(client.get(run.url))
    assert "Ask AI" not in text(signed_in(vera).get(run.url))
    refused = client.post(f"{run.url}/hint", follow=True)
    assert "no usable AI provider. An admin adds one" in text(refused)
    usable(alice)
    waiting = text(client.post(f"{run.url}/hint", follow=True))
    assert "A model reads the log" in waiting
    assert f'hx-get="{run.url}/hint"' in waiting
    answer(
        FailureHint.objects.get(), failed, hypothesis="No <b>disk</b>.", confidence="high",
        citations=[{"number": 2, "quote": "No space <left>"}], dropped_citations=1,
    )  # fmt: skip
    shown = text(client.get(f"{run.url}/hint"))
    assert "AI's guess" in shown
    assert "No &lt;b&gt;disk&lt;/b&gt;." in shown
    assert f'<a href="{run.url}?step={failed.pk}#L2"' in shown
    assert "No space &lt;left&gt;" in shown
    assert "1 citation left out: not in the log" in shown
    assert "$0.0042" in shown
    assert "hx-trigger" not in shown
    assert "Ask again" in shown
    assert "Ask again" not in text(signed_in(vera).get(f"{run.url}/hint"))


def test_a_guess_without_a_line_and_a_question_without_an_answer_say_so(
    alice: ApiClient, failed: StepExecution
) -> None:
    usable(alice)
    client, run = signed_in(alice), failed.run
    client.post(f"{run.url}/hint")
    answer(FailureHint.objects.get(), failed, hypothesis="Perhaps.", confidence="low")
    assert "It cites no line of the log" in text(client.get(run.url))
    client.post(f"{run.url}/hint", {"again": "true"})
    answer(FailureHint.objects.get(number=2), failed, reason="budget", error_message="Too dear.")
    assert "No answer: Too dear." in text(client.get(run.url))
