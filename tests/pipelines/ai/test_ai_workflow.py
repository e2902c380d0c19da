"""Questions in stages on the real engine against the fake model."""

from typing import Any

import pytest

from devops.clients.anthropic.fake import FakeApi
from pipelines import step_types
from pipelines.models import StepExecution
from tests.pipelines.ai.test_claude_execute import say
from tests.pipelines.conftest import Workshop, last, step

VERDICT = {"approved": True, "risk_level": "LOW", "reason": "Small."}
STAGES = [
    {"name": "risks", "prompt": "List the risks."},
    {"name": "verdict", "prompt": "Judge: {{ risks }}", "output_schema": "verdict"},
]


def worked(shop: Workshop, **config: Any) -> StepExecution:
    made = step("flow", step_type="ai_workflow", configuration={"stages": STAGES, **config})
    return last(shop.run(made), "flow")


def test_each_stage_gets_the_answers_before_it(workshop: Workshop, model: FakeApi) -> None:
    model.brain.add(say("Line one.\nLine two."), say(VERDICT))
    done = worked(workshop)
    assert done.status == "success", done.error_message
    assert done.outputs["result"] == VERDICT
    assert done.outputs["stages"]["risks"] == "Line one.\nLine two."
    assert done.outputs["turns"] == 2
    second = model.requests[1]["messages"]
    assert len(second) == 1
    assert 'Judge: (see the material named "risks")' in second[0]["content"]
    assert "Line one.\nLine two.\n</material-" in second[0]["content"]


def test_one_budget_holds_for_all_stages(workshop: Workshop, model: FakeApi) -> None:
    model.brain.add(say("x", usage={"input_tokens": 10, "output_tokens": 2000}))
    done = worked(workshop, budget={"usd": 0.024})
    assert (done.status, done.reason) == ("failure", "budget")
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("stages", "word"),
    [
        ([], "at least 1"),
        ([{"name": "a", "prompt": "x"}, {"name": "a", "prompt": "y"}], "one name"),
        ([{"name": "a"}], "either"),
        ([{"name": "a", "prompt": "x", "output_schema": "nothing"}], "verdict"),
        ([{"name": "A b", "prompt": "x"}], "match"),
    ],
)
def test_what_is_wrong_with_stages_is_said(stages: list[dict[str, str]], word: str) -> None:
    with pytest.raises(step_types.ConfigurationError, match=word):
        step_types.validate_configuration("ai_workflow", {"stages": stages})
