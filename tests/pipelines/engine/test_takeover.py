"""A worker is gone: its successor goes on where it stopped, and nothing happens twice."""

import shutil
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from pytest_django.fixtures import Settings

from containers.operations.secrets import create_secret, delete_secret
from devops.models import Blob, OutboxMessage
from devops.storage import logs
from pipelines.choices import RunStatus, StepStatus, WaitingFor
from pipelines.engine import boundary
from pipelines.engine.moves import StepMove
from pipelines.models import Artifact, PipelineRun, StepExecution, Worker
from pipelines.operations.runs import cancel_run, wake_step
from pipelines.operations.sweeps import sweep
from pipelines.operations.workers import retire_worker
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


def die_in(workshop: Workshop, run: PipelineRun, key: str) -> None:
    """Have the worker's row lost while `key` is the step that runs."""
    sweep()
    lease = boundary.claim(run.pk, workshop.worker.pk, workshop.worker.host)
    assert lease is not None
    boundary.advance(lease, [StepMove.start(last(run, key), None)])
    retire_worker(workshop.worker.pk, "its process died", lost=True)
    workshop.worker = make_worker()


def test_a_lost_worker_costs_one_attempt_and_the_run_goes_on(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("one", "echo done")))

    die_in(workshop, run, "one")
    assert fresh(run).waiting_for == WaitingFor.WORKER
    assert "is gone (its process died)" in fresh(run).waiting_detail
    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert [(each.status, each.reason) for each in attempts(run, "one")] == [
        ("failure", "worker_lost"), ("success", ""),
    ]  # fmt: skip


def test_three_losses_in_one_step_end_the_run_and_say_so(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("poison"), step("after")))

    for _ in range(3):
        die_in(workshop, run, "poison")

    run = fresh(run)
    assert (run.status, run.reason) == (RunStatus.FAILURE, "worker_lost")
    assert run.error_message == (
        "The worker was lost 3 times in step poison; "
        "the last time: bench is gone (its process died)."
    )
    assert last(run, "after").reason == "worker_lost"


def test_a_run_that_kills_its_worker_before_any_step_ends_too(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("poison")))

    for _ in range(3):
        assert boundary.claim(run.pk, workshop.worker.pk, "here") is not None
        retire_worker(workshop.worker.pk, "its process died", lost=True)
        workshop.worker = make_worker()
        sweep()

    assert fresh(run).reason == "worker_lost"


def test_the_log_of_a_lost_attempt_is_complete_as_far_as_it_goes(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    writer = logs.LogWriter(
        last(run, "one").pk, run.account_id, masker=_Plain(), on_append=lambda _: None
    )
    writer.write(b"first\nsecond")
    writer._flush()

    die_in(workshop, run, "one")

    state = logs.state(attempts(run, "one")[0].pk)
    assert (state.complete, state.size_bytes) == (True, 12)


class _Plain:
    def feed(self, block: bytes) -> bytes:
        return block

    def flush(self) -> bytes:
        return b""


def test_a_silent_worker_is_retired_by_the_sweep(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("one")))
    boundary.claim(run.pk, workshop.worker.pk, "here")
    Worker.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    done = sweep()

    assert done["retire_silent_workers"] == 1
    assert fresh(run).worker_id is None
    assert Worker.objects.get().stop_reason == "no heartbeat within its lease"


def test_a_finished_step_is_not_run_again_where_the_workspace_still_is(
    workshop: Workshop,
) -> None:
    run = workshop.trigger(workshop.pipeline(step("one", "echo x >> ledger"), step("two", "true"),
                                             step("three", "cat ledger")))  # fmt: skip
    control_run = _until(workshop, run, "two")

    die_in(workshop, control_run, "two")
    run = workshop.execute(run)

    assert log_of(run, "three") == "x\n"


def _until(workshop: Workshop, run: PipelineRun, key: str) -> PipelineRun:
    """Execute the steps before `key`, then hand the run back in good order."""
    StepExecution.objects.filter(run=run, step_key=key).update(step_type="gate_of_the_test")
    run = workshop.execute(run)
    assert last(run, key).reason == "configuration"
    StepExecution.objects.filter(run=run, step_key=key).update(
        status="pending", step_type="custom", reason=""
    )
    later = StepExecution.objects.filter(run=run, position__gt=last(run, key).position)
    later.update(status="pending", reason="")
    PipelineRun.objects.filter(pk=run.pk).update(
        status="running", worker=None, waiting_for="worker", completed_at=None, reason=""
    )
    sweep()
    return fresh(run)


def test_without_the_folder_the_finished_workspace_steps_are_replayed_into_the_log(
    workshop: Workshop, settings: Settings
) -> None:
    settings.POWERNODE_SNAPSHOT_MAX_BYTES = 0
    run = workshop.trigger(
        workshop.pipeline(step("one", "echo made > file"), step("two", "cat file"))
    )
    run = _until(workshop, run, "two")
    shutil.rmtree(Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex)

    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS, run.error_message
    assert log_of(run, "two") == "::group::Rebuilding the workspace: one\n::endgroup::\nmade\n"
    assert len(attempts(run, "one")) == 1


def test_a_workspace_that_cannot_be_rebuilt_fails_the_step_in_words(
    workshop: Workshop, settings: Settings, tmp_path: Path
) -> None:
    settings.POWERNODE_SANDBOX = "none"
    settings.POWERNODE_SNAPSHOT_MAX_BYTES = 0
    flag = tmp_path / "flag"
    flag.touch()
    run = workshop.trigger(workshop.pipeline(step("one", f"test -e {flag}"), step("two")))
    run = _until(workshop, run, "two")
    shutil.rmtree(Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex)
    flag.unlink()

    run = workshop.execute(run)

    assert last(run, "two").reason == "workspace_lost"
    assert "step one failed" in last(run, "two").error_message


def test_the_replay_does_not_ask_conditions_again(workshop: Workshop, settings: Settings) -> None:
    settings.POWERNODE_SNAPSHOT_MAX_BYTES = 0
    clean = step("clean", "cat file", phase="finally", condition="always()")
    run = workshop.trigger(
        workshop.pipeline(step("one", "echo made > file"), step("bad", "false"), clean)
    )
    run = _until(workshop, run, "clean")
    shutil.rmtree(Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex)

    run = workshop.execute(run)

    assert log_of(run, "clean").endswith("made\n")


def park(_ctx: StepContext) -> Outcome:
    _ctx.log("started")
    return Parked("external", "far-1", timezone.now() + timedelta(hours=1), "Waits for the ship.")


def test_a_parked_step_holds_no_worker_and_goes_on_with_what_the_waker_said(
    workshop: Workshop, probe: Probe
) -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []

    def resume(ctx: StepContext, ref: str, message: Mapping[str, Any]) -> Outcome:
        ctx.log("resumed")
        seen.append((ref, message))
        return Done(outputs={"arrived": True})

    probe.execute, probe.resume = park, resume
    run = workshop.run(step("ship", step_type="probe"), step("after"))
    assert (run.status, run.worker_id, run.waiting_for) == ("running", None, "external")
    assert run.waiting_detail == "Waits for the ship."
    assert run.deadline_at is not None  # Only waiting for people stops the run's clock.

    assert wake_step(str(last(run, "ship").pk), {"port": "Bremen"})
    assert not wake_step(str(last(run, "ship").pk), {"port": "again"})
    run = workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert seen == [("far-1", {"port": "Bremen"})]
    assert log_of(run, "ship") == "started\nresumed\n"
    assert last(run, "ship").outputs == {"arrived": True}


def test_a_parked_step_is_woken_at_its_deadline(workshop: Workshop, probe: Probe) -> None:
    def given_up(_ctx: StepContext, _ref: str, message: Mapping[str, Any]) -> Outcome:
        return Done("failure", error_message=f"No answer: {dict(message)}")

    probe.execute, probe.resume = park, given_up
    run = workshop.run(step("ship", step_type="probe"))
    StepExecution.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))

    assert sweep()["wake_overdue_steps"] == 1
    run = workshop.execute(run)

    assert last(run, "ship").error_message == "No answer: {}"


def test_a_cancelled_wait_stops_what_was_started_outside(workshop: Workshop, probe: Probe) -> None:
    probe.execute = park
    run = workshop.run(step("ship", step_type="probe"), step("after"))

    run = cancel_run(workshop.actor, run)
    assert run.status == RunStatus.RUNNING
    run = workshop.execute(run)

    assert run.status == RunStatus.CANCELLED
    assert probe.cancelled == ["far-1"]
    assert last(run, "ship").status == StepStatus.CANCELLED


def test_a_wait_is_cancelled_at_once_when_asked_twice(workshop: Workshop, probe: Probe) -> None:
    probe.execute = park
    run = workshop.run(step("ship", step_type="probe"))

    cancel_run(workshop.actor, run)
    run = cancel_run(workshop.actor, run)

    assert run.status == RunStatus.CANCELLED


def test_a_notification_is_sent_once_however_often_its_worker_dies(workshop: Workshop) -> None:
    say = step("say", step_type="notify")
    say["configuration"] = {"message": "hello"}
    run = workshop.trigger(workshop.pipeline(say))
    key = uuid.uuid5(run.pk, "say")
    workshop.execute(run)
    run2 = fresh(run)

    assert run2.status == RunStatus.SUCCESS
    assert OutboxMessage.objects.filter(topic=f"notification.{key.hex}").count() == 1


def test_secrets_reach_the_steps_that_declare_them_and_are_masked_everywhere(
    workshop: Workshop,
) -> None:
    create_secret(workshop.actor, "TOKEN", "s3cret-canary-value")
    leak = step("leak", 'echo "$TOKEN"; echo "v=$TOKEN" >> "$POWERNODE_OUTPUT"; '
                'echo "$TOKEN" > "$POWERNODE_SUMMARY"; echo "$TOKEN" > file',
                secret_refs=["TOKEN"])  # fmt: skip
    without = step("without", 'echo "[$TOKEN]"; cat file')

    run = workshop.run(leak, without, secret_refs=["TOKEN"])

    assert run.status == RunStatus.SUCCESS
    assert "s3cret-canary-value" not in log_of(run, "leak") + log_of(run, "without")
    assert log_of(run, "without").startswith("[]\n")
    assert "canary" not in str(last(run, "leak").outputs) + last(run, "leak").summary
    told = "".join(str(message.payload) for message in OutboxMessage.objects.all())
    assert "canary" not in told


def test_names_that_a_step_makes_of_a_secret_are_masked(workshop: Workshop) -> None:
    create_secret(workshop.actor, "TOKEN", "s3cret_canary_value")
    name = step("name", 'echo "$TOKEN=1" >> "$POWERNODE_OUTPUT"; mkdir d; touch d/$TOKEN $TOKEN',
                secret_refs=["TOKEN"])  # fmt: skip
    folder, file = (
        step(key, step_type="upload_artifact", secret_refs=["TOKEN"], configuration=configuration)
        for key, configuration in (
            ("folder", {"name": "all-${{ secrets.TOKEN }}", "path": "d"}),
            ("file", {"name": "one", "path": "${{ secrets.TOKEN }}"}),
        )
    )

    run = workshop.run(name, folder, file, secret_refs=["TOKEN"])

    assert run.status == RunStatus.SUCCESS, run.error_message
    assert last(run, "name").outputs == {"***": "1", "exit_code": 0}
    kept = Artifact.objects.filter(run=run).order_by("id").values_list("name", "path", "contents")
    assert list(kept) == [("all-***", "d", [["d/***", 0]]), ("one", "***", [])]
    shown = "".join(str(row) for row in (*Artifact.objects.values(), *Blob.objects.values()))
    told = "".join(str(message.payload) for message in OutboxMessage.objects.all())
    assert "canary" not in shown + told + str(run.outputs)


def test_a_secret_that_is_gone_fails_the_step_that_names_it(workshop: Workshop) -> None:
    secret = create_secret(workshop.actor, "TOKEN", "s3cret-canary-value")
    run = workshop.trigger(workshop.pipeline(step("before"), step("use", secret_refs=["TOKEN"]),
                                             secret_refs=["TOKEN"]))  # fmt: skip
    delete_secret(workshop.actor, secret)

    run = workshop.execute(run)

    assert last(run, "before").status == StepStatus.SUCCESS
    assert last(run, "use").reason == "secret_missing"
    assert "no secret called TOKEN" in last(run, "use").error_message
