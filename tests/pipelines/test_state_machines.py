"""The graphs of runs, steps and deliveries as tables: legal moves pass, all others raise."""

import itertools

import pytest
from django.db import transaction

from devops.errors import Fenced, IllegalTransition, LostRace
from devops.models import OutboxMessage
from gitintegration.choices import WebhookEventStatus
from gitintegration.models import GitWebhookEvent
from gitintegration.states import webhook_event_states
from pipelines.choices import RunStatus, StepStatus
from pipelines.models import PipelineRun, StepExecution
from pipelines.states import run_states, step_states
from tests.pipelines.conftest import Workshop, in_threads, last, step

RUN_MOVES = {
    ("pending", "queued"), ("pending", "cancelled"), ("pending", "failure"),
    ("queued", "running"), ("queued", "cancelled"), ("queued", "failure"),
    ("running", "success"), ("running", "failure"), ("running", "cancelled"),
}  # fmt: skip
STEP_MOVES = {
    ("pending", "running"), ("pending", "waiting_approval"), ("pending", "skipped"),
    ("pending", "cancelled"), ("pending", "failure"), ("waiting_approval", "running"),
    ("waiting_approval", "failure"), ("waiting_approval", "cancelled"),
    ("waiting_approval", "success"), ("running", "success"), ("running", "failure"),
    ("running", "cancelled"), ("running", "skipped"),
}  # fmt: skip
EVENT_MOVES = {
    ("pending", "processing"), ("pending", "processed"), ("pending", "ignored"),
    ("pending", "failed"), ("processing", "processed"),
    ("processing", "ignored"), ("processing", "failed"), ("processing", "pending"),
    ("processed", "pending"), ("ignored", "pending"), ("failed", "pending"),
}  # fmt: skip


def pairs(values: list[str]) -> list[tuple[str, str]]:
    """Every move that one could think of."""
    return list(itertools.product(values, values))


@pytest.mark.parametrize(("seen", "to"), pairs(RunStatus.values))
def test_a_run_moves_along_its_graph_only(workshop: Workshop, seen: str, to: str) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    PipelineRun.objects.filter(pk=run.pk).update(status=seen)
    run.refresh_from_db()

    if (seen, to) not in RUN_MOVES:
        with pytest.raises(IllegalTransition):
            run_states.transition(run, to, takeover=True)
        return
    run_states.transition(run, to, takeover=True)
    assert run.status == to
    assert OutboxMessage.objects.filter(topic=f"run.{run.pk.hex}", seq=run.version).exists()


@pytest.mark.parametrize(("seen", "to"), pairs(StepStatus.values))
def test_a_step_moves_along_its_graph_only(workshop: Workshop, seen: str, to: str) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    StepExecution.objects.update(status=seen)
    execution = last(run, "one")

    if (seen, to) not in STEP_MOVES:
        with pytest.raises(IllegalTransition):
            step_states.transition(execution, to)
        return
    step_states.transition(execution, to)
    assert last(run, "one").status == to


@pytest.mark.parametrize(("seen", "to"), pairs(WebhookEventStatus.values))
def test_a_delivery_moves_along_its_graph_only(workshop: Workshop, seen: str, to: str) -> None:
    event = GitWebhookEvent.objects.create(
        account_id=workshop.actor.account_id, dialect="git", event_type="push", delivery_id="1",
        body_digest="1", status=seen,
    )  # fmt: skip

    if (seen, to) not in EVENT_MOVES:
        with pytest.raises(IllegalTransition):
            webhook_event_states.transition(event, to)
        return
    webhook_event_states.transition(event, to)
    assert event.status == to


def test_a_held_run_is_moved_by_its_fence_only(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    PipelineRun.objects.filter(pk=run.pk).update(status="running", fence=7)
    run.refresh_from_db()

    with pytest.raises(Fenced, match="give its fence"):
        run_states.transition(run, "success")
    with pytest.raises(Fenced):
        run_states.transition(run, "success", fence=6)
    run_states.transition(run, "success", fence=7)
    assert run.status == "success"


def test_of_two_movers_one_wins(open_workshop: Workshop) -> None:
    run = open_workshop.trigger(open_workshop.pipeline(step("one")))

    def move(index: int) -> str:
        row = PipelineRun.objects.get(pk=run.pk)
        barrier_passed = row.status
        with transaction.atomic():
            run_states.transition(row, ("cancelled", "failure")[index % 2])
        return barrier_passed

    results = in_threads(6, move)

    won = [result for result in results if isinstance(result, str)]
    assert len(won) == 1
    assert all(isinstance(r, LostRace | IllegalTransition) for r in results if r not in won)
