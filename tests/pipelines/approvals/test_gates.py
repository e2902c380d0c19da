"""Steps that wait for people: nothing is held, one answer decides, and only what was asked runs."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from containers.operations.secrets import create_secret
from devops.choices import Role
from devops.errors import Invalid, PermissionDenied
from devops.models import AuditEvent
from pipelines.choices import Answer
from pipelines.engine import boundary
from pipelines.models import ApprovalGate, PipelineRun, StepApprovalToken, StepExecution
from pipelines.operations.approvals import (
    AlreadyDecided,
    ApprovalExpired,
    PlanChanged,
    Said,
    delegate,
    expire_gates,
)
from pipelines.operations.approvers import NotApprover, SelfApproval
from pipelines.operations.runs import cancel_run
from pipelines.operations.sweeps import sweep
from pipelines.operations.workers import retire_worker
from tests.pipelines.approvals.people import (
    NO,
    YES,
    email_of,
    gate_of,
    gated,
    member,
    say,
    waiting,
)
from tests.pipelines.conftest import (
    Workshop,
    attempts,
    fresh,
    last,
    log_of,
    make_worker,
    messages_of,
    step,
)


def test_a_gated_step_waits_without_a_worker_and_says_whom_for(workshop: Workshop) -> None:
    ana = member(workshop, "ana")
    run = waiting(workshop, step("build"), gated(recipients=[email_of(ana)]), step("after"))

    assert run.waiting_detail == "Step ship waits for an approval of ana@example.org."
    assert last(run, "ship").status == "waiting_approval"
    assert last(run, "after").status == "pending"
    assert run.remaining_ms is not None
    assert run.deadline_at is None


def test_after_the_approval_the_run_goes_on_to_its_end(workshop: Workshop) -> None:
    run = waiting(workshop)

    gate = say(member(workshop, "ana"), run)
    assert fresh(run).waiting_for == "worker"
    run = workshop.execute(run)

    assert run.status == "success"
    assert (gate.status, gate.decided_by) == ("approved", "ana")
    assert [(each.step_key, each.status) for each in StepExecution.objects.filter(run=run)] == [
        ("build", "success"), ("ship", "success"), ("after", "success"),
    ]  # fmt: skip
    assert "shipped" in log_of(run, "ship")


def test_a_rejection_fails_the_step_and_runs_what_always_runs(workshop: Workshop) -> None:
    run = waiting(workshop, gated(), step("after"), step("tell", phase="finally"))

    say(member(workshop, "ana"), run, NO)
    run = workshop.execute(run)

    ship = last(run, "ship")
    assert (ship.status, ship.reason) == ("failure", "rejected")
    assert ship.error_message == "Step rejected: not today (ana)"
    assert (run.status, run.reason) == ("failure", "rejected")
    assert last(run, "after").status == "skipped"
    assert last(run, "tell").status == "success"
    assert run.steps_done == run.steps_total


def test_a_rejected_step_that_may_fail_is_a_warning(workshop: Workshop) -> None:
    run = waiting(workshop, gated(continue_on_error=True), step("after"))

    say(member(workshop), run, NO)
    run = workshop.execute(run)

    assert (run.status, run.warnings) == ("success", 1)


def test_a_rejection_without_a_reason_is_refused(workshop: Workshop) -> None:
    run = waiting(workshop)

    with pytest.raises(Invalid) as refused:
        say(member(workshop), run, Said(Answer.REJECT, "  "))

    assert [problem.pointer for problem in refused.value.errors] == ["/comment"]
    assert gate_of(run).is_pending


def test_an_approval_may_want_a_comment(workshop: Workshop) -> None:
    run, ana = waiting(workshop, gated(require_comment=True)), member(workshop)

    with pytest.raises(Invalid):
        say(ana, run)

    assert say(ana, run, Said(Answer.APPROVE, "looks right")).status == "approved"


def test_two_of_three_must_approve_and_one_rejection_decides(workshop: Workshop) -> None:
    people = [member(workshop, name) for name in ("ana", "bob", "cleo")]
    names = [email_of(person) for person in people]
    first, second = (waiting(workshop, gated(required=2, recipients=names)) for _ in range(2))

    assert say(people[0], first).status == "pending"
    assert "waits for an approval of bob@example.org, cleo@example.org" in (
        fresh(first).waiting_detail
    )
    with pytest.raises(AlreadyDecided, match="has answered"):
        say(people[0], first)
    assert say(people[1], first).status == "approved"
    say(people[0], second)
    assert say(people[2], second, NO).status == "rejected"

    assert workshop.execute(first).status == "success"
    assert workshop.execute(second).status == "failure"


def test_whoever_started_the_run_does_not_approve_it(workshop: Workshop) -> None:
    run = waiting(workshop)

    with pytest.raises(SelfApproval, match="Self-approval is disabled: you started this run"):
        say(workshop.actor, run)

    assert gate_of(run).is_pending


def test_self_approval_can_be_allowed(workshop: Workshop) -> None:
    run = waiting(workshop, gated(allow_self_approval=True))

    assert say(workshop.actor, run).status == "approved"


def test_whoever_wrote_the_commit_does_not_approve_it(workshop: Workshop) -> None:
    run, ana = waiting(workshop), member(workshop, "ana")
    context = {"commit": {"author": "Ana", "title": "x"}, "actor": "gitbot"}
    PipelineRun.objects.filter(pk=run.pk).update(
        trigger_type="push", triggered_by=None, trigger_context=context
    )

    with pytest.raises(SelfApproval, match="you wrote its commit"):
        say(ana, run)


def test_only_those_who_are_asked_may_answer(workshop: Workshop) -> None:
    ana, bob = member(workshop, "ana"), member(workshop, "bob")
    run = waiting(workshop, gated(recipients=[f"user:{ana.user_id}"]))

    with pytest.raises(NotApprover, match=r"Asked: ana@example\.org"):
        say(bob, run)

    assert say(ana, run).status == "approved"


def test_a_role_names_its_holders_and_those_above(workshop: Workshop) -> None:
    admin = member(workshop, "adele", Role.ADMIN)
    developer = member(workshop, "dora", Role.DEVELOPER)
    run = waiting(workshop, gated(recipients=["role:admin"]))

    asked = set(StepApprovalToken.objects.values_list("recipient_email", flat=True))
    assert asked == {email_of(admin), email_of(workshop.actor)}
    with pytest.raises(NotApprover):
        say(developer, run)


def test_a_viewer_is_neither_asked_nor_heard(workshop: Workshop) -> None:
    vera = member(workshop, "vera", Role.VIEWER)
    run = waiting(workshop, gated(recipients=[email_of(vera), "somebody@example.com"]))

    assert list(gate_of(run).tokens.values_list("recipient_email", flat=True)) == [
        "somebody@example.com"
    ]
    with pytest.raises(PermissionDenied, match=r"devops\.approvals\.respond"):
        say(vera, run)


def test_where_everybody_named_is_gone_the_owners_are_asked(workshop: Workshop) -> None:
    run = waiting(workshop, gated(recipients=["user:00000000-0000-0000-0000-000000000000"]))

    assert [token.recipient_email for token in gate_of(run).tokens.all()] == [
        email_of(workshop.actor)
    ]


def test_the_second_answer_hears_who_was_first(workshop: Workshop) -> None:
    run = waiting(workshop)
    say(member(workshop, "ana"), run)

    with pytest.raises(AlreadyDecided, match="ship was already approved by ana at 20"):
        say(member(workshop, "bob"), run, NO)


def test_every_other_link_is_void_once_it_is_decided(workshop: Workshop) -> None:
    ana, bob = member(workshop, "ana"), member(workshop, "bob")
    run = waiting(workshop, gated(recipients=[email_of(ana), email_of(bob)]))

    say(ana, run)

    tokens = dict(gate_of(run).tokens.values_list("recipient_email", "status"))
    assert tokens == {email_of(ana): "approved", email_of(bob): "void"}


def test_an_answer_that_comes_too_late_is_refused_and_the_sweep_ends_the_step(
    workshop: Workshop,
) -> None:
    ana = member(workshop)
    run = waiting(workshop, gated(timeout_hours=2, recipients=[email_of(ana)]), step("after"))
    until = gate_of(run).expires_at
    assert until is not None

    with time_machine.travel(until + timedelta(seconds=1), tick=False):
        with pytest.raises(ApprovalExpired, match="no response before"):
            say(ana, run)
        assert expire_gates() == 1
        assert expire_gates() == 0

    ship = last(run, "ship")
    assert (ship.status, ship.reason) == ("failure", "expired")
    assert ship.error_message == (
        f"The approval expired: no response before {until:%Y-%m-%d %H:%M:%S} UTC."
    )
    assert gate_of(run).tokens.get().status == "expired"
    make_worker()
    run = workshop.execute(run)
    assert (run.status, run.reason) == ("failure", "expired")


def test_the_time_of_waiting_is_not_the_runs(workshop: Workshop) -> None:
    run = waiting(workshop, timeout_minutes=1)
    left = fresh(run).remaining_ms
    assert left is not None

    with time_machine.travel(timezone.now() + timedelta(hours=3), tick=True):
        make_worker()
        say(member(workshop), run)
        run = workshop.execute(run)

    assert run.status == "success"


def test_a_changed_definition_makes_the_question_void_and_asks_anew(workshop: Workshop) -> None:
    run, ana = waiting(workshop), member(workshop, "ana")
    changed = fresh(run).snapshot
    changed["steps"][1]["configuration"]["command"] = "echo something else"
    PipelineRun.objects.filter(pk=run.pk).update(snapshot=changed)

    with pytest.raises(PlanChanged, match="commit or definition changed"):
        say(ana, run)
    first = gate_of(run)
    run = workshop.execute(run)

    second = gate_of(run)
    assert (first.status, second.status) == ("void", "pending")
    assert second.pk != first.pk
    assert "commit or definition changed" in run.waiting_detail
    assert second.plan["configuration"]["command"] == "echo something else"
    say(ana, run)
    assert workshop.execute(run).status == "success"
    assert "something else" in log_of(run, "ship")


def test_what_changes_between_approval_and_start_is_asked_anew(workshop: Workshop) -> None:
    run = waiting(workshop)
    say(member(workshop, "ana"), run)
    PipelineRun.objects.filter(pk=run.pk).update(commit_sha="b" * 40)

    run = workshop.execute(run)

    assert run.waiting_for == "approval"
    assert "What the step would do changed since it was approved." in run.waiting_detail
    assert [gate.status for gate in ApprovalGate.objects.filter(run=run).order_by("id")] == [
        "void", "pending",
    ]  # fmt: skip
    assert log_of(run, "ship") == ""


def test_after_a_workers_death_nobody_is_asked_again(workshop: Workshop) -> None:
    run = waiting(workshop)
    say(member(workshop, "ana"), run)
    sweep()
    assert boundary.claim(run.pk, workshop.worker.pk, "here") is not None
    retire_worker(workshop.worker.pk, "its process died", lost=True)
    workshop.worker = make_worker()

    run = workshop.execute(run)

    assert run.status == "success"
    assert [(each.status, each.reason) for each in attempts(run, "ship")] == [
        ("failure", "worker_lost"), ("success", ""),
    ]  # fmt: skip
    assert ApprovalGate.objects.filter(run=run).count() == 1


def test_a_run_that_waits_for_people_can_be_cancelled(workshop: Workshop) -> None:
    run = waiting(workshop, gated(), step("after"), step("tell", phase="finally"))

    cancel_run(workshop.actor, run)
    assert gate_of(run).status == "cancelled"
    with pytest.raises(AlreadyDecided):
        say(member(workshop), run)
    run = workshop.execute(run)

    assert run.status == "cancelled"
    assert last(run, "ship").status == "cancelled"
    assert last(run, "tell").status == "success"


def test_a_step_that_always_runs_can_wait_for_people_too(workshop: Workshop) -> None:
    run = waiting(workshop, step("build", "false"), gated(phase="finally"))

    say(member(workshop), run)
    run = workshop.execute(run)

    assert (run.status, last(run, "ship").status) == ("failure", "success")


def test_a_gate_after_a_cancel_still_asks_in_what_always_runs(workshop: Workshop) -> None:
    run = waiting(workshop, gated("first"), gated("tidy", phase="finally"))
    cancel_run(workshop.actor, run)

    run = workshop.execute(run)
    assert gate_of(run, "tidy").is_pending
    say(member(workshop), run, YES, "tidy")
    run = workshop.execute(run)

    assert (run.status, last(run, "tidy").status) == ("cancelled", "success")


def test_a_skipped_step_asks_nobody(workshop: Workshop) -> None:
    run = workshop.run(gated(condition="false"), step("after"))

    assert run.status == "success"
    assert not ApprovalGate.objects.filter(run=run).exists()


def test_the_answer_can_be_handed_to_another_member(workshop: Workshop) -> None:
    ana, bob = member(workshop, "ana"), member(workshop, "bob")
    vera = member(workshop, "vera", Role.VIEWER)
    run = waiting(workshop, gated(recipients=[email_of(ana)]))
    ship = last(run, "ship")
    assert vera.user_id is not None
    assert bob.user_id is not None

    with pytest.raises(Invalid, match="whose role may answer"):
        delegate(ana, ship, user_id=vera.user_id)
    delegate(ana, ship, user_id=bob.user_id, comment="on holiday")

    with pytest.raises(NotApprover):
        say(ana, run)
    assert say(bob, run).status == "approved"
    given = gate_of(run).tokens.get(recipient_email=email_of(bob)).delegated_from
    assert given is not None
    assert (given.recipient_email, given.status) == (email_of(ana), "void")
    assert given.response_comment == "on holiday"


def test_a_waiting_run_keeps_its_slot_and_says_so(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(gated(), allow_concurrent=False)
    first = workshop.execute(workshop.trigger(pipeline))
    second = workshop.trigger(pipeline)

    assert "keeps its concurrency slot" in first.waiting_detail
    assert second.waiting_for == "slot"
    assert "while it waits for people" in second.waiting_detail


def test_secrets_are_named_but_not_shown_to_approvers(workshop: Workshop) -> None:
    create_secret(workshop.actor, "KEY", "hunter2hunter2")
    run = waiting(
        workshop,
        gated(secret_refs=["KEY"], command="true"),
        secret_refs=["KEY"],
    )

    plan = gate_of(run).plan
    assert plan["secrets"] == ["KEY"]
    assert "hunter2" not in str(plan)


def test_listeners_and_the_trail_hear_of_question_and_answer(workshop: Workshop) -> None:
    run = waiting(workshop)
    say(member(workshop, "ana"), run)

    told = [message.payload for message in messages_of(run) if message.name == "step_update"]
    assert [payload["event"] for payload in told] == ["approval_required", "approval_granted"]
    assert told[0]["step_execution"]["status"] == "waiting_approval"
    assert told[1]["responded_by"] == "ana"
    seqs = [message.seq for message in messages_of(run)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert AuditEvent.objects.filter(action="devops.approval.approve").count() == 1
