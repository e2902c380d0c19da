"""Approvals over REST: the inbox, answers by members, answers by the link of a mail."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pipelines.models import ApprovalGate, PipelineRun, StepApprovalToken, StepExecution
from pipelines.operations.gates import binding_of
from tests.client import ApiClient
from tests.factories.devops import client_for
from tests.factories.pipelines import ApprovalTokenFactory, GateFactory, RunFactory

pytestmark = pytest.mark.django_db
TOKEN = "k" * 43


def gate(person: ApiClient, **facts: Any) -> ApprovalGate:
    """A question about a run of a person's account, started by nobody we know."""
    run = RunFactory.create(
        account=person.account, status="running", waiting_for="approval", triggered_by=None,
        steps_total=1, title="Ship it",
    )  # fmt: skip
    made = GateFactory.create(step_execution__run=run, step_execution__step_name="Ship", **facts)
    ApprovalGate.objects.filter(pk=made.pk).update(binding=binding_of(run))
    return made


def link(made: ApprovalGate, raw: str = TOKEN, **facts: Any) -> StepApprovalToken:
    """A recipient whose link is known."""
    return ApprovalTokenFactory.create(
        gate=made, token_digest=hashlib.sha256(raw.encode()).hexdigest(), **facts
    )


def path(made: ApprovalGate, verb: str) -> str:
    return f"devops/step_executions/{made.step_execution_id}/{verb}"


def test_the_inbox_says_what_waits_and_for_whom(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice, is_open=False, plan={"step_type": "custom", "configuration": {"a": 1}})
    link(made, recipient_email=bob.user.email, recipient_user=bob.user)

    (row,) = alice.get("devops/approvals").ok()["results"]

    assert (row["step_name"], row["title"], row["status"]) == ("Ship", "Ship it", "pending")
    assert row["plan"]["configuration"] == {"a": 1}
    assert [each["email"] for each in row["recipients"]] == [bob.user.email]
    assert (row["may_respond"], row["approvals"], row["required"]) == (False, 0, 1)
    assert alice.get("devops/approvals", {"mine": "true"}).ok()["results"] == []
    (mine,) = bob.get("devops/approvals", {"mine": "true"}).ok()["results"]
    assert (mine["id"], mine["may_respond"]) == (str(made.pk), True)


@pytest.mark.parametrize(
    ("query", "found"),
    [({"status": "pending"}, 1), ({"status": "approved"}, 0), ({"kind": "trust"}, 0),
     ({"status": "approved,pending"}, 1)],
)  # fmt: skip
def test_the_inbox_is_filtered(alice: ApiClient, query: dict[str, str], found: int) -> None:
    gate(alice)
    assert len(alice.get("devops/approvals", query).ok()["results"]) == found


def test_an_approval_answers_with_the_settled_question(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice)

    answer = bob.post(path(made, "approve"), {"comment": "go"}).ok()

    assert (answer["status"], answer["decided_by"]) == ("approved", "Bob")
    assert [(vote["label"], vote["comment"]) for vote in answer["votes"]] == [("Bob", "go")]
    assert PipelineRun.objects.get(pk=made.run_id).waiting_for == "worker"
    problem = alice.post(path(made, "reject"), {"comment": "no"}).problem(409)
    assert problem.code == "already-decided"
    assert "already approved by Bob at" in problem.detail


def test_a_rejection_wants_its_reason(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice)

    assert bob.post(path(made, "reject")).problem(400).pointers == ["/comment"]
    bob.post(path(made, "reject"), {"comment": "not yet"}).ok()

    step = StepExecution.objects.get(gates=made)
    assert (step.status, step.error_message) == ("failure", "Step rejected: not yet (Bob)")


def test_ones_own_run_is_not_approved(alice: ApiClient) -> None:
    made = gate(alice)
    PipelineRun.objects.filter(pk=made.run_id).update(triggered_by=alice.user)

    problem = alice.post(path(made, "approve")).problem(403)

    assert (problem.code, problem.detail[:27]) == ("self-approval", "Self-approval is disabled: ")


def test_who_is_not_asked_may_not_answer(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice, is_open=False)
    link(made, recipient_email=alice.user.email, recipient_user=alice.user)

    assert bob.post(path(made, "approve")).problem(403).code == "not-an-approver"


def test_an_answer_is_handed_over(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice, is_open=False)
    link(made, recipient_email=alice.user.email, recipient_user=alice.user)

    body = {"user_id": str(bob.user.pk)}
    answer = alice.post(path(made, "delegate"), body).ok()

    assert [(each["email"], each["status"]) for each in answer["recipients"]] == [
        (alice.user.email, "void"), (bob.user.email, "pending"),
    ]  # fmt: skip
    bob.post(path(made, "approve")).ok()


def test_a_late_answer_is_gone(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice, expires_at=timezone.now() - timedelta(seconds=1))
    assert bob.post(path(made, "approve")).problem(410).code == "approval-expired"


def anonymous(person: ApiClient) -> ApiClient:
    return ApiClient(person.membership, "")


def test_the_link_shows_what_the_mail_said_and_no_more(alice: ApiClient) -> None:
    made = gate(alice, plan={"step_type": "deploy", "configuration": {"secret": "x"}})
    link(made)

    answer = anonymous(alice).get(f"devops/approval_tokens/{TOKEN}")
    shown = answer.ok()

    assert (shown["step_name"], shown["status"], shown["requires_comment"]) == (
        "Ship", "pending", False,
    )  # fmt: skip
    assert 0 < shown["time_remaining_seconds"] <= 24 * 3600
    assert shown["step_configuration"]["step_type"] == "deploy"
    assert set(shown["trigger_context"]) == {"branch", "commit_sha", "title", "actor"}
    assert str(alice.account.pk) not in str(shown)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_reading_a_link_ten_times_decides_nothing(alice: ApiClient) -> None:
    made = gate(alice)
    link(made)
    for _ in range(10):
        anonymous(alice).get(f"devops/approval_tokens/{TOKEN}").ok()
        anonymous(alice).send("HEAD", f"devops/approval_tokens/{TOKEN}")
    assert ApprovalGate.objects.get(pk=made.pk).is_pending


def test_a_link_answers_once(alice: ApiClient) -> None:
    made = gate(alice)
    link(made)
    stranger = anonymous(alice)

    answer = stranger.post(f"devops/approval_tokens/{TOKEN}/approve", {"comment": "ok"}).ok()

    assert answer["status"] == "approved"
    again = stranger.post(f"devops/approval_tokens/{TOKEN}/approve").problem(409)
    assert again.code == "already-decided"
    assert stranger.get(f"devops/approval_tokens/{TOKEN}").status == 409


def test_a_link_that_is_settled_by_others_says_by_whom(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice)
    link(made)
    bob.post(path(made, "approve")).ok()

    problem = anonymous(alice).post(
        f"devops/approval_tokens/{TOKEN}/reject", {"comment": "no"}
    ).problem(409)  # fmt: skip

    assert "already approved by Bob" in problem.detail


def test_unknown_and_expired_links_are_told_apart(alice: ApiClient) -> None:
    made = gate(alice, expires_at=timezone.now() - timedelta(seconds=1))
    link(made)

    stranger = anonymous(alice)
    assert stranger.get(f"devops/approval_tokens/{'x' * 43}").status == 404
    assert stranger.post(f"devops/approval_tokens/{'x' * 43}/approve").status == 404
    assert stranger.get(f"devops/approval_tokens/{TOKEN}").status == 410
    assert stranger.post(f"devops/approval_tokens/{TOKEN}/approve").status == 410


def test_a_link_does_not_work_for_whom_it_was_not_sent_to(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice)
    link(made, recipient_email=alice.user.email, recipient_user=alice.user)

    problem = bob.post(f"devops/approval_tokens/{TOKEN}/approve").problem(403)

    assert "you are signed in as" in problem.detail
    alice.post(f"devops/approval_tokens/{TOKEN}/approve").ok()


def test_a_link_of_whoever_started_the_run_does_not_approve_it(alice: ApiClient) -> None:
    made = gate(alice)
    PipelineRun.objects.filter(pk=made.run_id).update(triggered_by=alice.user)
    link(made, recipient_email=alice.user.email, recipient_user=alice.user)

    problem = anonymous(alice).post(f"devops/approval_tokens/{TOKEN}/approve").problem(403)

    assert problem.code == "self-approval"


def test_a_link_of_a_former_member_is_dead(alice: ApiClient) -> None:
    gone = client_for("gone", role="developer", account=alice.account)
    made = gate(alice)
    link(made, recipient_email=gone.user.email, recipient_user=gone.user)
    gone.membership.delete()

    problem = anonymous(alice).post(f"devops/approval_tokens/{TOKEN}/approve").problem(403)

    assert problem.code == "not-an-approver"


def test_a_link_refuses_what_it_does_not_know(alice: ApiClient) -> None:
    link(gate(alice))
    stranger = anonymous(alice)
    body = {"decision_of": "x"}
    assert stranger.post(f"devops/approval_tokens/{TOKEN}/approve", body).problem(400).pointers == [
        "/decision_of"
    ]
    assert stranger.get(f"devops/approval_tokens/{TOKEN}", {"a": "b"}).status == 400


def test_guessing_links_is_slowed_down(alice: ApiClient) -> None:
    stranger = anonymous(alice)
    seen = {stranger.get(f"devops/approval_tokens/{number:043d}").status for number in range(70)}
    assert seen == {404, 429}
