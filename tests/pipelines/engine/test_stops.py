"""Timeouts, cancels and workers that stop: each ends in a state that says so in words."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.errors import Fenced
from pipelines.choices import RunStatus, StepStatus, WaitingFor
from pipelines.engine import boundary
from pipelines.engine.control import RunControl
from pipelines.engine.moves import StepMove, Verdict, Wait
from pipelines.models import PipelineRun
from pipelines.operations.runs import cancel_run
from pipelines.operations.sweeps import sweep
from pipelines.steps.base import Done, StepContext
from tests.pipelines.conftest import (
    Probe,
    Workshop,
    attempts,
    fresh,
    last,
    log_of,
    step,
    wait_until,
)

CLEAN = step("clean", "echo cleaned", phase="finally", condition="always()")


def _say_when_running(marker: Path, control: RunControl, reason: str) -> threading.Thread:
    def say() -> None:
        wait_until(marker.exists)
        control.stop(reason)

    thread = threading.Thread(target=say)
    thread.start()
    return thread


def _slow(run: PipelineRun, settings: Settings) -> Path:
    """Where the slow step of `run` says that it runs."""
    return Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex / "work" / "running"


SLOW = step("slow", "touch running; exec sleep 60")


def test_a_step_over_its_time_is_ended_and_says_so(workshop: Workshop) -> None:
    run = workshop.run(step("slow", "sleep 60", timeout_minutes=0.05), CLEAN)

    assert run.status == RunStatus.FAILURE
    assert last(run, "slow").reason == "timed_out"
    assert "took longer than its 0.05 minutes" in last(run, "slow").error_message
    assert log_of(run, "clean") == "cleaned\n"


def test_a_run_over_its_time_skips_what_is_left_but_cleans_up(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("slow", "sleep 60"), step("after"), CLEAN,
                                             timeout_minutes=0.05))  # fmt: skip
    run = workshop.execute(run)

    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert "took longer than its 0.05 minutes" in run.error_message
    assert last(run, "slow").reason == "timed_out"
    assert last(run, "after").status == StepStatus.SKIPPED
    assert log_of(run, "clean") == "cleaned\n"


def test_a_run_whose_time_passed_between_steps_says_so_on_the_steps_left(
    workshop: Workshop,
) -> None:
    run = workshop.trigger(workshop.pipeline(step("one"), CLEAN))
    PipelineRun.objects.filter(pk=run.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))

    run = workshop.execute(run)

    assert (run.status, run.reason) == (RunStatus.FAILURE, "timed_out")
    assert last(run, "one").reason == "timed_out"
    assert log_of(run, "clean") == "cleaned\n"


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_cancel_ends_the_command_and_the_finally_steps_still_run(
    workshop: Workshop, settings: Settings, sandbox: str
) -> None:
    settings.POWERNODE_SANDBOX = sandbox
    run = workshop.trigger(workshop.pipeline(SLOW, step("after"), CLEAN))
    control = RunControl()
    saying = _say_when_running(_slow(run, settings), control, "cancelled")

    run = workshop.execute(run, control)

    saying.join()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "cancelled")
    assert last(run, "slow").status == StepStatus.CANCELLED
    assert last(run, "after").status == StepStatus.CANCELLED
    assert log_of(run, "clean") == "cleaned\n"


def test_a_cancel_between_two_steps_is_seen_by_the_next_commit(
    workshop: Workshop, probe: Probe
) -> None:
    def cancelling(_ctx: StepContext) -> Done:
        cancel_run(workshop.actor, PipelineRun.objects.get())
        return Done()

    probe.execute = cancelling

    run = workshop.run(step("one", step_type="probe"), step("two", "echo never"), CLEAN)

    assert run.status == RunStatus.CANCELLED
    assert run.error_message == f"Cancelled by {workshop.actor.label}."
    assert last(run, "one").status == StepStatus.SUCCESS
    assert last(run, "two").status == StepStatus.CANCELLED
    assert log_of(run, "clean") == "cleaned\n"


def test_a_cancel_during_the_last_step_wins_over_its_success(
    workshop: Workshop, probe: Probe
) -> None:
    def cancelling(_ctx: StepContext) -> Done:
        cancel_run(workshop.actor, PipelineRun.objects.get())
        return Done()

    probe.execute = cancelling

    run = workshop.run(step("one", step_type="probe"))

    assert run.status == RunStatus.CANCELLED
    assert run.error_message == f"Cancelled by {workshop.actor.label}."


def test_a_second_cancel_takes_the_run_from_its_worker_at_once(
    workshop: Workshop, probe: Probe
) -> None:
    def cancelling_twice(_ctx: StepContext) -> Done:
        run = PipelineRun.objects.get()
        cancel_run(workshop.actor, run)
        cancel_run(workshop.actor, fresh(run))
        return Done(outputs={"late": "write"})

    probe.execute = cancelling_twice

    run = workshop.run(step("one", step_type="probe"), CLEAN)

    assert run.status == RunStatus.CANCELLED
    assert last(run, "one").status == StepStatus.CANCELLED
    assert last(run, "one").outputs == {}
    assert last(run, "clean").status == StepStatus.CANCELLED
    assert cancel_run(workshop.actor, run).status == RunStatus.CANCELLED


def test_a_cancel_that_the_dead_worker_heard_does_not_end_the_finally_steps_of_its_successor(
    workshop: Workshop,
) -> None:
    run = workshop.trigger(workshop.pipeline(step("one"), CLEAN))
    boundary.claim(run.pk, workshop.worker.pk, "here")
    cancel_run(workshop.actor, fresh(run))

    run = workshop.execute(run)

    assert run.status == RunStatus.CANCELLED
    assert last(run, "clean").status == StepStatus.SUCCESS


def test_a_queued_run_is_cancelled_at_once(workshop: Workshop) -> None:
    run = cancel_run(workshop.actor, workshop.trigger(workshop.pipeline(step("one"))))

    assert run.status == RunStatus.CANCELLED
    assert last(run, "one").status == StepStatus.CANCELLED
    assert workshop.execute(run).status == RunStatus.CANCELLED


def test_a_stopping_worker_hands_the_step_back_and_the_next_turn_repeats_it(
    workshop: Workshop, settings: Settings
) -> None:
    first_time = "test -e running && echo again || { touch running; exec sleep 60; }"
    run = workshop.trigger(workshop.pipeline(step("once"), step("slow", first_time)))
    control = RunControl()
    saying = _say_when_running(_slow(run, settings), control, "worker_stopped")

    run = workshop.execute(run, control)
    saying.join()
    assert (run.status, run.worker_id, run.waiting_for) == ("running", None, WaitingFor.WORKER)
    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert [each.status for each in attempts(run, "slow")] == ["failure", "success"]
    assert attempts(run, "slow")[0].reason == "worker_stopped"
    assert len(attempts(run, "once")) == 1
    assert run.steps_done == 2


def test_being_stopped_in_good_order_is_never_counted_as_a_death(
    workshop: Workshop, settings: Settings
) -> None:
    times = "echo x >> count; test $(wc -l < count) -gt 5 || { touch running; exec sleep 60; }"
    run = workshop.trigger(workshop.pipeline(step("slow", times)))
    for _ in range(5):
        _slow(run, settings).unlink(missing_ok=True)
        control = RunControl()
        saying = _say_when_running(_slow(run, settings), control, "worker_stopped")
        workshop.execute(run, control)
        saying.join()

    assert workshop.execute(run).status == RunStatus.SUCCESS


def test_a_worker_without_the_lease_writes_nothing(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    lease = boundary.claim(run.pk, workshop.worker.pk, "here")
    assert lease is not None
    PipelineRun.objects.filter(pk=run.pk).update(fence=lease.fence + 1)
    before = PipelineRun.objects.filter(pk=run.pk).values().get()
    move = StepMove.start(last(run, "one"), None)

    writes: list[Callable[[], object]] = [
        lambda: boundary.advance(lease, [move]),
        lambda: boundary.finish(lease, [move], Verdict("success")),
        lambda: boundary.park(lease, [move], Wait("external", "waits")),
        lambda: boundary.release(lease, [move], [], "why"),
    ]
    for write in writes:
        with pytest.raises(Fenced):
            write()

    assert PipelineRun.objects.filter(pk=run.pk).values().get() == before
    assert last(run, "one").status == StepStatus.PENDING


def test_a_run_that_nobody_took_in_time_is_ended_by_the_sweep(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    PipelineRun.objects.filter(pk=run.pk).update(
        status="running", worker=None, waiting_for="worker", waiting_detail="…",
        deadline_at=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip

    done = sweep()

    assert done["end_overdue_runs"] == 1
    assert fresh(run).reason == "timed_out"
    assert last(run, "one").reason == "timed_out"
