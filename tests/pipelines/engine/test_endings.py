"""Runs that are stopped, or whose time is over, while nobody executes them: what still happens."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from pipelines import step_types
from pipelines.choices import GateStatus, RunStatus, StepStatus, WaitingFor, WorkerStatus
from pipelines.engine.control import RunControl
from pipelines.models import ApprovalGate, PipelineRun, StepExecution, Worker
from pipelines.operations.approvals import Said, decide
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.runs import cancel_run
from pipelines.operations.sweeps import sweep
from pipelines.operations.workers import retire_worker
from pipelines.steps import registry
from pipelines.steps.base import Done, Outcome, Parked, StepContext
from tests.pipelines.conftest import (
    Probe,
    Workshop,
    attempts,
    fresh,
    last,
    log_of,
    make_worker,
    step,
)

SELF = {"allow_self_approval": True}
GATE: dict[str, Any] = {"requires_approval": True, "approval_settings": SELF}
CLEAN = step("clean", "echo cleaned", phase="finally")
TELL = step("tell", step_type="notify", phase="finally", configuration={"channel": "log"})


def park(_ctx: StepContext) -> Outcome:
    """Wait outside for longer than anything here lasts."""
    return Parked("external", "ship-7", timezone.now() + timedelta(days=1), "Waits for the ship.")


def _is_over(run: PipelineRun) -> None:
    """Let the run's time have passed."""
    past = timezone.now() - timedelta(seconds=1)
    PipelineRun.objects.filter(pk=run.pk).update(deadline_at=past)


@pytest.mark.parametrize("is_given_out", [False, True])
def test_an_approved_step_that_has_not_begun_does_not_begin_after_a_cancel(
    workshop: Workshop, probe: Probe, *, is_given_out: bool
) -> None:
    begun: list[str] = []
    probe.execute = lambda ctx: begun.append(ctx.step_key) or Done()  # type: ignore[func-returns-value]
    run = workshop.run(step("ship", step_type="probe", **GATE), CLEAN)
    decide(workshop.actor, last(run, "ship"), Said("approve"))
    if is_given_out:
        assert dispatch_waiting() == 1

    cancel_run(workshop.actor, fresh(run))
    run = workshop.execute(run)

    assert begun == []
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "cancelled")
    assert last(run, "ship").status == StepStatus.CANCELLED
    assert log_of(run, "clean") == "cleaned\n"


def test_a_second_cancel_ends_a_run_that_waits_for_a_worker_at_once(workshop: Workshop) -> None:
    run = workshop.run(step("ship", **GATE), CLEAN)
    decide(workshop.actor, last(run, "ship"), Said("approve"))

    cancel_run(workshop.actor, fresh(run))
    assert "cancel again to end it at once" in fresh(run).waiting_detail
    cancel_run(workshop.actor, fresh(run))

    assert fresh(run).status == RunStatus.CANCELLED
    assert last(run, "clean").status == StepStatus.CANCELLED


def test_a_cancelled_run_that_no_worker_came_to_in_time_is_cancelled(workshop: Workshop) -> None:
    run = workshop.run(step("ship", **GATE), CLEAN)
    decide(workshop.actor, last(run, "ship"), Said("approve"))
    cancel_run(workshop.actor, fresh(run))
    _is_over(run)
    Worker.objects.update(status=WorkerStatus.DRAINING)

    sweep()

    assert (fresh(run).status, fresh(run).reason) == (RunStatus.CANCELLED, "cancelled")
    assert last(run, "clean").status == StepStatus.CANCELLED


def test_what_a_woken_step_started_outside_is_stopped_when_a_cancel_comes_first(
    workshop: Workshop, probe: Probe
) -> None:
    probe.execute = park
    run = workshop.run(step("ship", step_type="probe"))
    StepExecution.objects.filter(run=run).update(deadline_at=timezone.now())
    sweep()  # The wake-up; the worker that it gives the run to has not come to it.
    PipelineRun.objects.filter(pk=run.pk).update(worker=None, waiting_for=WaitingFor.WORKER)

    cancel_run(workshop.actor, fresh(run))
    run = workshop.execute(run)

    assert probe.cancelled == ["ship-7"]
    assert run.status == RunStatus.CANCELLED


def test_a_step_whose_start_is_committed_with_a_cancel_does_nothing(
    workshop: Workshop, probe: Probe
) -> None:
    begun: list[str] = []

    def execute(ctx: StepContext) -> Outcome:
        begun.append(ctx.step_key)
        if ctx.step_key == "one":
            PipelineRun.objects.filter(pk=ctx.run.id).update(
                cancel_requested_at=timezone.now(), cancelled_by="somebody"
            )
        return Done()

    probe.execute = execute
    # Nothing is committed between the two: no folder is kept.
    registry.register(replace(step_types.get("probe"), effect="pure"), probe)
    run = workshop.run(step("one", step_type="probe"), step("two", step_type="probe"), CLEAN)

    assert begun == ["one"]
    assert run.status == RunStatus.CANCELLED
    assert last(run, "two").status == StepStatus.CANCELLED
    assert log_of(run, "clean") == "cleaned\n"


def test_a_run_over_its_time_has_failed_however_long_its_last_steps_wait(
    workshop: Workshop,
) -> None:
    run = workshop.trigger(workshop.pipeline(step("one"), {**CLEAN, **GATE}, TELL))
    _is_over(run)

    run = workshop.execute(run)
    assert (run.waiting_for, run.reason) == (WaitingFor.APPROVAL, "timed_out")
    decide(workshop.actor, last(run, "clean"), Said("approve"))
    run = workshop.execute(run)

    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert log_of(run, "clean") == "cleaned\n"
    assert "failed" in log_of(run, "tell")


def test_a_worker_that_dies_in_the_cleanup_leaves_the_rest_of_it_to_another(
    workshop: Workshop, probe: Probe
) -> None:
    def die(ctx: StepContext) -> Outcome:
        if ctx.attempt == 1:
            retire_worker(workshop.worker.pk, "it died", lost=True)
        return Done()

    probe.execute = die
    run = workshop.trigger(
        workshop.pipeline(step("one"), step("last", step_type="probe", phase="finally"), CLEAN)
    )
    _is_over(run)
    workshop.execute(run)
    workshop.worker = make_worker("successor")
    sweep()

    run = workshop.execute(run)

    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert [each.reason for each in attempts(run, "last")] == ["worker_lost", ""]
    assert log_of(run, "clean") == "cleaned\n"


def test_a_delayed_attempt_does_not_outlast_the_run(workshop: Workshop) -> None:
    again = {"attempts": 2, "delay_seconds": 3600}
    run = workshop.run(step("one", "exit 1", retry=again), CLEAN)
    assert (run.status, run.waiting_for) == (RunStatus.RUNNING, WaitingFor.EXTERNAL)
    _is_over(run)

    sweep()
    run = workshop.execute(run)

    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert [each.status for each in attempts(run, "one")] == ["failure", "skipped"]
    assert log_of(run, "clean") == "cleaned\n"


def test_a_wait_outside_does_not_outlast_the_run(workshop: Workshop, probe: Probe) -> None:
    probe.execute = park
    run = workshop.run(step("ship", step_type="probe"), step("after"), CLEAN)
    _is_over(run)

    sweep()
    run = workshop.execute(run)

    assert probe.cancelled == ["ship-7"]
    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert last(run, "ship").error_message.startswith("The run took longer than its 5 minutes")
    assert last(run, "after").reason == "timed_out"
    assert log_of(run, "clean") == "cleaned\n"


def test_a_wait_outside_does_not_outlast_the_step(workshop: Workshop, probe: Probe) -> None:
    probe.execute = park
    run = workshop.run(step("ship", step_type="probe", timeout_minutes=1), CLEAN)
    waiting = last(run, "ship")
    assert waiting.deadline_at is not None
    assert waiting.deadline_at <= timezone.now() + timedelta(minutes=1)
    begun = timezone.now() - timedelta(minutes=1)
    StepExecution.objects.filter(pk=waiting.pk).update(started_at=begun, deadline_at=begun)

    sweep()
    run = workshop.execute(run, RunControl())

    assert probe.cancelled == ["ship-7"]
    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert last(run, "ship").error_message.startswith("The step took longer than its 1 minutes")
    assert log_of(run, "clean") == "cleaned\n"


def _waits_beside_a_step_that_kills_its_workers(workshop: Workshop) -> PipelineRun:
    """A group: one member is asked about, the other has cost two workers."""
    again = {"attempts": 2, "delay_seconds": 3600}
    asked, bad = (
        step("ask", group_key="g", **GATE),
        step("bad", "exit 1", group_key="g", retry=again),
    )
    run = workshop.run(asked, bad, CLEAN)
    assert run.waiting_for == WaitingFor.APPROVAL
    for _ in range(2):
        _kill_in(workshop, run, "bad")
    return fresh(run)


def _kill_in(workshop: Workshop, run: PipelineRun, key: str) -> None:
    """Have a worker die while it executes the latest attempt at a step."""
    PipelineRun.objects.filter(pk=run.pk).update(
        worker=workshop.worker, fence=F("fence") + 1, waiting_for=""
    )
    StepExecution.objects.filter(pk=last(run, key).pk).update(
        status=StepStatus.RUNNING, parked_kind="", deadline_at=None
    )
    retire_worker(workshop.worker.pk, "it died", lost=True)
    workshop.worker = make_worker(f"{workshop.worker.name}-again")


def test_nobody_is_asked_any_more_about_a_run_that_was_given_up(open_workshop: Workshop) -> None:
    run = _waits_beside_a_step_that_kills_its_workers(open_workshop)

    _kill_in(open_workshop, run, "bad")

    assert (fresh(run).status, fresh(run).reason) == (RunStatus.FAILURE, "worker_lost")
    assert last(run, "ask").status == StepStatus.CANCELLED
    assert ApprovalGate.objects.get(run=run).status == GateStatus.CANCELLED


def test_nobody_is_asked_any_more_about_a_run_whose_time_is_over(open_workshop: Workshop) -> None:
    run = _waits_beside_a_step_that_kills_its_workers(open_workshop)
    _is_over(run)
    Worker.objects.update(status=WorkerStatus.DRAINING)

    sweep()

    assert (fresh(run).status, fresh(run).reason) == (RunStatus.FAILURE, "timed_out")
    assert last(run, "ask").status == StepStatus.FAILURE
    assert ApprovalGate.objects.get(run=run).status == GateStatus.CANCELLED
