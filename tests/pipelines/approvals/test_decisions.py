"""A step that must not happen twice, and whose worker died in it: people decide."""

from collections.abc import Iterator

import pytest

from devops.errors import Invalid
from pipelines import step_types
from pipelines.choices import Answer, GateKind, RunStatus, WaitingFor
from pipelines.models import ApprovalGate, PipelineRun
from pipelines.operations.approvals import REPEAT, TREAT_AS_DONE, Said
from pipelines.step_types import StepType
from pipelines.steps import registry
from pipelines.steps.base import Done
from tests.pipelines.approvals.people import YES, say
from tests.pipelines.conftest import Probe, ProbeConfig, Workshop, attempts, fresh, last, step
from tests.pipelines.engine.test_takeover import die_in


@pytest.fixture
def launch() -> Iterator[Probe]:
    """A step type that must not be repeated unasked."""
    handler = Probe()
    kind = StepType(
        name="launch", title="Launch", summary="Cannot be called back.",
        config_model=ProbeConfig, outputs={}, effect="once", example={},
    )  # fmt: skip
    registry.register(kind, handler)
    yield handler
    step_types._types.pop("launch")
    registry._handlers.pop("launch")


def interrupted(shop: Workshop) -> PipelineRun:
    """A run whose worker died while the step was under way."""
    pipeline = shop.pipeline(
        step("build"), step("ship", step_type="launch", configuration={}), step("after")
    )
    run = shop.trigger(pipeline)
    die_in(shop, run, "ship")
    return fresh(run)


def test_nobody_repeats_it_unasked(workshop: Workshop, launch: Probe) -> None:
    run = interrupted(workshop)
    launch.execute = lambda _ctx: pytest.fail("it was repeated unasked")

    assert (run.status, run.waiting_for, run.worker_id) == ("running", WaitingFor.DECISION, None)
    assert "is gone (its process died)" in run.waiting_detail
    assert [(each.status, each.reason) for each in attempts(run, "ship")] == [
        ("failure", "interrupted"), ("waiting_approval", ""),
    ]  # fmt: skip
    assert workshop.execute(run).status == RunStatus.RUNNING
    assert ApprovalGate.objects.get(run=run).kind == GateKind.DECISION
    with pytest.raises(Invalid, match="repeat or treat_as_done"):
        say(workshop.actor, run, YES)


def test_it_runs_again_when_people_say_so(workshop: Workshop, launch: Probe) -> None:
    calls: list[str] = []
    launch.execute = lambda ctx: calls.append(ctx.key) or Done()  # type: ignore[func-returns-value]
    run = interrupted(workshop)
    say(workshop.actor, run, Said(Answer.APPROVE, decision=REPEAT))
    assert workshop.execute(fresh(run)).status == RunStatus.SUCCESS
    assert len(calls) == 1
    assert last(run, "ship").attempt == 2


def test_it_counts_as_done_when_people_say_so(workshop: Workshop, launch: Probe) -> None:
    launch.execute = lambda _ctx: pytest.fail("it was repeated")
    run = interrupted(workshop)
    say(workshop.actor, run, Said(Answer.APPROVE, decision=TREAT_AS_DONE))
    assert workshop.execute(fresh(run)).status == RunStatus.SUCCESS
    assert last(run, "ship").reason == "treated_as_done"
    assert last(run, "after").status == "success"


def test_it_has_failed_when_people_say_so(workshop: Workshop, launch: Probe) -> None:
    run = interrupted(workshop)
    say(workshop.actor, run, Said(Answer.REJECT, "it exploded"))
    ended = workshop.execute(fresh(run))
    assert (ended.status, last(run, "ship").reason) == (RunStatus.FAILURE, "interrupted")
    assert "it exploded" in last(run, "ship").error_message
    assert last(run, "after").status == "skipped"


def test_a_decision_is_no_approval_of_a_gated_step(workshop: Workshop, launch: Probe) -> None:
    """The step was approved before it began; that approval still counts for the same plan."""
    launch.execute = lambda _ctx: Done()
    run = workshop.run(
        step(
            "ship",
            step_type="launch",
            configuration={},
            requires_approval=True,
            approval_settings={"allow_self_approval": True},
        )
    )
    say(workshop.actor, run)
    die_in(workshop, run, "ship")
    assert fresh(run).waiting_for == WaitingFor.DECISION
    say(workshop.actor, run, Said(Answer.APPROVE, decision=REPEAT))
    assert workshop.execute(fresh(run)).status == RunStatus.SUCCESS
