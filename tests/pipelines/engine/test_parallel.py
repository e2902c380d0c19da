"""Groups and matrices: what runs side by side, and what its members do to each other."""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from containers.operations.secrets import create_secret
from devops.errors import Invalid
from pipelines.choices import RunStatus, StepStatus
from pipelines.engine import boundary
from pipelines.engine.control import RunControl
from pipelines.engine.moves import StepMove
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.approvals import Said, decide
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.runs import cancel_run, wake_step
from pipelines.operations.workers import retire_worker
from pipelines.steps.base import Done, Outcome, Parked, StepContext
from tests.pipelines.conftest import (
    Probe,
    Workshop,
    attempts,
    fresh,
    in_background,
    last,
    log_of,
    make_worker,
    messages_of,
    step,
    wait_until,
)

MEET = "touch here-$POWERNODE_STEP; until test -e here-$OTHER; do sleep 0.02; done"


def member(key: str, command: str = "true", **more: Any) -> dict[str, Any]:
    """A member of the group `g`."""
    return step(key, command, group_key="g", **more)


def members_of(run: PipelineRun, key: str) -> list[StepExecution]:
    """The latest attempts at a step with a matrix, in its order."""
    rows = StepExecution.objects.filter(run=run, step_key=key)
    latest = {row.matrix_index: row for row in rows.order_by("matrix_index", "attempt")}
    return list(latest.values())


def test_members_of_a_group_run_side_by_side_in_one_turn(open_workshop: Workshop) -> None:
    a = member("a", MEET, environment={"OTHER": "b"})
    b = member("b", MEET, environment={"OTHER": "a"})

    run = open_workshop.run(a, b, step("after"))

    assert run.status == RunStatus.SUCCESS
    assert [m.seq for m in messages_of(run)] == list(range(1, run.version + 1))
    moves = Counter(m.name for m in messages_of(run))
    assert moves["step_updated"] == 6
    assert run.steps_done == run.steps_total == 3


def test_combinations_run_side_by_side_and_leave_a_list(open_workshop: Workshop) -> None:
    tests = step("tests", 'echo "on=$ON" >> "$POWERNODE_OUTPUT"; test "$ON" != w',
                 matrix={"os": ["l", "w"], "py": ["3.11", "3.12"], "fail_fast": False},
                 environment={"ON": "${{ matrix.os }}"}, continue_on_error=True)  # fmt: skip
    look = step("look", 'echo "$SEEN"', environment={
        "SEEN": "${{ toJSON(steps.tests.outputs.*.on) }} ${{ steps.tests.status }} "
                "${{ steps.previous.outputs[1].on }}"})  # fmt: skip

    run = open_workshop.run(tests, look)

    assert run.status == RunStatus.SUCCESS
    assert run.warnings == 2
    assert [row.step_name for row in members_of(run, "tests")] == [
        "tests (l, 3.11)", "tests (l, 3.12)", "tests (w, 3.11)", "tests (w, 3.12)",
    ]  # fmt: skip
    assert [row.status for row in members_of(run, "tests")] == ["success"] * 2 + ["failure"] * 2
    assert "".join(log_of(run, "look").split()) == '["l","l","w","w"]failurel'
    assert [each["on"] for each in run.outputs["tests"]] == ["l", "l", "w", "w"]


def test_no_more_than_the_bound_run_at_once(open_workshop: Workshop, probe: Probe) -> None:
    lock, now, most = threading.Lock(), Counter[str](), Counter[str]()

    def busy(ctx: StepContext) -> Outcome:
        with lock:
            now["all"] += 1
            now[ctx.step_key] += 1
            for key, count in now.items():
                most[key] = max(most[key], count)
        threading.Event().wait(0.05)
        with lock:
            now["all"] -= 1
            now[ctx.step_key] -= 1
        return Done()

    probe.execute = busy
    free = member("free", step_type="probe", matrix={"n": [1, 2, 3, 4, 5, 6]})
    tight = member("tight", step_type="probe", matrix={"n": [1, 2, 3, 4], "max_parallel": 1})

    run = open_workshop.run(free, tight, settings={"groups": {"g": {"max_parallel": 3}}})

    assert run.status == RunStatus.SUCCESS
    assert most["all"] <= 3
    assert most["tight"] == 1
    assert len(members_of(run, "free")) == 6


def test_a_failing_member_lets_the_others_end_and_later_steps_are_skipped(
    open_workshop: Workshop,
) -> None:
    run = open_workshop.run(
        member("bad", "false"), member("good", "echo fine"), member("late", "echo late"),
        step("after"), settings={"groups": {"g": {"max_parallel": 1}}},
    )  # fmt: skip

    assert (run.status, run.reason) == (RunStatus.FAILURE, "exit_code")
    assert log_of(run, "good") + log_of(run, "late") == "fine\nlate\n"
    assert last(run, "after").reason == "earlier_failure"


def test_a_group_that_fails_fast_ends_its_members(open_workshop: Workshop) -> None:
    run = open_workshop.run(
        member("slow", "touch up; exec sleep 60"),
        member("bad", "until test -e up; do sleep 0.02; done; false"),
        member("late"), step("after"),
        settings={"groups": {"g": {"fail_fast": True, "max_parallel": 2}}},
    )  # fmt: skip

    assert run.status == RunStatus.FAILURE
    for key in ("slow", "late"):
        assert (last(run, key).status, last(run, key).reason) == ("cancelled", "fail_fast")
    assert last(run, "after").reason == "earlier_failure"


def test_a_matrix_fails_fast_by_itself_and_only_within_its_step(open_workshop: Workshop) -> None:
    tests = member("tests", "false", matrix={"n": [1, 2, 3], "max_parallel": 1})

    run = open_workshop.run(tests, member("other", "echo fine"))

    rows = members_of(run, "tests")
    assert [row.status for row in rows] == ["failure", "cancelled", "cancelled"]
    assert {row.reason for row in rows[1:]} == {"fail_fast"}
    assert last(run, "other").status == StepStatus.SUCCESS


def test_members_do_not_see_each_other_and_a_later_step_sees_all(open_workshop: Workshop) -> None:
    show = {"SEEN": "${{ toJSON(steps.previous) }}"}
    say = 'echo word=$POWERNODE_STEP >> "$POWERNODE_OUTPUT"; echo $SEEN'

    run = open_workshop.run(
        step("first", say), member("a", say, environment=show), member("b", say, environment=show),
        step("last", 'echo "$SEEN"', environment={
            "SEEN": "${{ steps.previous.a.outputs.word }}${{ steps.previous.b.status }}"}),
        settings={"groups": {"g": {"max_parallel": 1}}},
    )  # fmt: skip

    assert '"word": "first"' in log_of(run, "a")
    assert '"word": "first"' in log_of(run, "b")
    assert log_of(run, "last") == "asuccess\n"


def test_a_secret_of_one_member_is_masked_in_the_log_of_another(open_workshop: Workshop) -> None:
    create_secret(open_workshop.actor, "TOKEN", "s3cret-canary-value")
    owner = member("owner", 'until test -e up; do sleep 0.02; done; echo "$TOKEN" > file',
                   secret_refs=["TOKEN"])  # fmt: skip
    reader = member("reader", "touch up; until test -s file; do sleep 0.02; done; cat file")

    run = open_workshop.run(reader, owner, secret_refs=["TOKEN"])

    assert run.status == RunStatus.SUCCESS
    assert "canary" not in log_of(run, "reader")


def test_a_cancel_ends_all_members_and_always_still_runs(
    open_workshop: Workshop, settings: Settings
) -> None:
    run = open_workshop.trigger(open_workshop.pipeline(
        member("a", "touch up-a; exec sleep 60"), member("b", "touch up-b; exec sleep 60"),
        member("c"),
        member("clean", "echo cleaned", condition="always()"), step("after"),
        settings={"groups": {"g": {"max_parallel": 2}}},
    ))  # fmt: skip
    control = RunControl()
    turn = in_background(lambda: open_workshop.execute(run, control))
    folder = Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex / "work"
    wait_until(lambda: (folder / "up-a").exists() and (folder / "up-b").exists())

    cancel_run(open_workshop.actor, fresh(run))
    control.stop("cancelled")
    turn.join(30)

    run = fresh(run)
    assert run.status == RunStatus.CANCELLED
    assert [last(run, key).status for key in ("a", "b", "c", "clean", "after")] == [
        "cancelled", "cancelled", "cancelled", "success", "cancelled",
    ]  # fmt: skip
    assert log_of(run, "clean") == "cleaned\n"


def test_a_step_of_a_group_has_its_own_limit(open_workshop: Workshop) -> None:
    run = open_workshop.run(
        member("slow", "sleep 60", timeout_minutes=0.05), member("quick", "echo fine")
    )

    assert last(run, "slow").reason == "timed_out"
    assert last(run, "quick").status == StepStatus.SUCCESS


def die_in(shop: Workshop, run: PipelineRun, *keys: str) -> None:
    """Have the worker lost while these members run."""
    lease = boundary.claim(run.pk, shop.worker.pk, shop.worker.host)
    assert lease is not None
    boundary.advance(lease, [StepMove.start(last(run, key), None) for key in keys])
    retire_worker(shop.worker.pk, "its process died", lost=True)
    shop.worker = make_worker()


def test_every_interrupted_member_gets_its_next_attempt_and_finished_ones_stay(
    open_workshop: Workshop,
) -> None:
    pipeline = open_workshop.pipeline(member("a"), member("b"), member("c"))
    run = open_workshop.trigger(pipeline)
    lease = boundary.claim(run.pk, open_workshop.worker.pk, "here")
    assert lease is not None
    a, b, c = (last(run, key) for key in "abc")
    boundary.advance(lease, [StepMove.start(each, None) for each in (a, b, c)])
    done = {"completed_at": timezone.now(), "reason": ""}
    boundary.advance(lease, [StepMove(a, StepStatus.SUCCESS, done)])
    retire_worker(open_workshop.worker.pk, "its process died", lost=True)
    open_workshop.worker = make_worker()

    run = open_workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert [len(attempts(run, key)) for key in "abc"] == [1, 2, 2]
    assert attempts(run, "b")[0].reason == "worker_lost"
    assert run.steps_done == 3


def test_three_losses_of_one_member_end_the_run_with_all_its_members(
    open_workshop: Workshop,
) -> None:
    run = open_workshop.trigger(open_workshop.pipeline(member("a"), member("b")))

    for _ in range(3):
        dispatch_waiting()
        die_in(open_workshop, run, "a")

    run = fresh(run)
    assert (run.status, run.reason) == (RunStatus.FAILURE, "worker_lost")
    assert last(run, "b").status == StepStatus.SKIPPED


def test_a_member_that_waits_outside_lets_the_others_end_first(
    open_workshop: Workshop, probe: Probe
) -> None:
    def park(_ctx: StepContext) -> Outcome:
        return Parked("external", "far", timezone.now() + timedelta(hours=1), "Waits.")

    def resume(_ctx: StepContext, _ref: str, message: Mapping[str, Any]) -> Outcome:
        return Done(outputs=dict(message))

    probe.execute, probe.resume = park, resume
    run = open_workshop.run(
        member("ship", step_type="probe"), member("boat", step_type="probe"),
        member("quick", "echo fine"), step("after"),
    )  # fmt: skip
    assert (run.status, run.worker_id, run.waiting_for) == ("running", None, "external")
    assert last(run, "quick").status == StepStatus.SUCCESS
    assert "ship, boat" in run.waiting_detail

    assert wake_step(str(last(run, "ship").pk), {"port": "Bremen"})
    run = open_workshop.execute(run)
    assert (run.status, run.waiting_for) == ("running", "external")
    assert last(run, "ship").status == StepStatus.SUCCESS

    assert wake_step(str(last(run, "boat").pk), {"port": "Kiel"})
    run = open_workshop.execute(run)
    assert run.status == RunStatus.SUCCESS
    assert last(run, "boat").outputs == {"port": "Kiel"}


def test_a_message_that_comes_while_others_still_run_is_not_lost(
    open_workshop: Workshop, probe: Probe
) -> None:
    def park(ctx: StepContext) -> Outcome:
        if ctx.step_key == "busy":
            parked = last(run, "ship")
            wait_until(lambda: last(run, "ship").parked_kind)
            assert wake_step(str(parked.pk), {"port": "Bremen"})
            return Done()
        return Parked("external", "far", timezone.now() + timedelta(hours=1), "Waits.")

    probe.execute = park
    run = open_workshop.trigger(open_workshop.pipeline(
        member("ship", step_type="probe"), member("busy", step_type="probe")
    ))  # fmt: skip

    assert open_workshop.execute(run).status == RunStatus.SUCCESS


def test_a_defect_in_one_member_ends_the_others_and_gives_the_run_back(
    open_workshop: Workshop, probe: Probe
) -> None:
    def lose(ctx: StepContext) -> Outcome:
        wait_until(lambda: last(run, "slow").status == "running")
        retire_worker(open_workshop.worker.pk, "it was silent", lost=True)
        return Done()

    probe.execute = lose
    run = open_workshop.trigger(open_workshop.pipeline(
        member("slow", "sleep 60"), member("lose", step_type="probe")
    ))  # fmt: skip

    run = open_workshop.execute(run)

    # The other one's command was ended, or this turn would have taken a minute.
    assert (run.status, run.worker_id) == (RunStatus.RUNNING, None)
    assert [each.reason for each in attempts(run, "slow")] == ["worker_lost", ""]


def test_a_stop_of_the_worker_hands_every_running_member_over(open_workshop: Workshop) -> None:
    wait = "test -e up-$POWERNODE_STEP || { touch up-$POWERNODE_STEP; sleep 60; }"
    run = open_workshop.trigger(open_workshop.pipeline(member("a", wait), member("b", wait)))
    control = RunControl()
    turn = in_background(lambda: open_workshop.execute(run, control))
    wait_until(lambda: {last(run, key).status for key in "ab"} == {"running"})

    control.stop("worker_stopped")
    turn.join(30)

    assert [each.reason for each in attempts(run, "a")] == ["worker_stopped", ""]
    assert [each.reason for each in attempts(run, "b")] == ["worker_stopped", ""]
    assert open_workshop.execute(run).status == RunStatus.SUCCESS


def test_an_input_that_makes_a_matrix_unusable_is_refused_before_there_is_a_run(
    open_workshop: Workshop,
) -> None:
    tests = step("tests", matrix={"py": "${{ fromJSON(inputs.versions) }}"})
    pipeline = open_workshop.pipeline(
        tests, triggers={"manual": {"inputs": {"versions": {"type": "string", "default": "[]"}}}}
    )

    with pytest.raises(Invalid, match=r"Step tests, matrix\.py: .* at least one value"):
        open_workshop.trigger(pipeline)

    run = open_workshop.trigger(pipeline, inputs={"versions": '["3.12"]'})
    assert open_workshop.execute(run).status == RunStatus.SUCCESS
    assert members_of(run, "tests")[0].matrix == {"py": "3.12"}


def gated(key: str, command: str = "true") -> dict[str, Any]:
    """A member that asks people first."""
    return member(key, command, requires_approval=True,
                  approval_settings={"allow_self_approval": True})  # fmt: skip


def approve(shop: Workshop, run: PipelineRun, key: str, answer: str = "approve") -> None:
    """Answer the question of a step."""
    decide(shop.actor, last(run, key), Said(answer, "because"))


def test_a_gate_in_a_group_lets_the_others_end_first(open_workshop: Workshop) -> None:
    run = open_workshop.run(gated("ship", "echo shipped"), member("quick", "echo fine"))

    assert (run.status, run.worker_id, run.waiting_for) == ("running", None, "approval")
    assert run.waiting_detail.startswith("Step ship waits for an approval")
    assert last(run, "quick").status == StepStatus.SUCCESS
    assert last(run, "ship").status == StepStatus.WAITING_APPROVAL

    approve(open_workshop, run, "ship")
    run = open_workshop.execute(run)

    assert run.status == RunStatus.SUCCESS
    assert log_of(run, "ship") == "shipped\n"


@pytest.mark.parametrize("answer", ["approve", "reject"])
def test_an_answer_that_comes_while_others_still_run_counts(
    open_workshop: Workshop, probe: Probe, answer: str
) -> None:
    def busy(_ctx: StepContext) -> Outcome:
        wait_until(lambda: last(run, "ship").status == StepStatus.WAITING_APPROVAL)
        approve(open_workshop, run, "ship", answer)
        return Done()

    probe.execute = busy
    run = open_workshop.trigger(
        open_workshop.pipeline(gated("ship"), member("busy", step_type="probe"))
    )

    run = open_workshop.execute(run)

    ended = {"approve": ("success", ""), "reject": ("failure", "rejected")}[answer]
    assert (last(run, "ship").status, last(run, "ship").reason) == ended
    assert (run.status, run.steps_done) == (ended[0], 2)


def test_two_gates_of_a_group_are_answered_one_after_the_other(open_workshop: Workshop) -> None:
    run = open_workshop.run(gated("one"), gated("two"))
    assert run.waiting_detail.endswith("2 steps wait for people.")

    approve(open_workshop, run, "two")
    run = open_workshop.execute(run)
    assert (run.status, run.waiting_for) == ("running", "approval")
    assert last(run, "two").status == StepStatus.SUCCESS

    approve(open_workshop, run, "one")
    assert open_workshop.execute(run).status == RunStatus.SUCCESS


def test_a_cancel_ends_the_questions_of_a_group(open_workshop: Workshop) -> None:
    run = open_workshop.run(gated("one"), gated("two"), step("clean", phase="finally"))

    cancel_run(open_workshop.actor, run)
    run = open_workshop.execute(run)

    assert run.status == RunStatus.CANCELLED
    assert [last(run, key).status for key in ("one", "two", "clean")] == [
        "cancelled", "cancelled", "success",
    ]  # fmt: skip
