"""A worker that dies while a model answers: what was paid is used, what was lost is asked again."""

import os
import signal

import pytest

from devops.clients.anthropic.fake import Say, Script, Use, serving
from tests.e2e.test_git_hosts import Platform
from tests.stack import Stack, definition

pytestmark = [pytest.mark.chaos, pytest.mark.chaos_smoke]
MODEL = "claude-sonnet-5-5"
PROVIDER = {
    "name": "Fake", "provider": "anthropic", "model": MODEL, "is_default": True,
    "monthly_budget_usd": "5.00",
}  # fmt: skip


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_a_killed_question_is_asked_again_and_an_answered_one_is_not(stack: Stack) -> None:
    client = Platform(stack)
    whole = definition("true")
    whole["steps"][0] |= {
        "step_type": "claude_execute", "configuration": {"prompt": "Judge.", "tools": True},
    }  # fmt: skip
    with serving() as model:
        address = {"base_url": model.url, "api_key": model.api_key}
        client.call("POST", "devops/ai_configs", {**PROVIDER, **address})
        model.brain.add(
            Script((Use("list_files", {}),), usage={"input_tokens": 100, "output_tokens": 10}),
            Script((Say("Too late. " * 50),), fault="slow"),
            Script((Say("Judged."),), usage={"input_tokens": 200, "output_tokens": 20}),
        )
        (run,) = stack.do("trigger", pipeline=stack.do("pipeline", definition=whole))
        for _ in range(2):
            assert model.asked.acquire(timeout=60), stack.last_lines()
        os.kill(stack.child("powernode worker"), signal.SIGKILL)
        assert stack.finish(1, 90) == {"success": 1}, stack.last_lines()
        questions = [len(request["messages"]) for request in model.requests]
        assert model.violations == []

    # The first question was answered and paid before the death: it is not asked again.
    assert questions == [1, 3, 3]
    calls = stack.sql("SELECT state, micro_usd FROM devops_aicall ORDER BY id")
    assert [state for state, _ in calls] == ["settled", "reserved", "settled"]
    (step,) = client.call("GET", f"devops/pipeline_runs/{run}")["step_executions"][-1:]
    assert (step["status"], step["outputs"]["result"]) == ("success", "Judged.")
    # Nobody knows what the question cost that was cut off: it counts in full, once.
    assert step["outputs"]["cost_usd"] == pytest.approx(sum(cost for _, cost in calls) / 1_000_000)
    assert calls[0][1] + calls[2][1] < 2_000
    replies = stack.sql("SELECT count(*) FROM devops_aicall WHERE reply IS NOT NULL")
    assert replies == [[0]]
