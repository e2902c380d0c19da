"""Attempts after failures: which cause is tried again, when, and who waits for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pipelines.choices import RunStatus, WaitingFor
from pipelines.engine.control import RunControl
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.runs import cancel_run
from pipelines.operations.sweeps import sweep
from tests.pipelines.conftest import (
    Workshop,
    attempts,
    fresh,
    in_background,
    last,
    log_of,
    step,
    wait_until,
)

TWICE = 'test -e flag || { touch flag; echo "network unreachable"; exit 75; }'


def flaky(**retry: Any) -> dict[str, Any]:
    """A step that succeeds the second time."""
    return step("flaky", TWICE, retry={"attempts": 3, **retry})


def test_a_failed_step_is_tried_again_and_the_last_attempt_decides(workshop: Workshop) -> None:
    look = step("look", 'echo "$N"', environment={"N": "${{ steps.flaky.attempt }}"})

    run = workshop.run(flaky(), look)

    assert run.status == RunStatus.SUCCESS
    assert [(each.status, each.reason) for each in attempts(run, "flaky")] == [
        ("failure", "exit_code"), ("success", ""),
    ]  # fmt: skip
    assert log_of(run, "look") == "2\n"
    assert (run.steps_done, run.steps_total, run.warnings) == (2, 2, 0)


def test_the_attempts_are_counted_and_end(workshop: Workshop) -> None:
    run = workshop.run(step("bad", "false", retry={"attempts": 3}), step("after"))

    assert run.status == RunStatus.FAILURE
    assert len(attempts(run, "bad")) == 3
    assert last(run, "after").reason == "earlier_failure"


@pytest.mark.parametrize(
    ("causes", "count"),
    [
        ([{"exit_code": 75}], 2), ([{"exit_code": [1, 75]}], 2), ([{"exit_code": 1}], 1),
        ([{"log": "network (unreachable|down)"}], 2), ([{"log": "disk full"}], 1),
        (["timed_out"], 1), (["worker_lost"], 1), (["timed_out", {"exit_code": 75}], 2),
    ],
)  # fmt: skip
def test_only_the_named_causes_are_tried_again(
    workshop: Workshop, causes: list[Any], count: int
) -> None:
    run = workshop.run(flaky(on=causes))

    assert len(attempts(run, "flaky")) == count


def test_a_step_that_took_too_long_is_tried_again(workshop: Workshop) -> None:
    slow = step("slow", "test -e flag || { touch flag; sleep 60; }", timeout_minutes=0.05,
                retry={"attempts": 2, "on": ["timed_out"]})  # fmt: skip

    run = workshop.run(slow)

    assert run.status == RunStatus.SUCCESS
    assert attempts(run, "slow")[0].reason == "timed_out"


def test_a_tolerated_failure_warns_once_after_its_last_attempt(workshop: Workshop) -> None:
    run = workshop.run(step("bad", "false", continue_on_error=True, retry={"attempts": 2}))

    assert (run.status, run.warnings) == (RunStatus.SUCCESS, 1)


def test_a_long_delay_holds_no_worker(workshop: Workshop) -> None:
    run = workshop.run(flaky(delay_seconds=40, backoff="exponential"))

    assert (run.status, run.worker_id) == (RunStatus.RUNNING, None)
    assert run.waiting_for == WaitingFor.EXTERNAL
    assert run.waiting_detail.startswith("Step flaky is tried again at ")
    due = last(run, "flaky").deadline_at
    assert due is not None
    assert timedelta(seconds=30) < due - timezone.now() <= timedelta(seconds=40)
    assert sweep()["wake_overdue_steps"] == 0

    make_due(run)
    assert sweep()["wake_overdue_steps"] == 1
    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert last(run, "flaky").attempt == 2


def make_due(run: PipelineRun) -> None:
    """Let the time of a delayed attempt be over."""
    StepExecution.objects.filter(run=run, parked_kind="retry").update(
        deadline_at=timezone.now() - timedelta(seconds=1)
    )


def test_a_run_that_waits_for_its_next_attempt_can_be_cancelled(workshop: Workshop) -> None:
    run = workshop.run(flaky(delay_seconds=3600))

    cancel_run(workshop.actor, run)
    run = workshop.execute(run)

    assert run.status == RunStatus.CANCELLED
    assert [each.status for each in attempts(run, "flaky")] == ["failure", "cancelled"]


def test_a_short_delay_is_ended_by_a_cancel(open_workshop: Workshop) -> None:
    run = open_workshop.trigger(open_workshop.pipeline(flaky(delay_seconds=25)))
    control = RunControl()
    turn = in_background(lambda: open_workshop.execute(run, control))
    wait_until(lambda: len(attempts(run, "flaky")) == 2)

    cancel_run(open_workshop.actor, fresh(run))
    control.stop("cancelled")
    turn.join(15)

    assert not turn.is_alive()
    assert fresh(run).status == RunStatus.CANCELLED


def test_a_stopped_worker_gives_a_delayed_attempt_to_another_one(open_workshop: Workshop) -> None:
    run = open_workshop.trigger(open_workshop.pipeline(flaky(delay_seconds=25)))
    control = RunControl()
    turn = in_background(lambda: open_workshop.execute(run, control))
    wait_until(lambda: len(attempts(run, "flaky")) == 2)

    control.stop("worker_stopped")
    turn.join(15)
    make_due(run)

    assert open_workshop.execute(run).status == RunStatus.SUCCESS
    assert len(attempts(run, "flaky")) == 2


def test_combinations_are_tried_again_each_for_itself(open_workshop: Workshop) -> None:
    command = 'test "$N" = 2 || test -e flag-$N || { touch flag-$N; exit 1; }'
    tests = step("tests", command, matrix={"n": [1, 2, 3]}, environment={"N": "${{ matrix.n }}"},
                 retry={"attempts": 2})  # fmt: skip

    run = open_workshop.run(tests)

    assert run.status == RunStatus.SUCCESS
    rows = StepExecution.objects.filter(run=run).order_by("matrix_index", "attempt")
    assert [(row.matrix_index, row.status) for row in rows] == [
        (0, "failure"), (0, "success"), (1, "success"), (2, "failure"), (2, "success"),
    ]  # fmt: skip


def test_a_member_with_a_long_delay_lets_the_others_end_first(open_workshop: Workshop) -> None:
    late = {**flaky(delay_seconds=3600), "group_key": "g"}

    run = open_workshop.run(late, step("quick", group_key="g"), step("after"))

    assert (run.status, run.waiting_for) == (RunStatus.RUNNING, WaitingFor.EXTERNAL)
    assert last(run, "quick").status == "success"
    make_due(run)
    sweep()
    assert open_workshop.execute(run).status == RunStatus.SUCCESS
