"""The inbox, the answers on pages, and the page behind the link of a mail."""

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from pipelines.models import ApprovalGate, PipelineRun, StepExecution
from pipelines.operations.gates import binding_of
from pipelines.operations.trust import ask_to_trust
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory
from tests.factories.gitintegration import GitApprovalFactory, GitPipelineFactory
from tests.factories.pipelines import ApprovalTokenFactory, GateFactory, RunFactory
from tests.pages.test_git_ci import mirror_of, signed_in

pytestmark = pytest.mark.django_db
TOKEN = "q" * 43


def gate(person: ApiClient, **facts: Any) -> ApprovalGate:
    run = RunFactory.create(
        account=person.account, pipeline__account=person.account, status="running",
        waiting_for="approval", triggered_by=None, title="Fix rounding", steps_total=1,
    )  # fmt: skip
    made = GateFactory.create(step_execution__run=run, step_execution__step_name="Ship", **facts)
    ApprovalGate.objects.filter(pk=made.pk).update(binding=binding_of(run))
    return made


def link(made: ApprovalGate, **facts: Any) -> str:
    ApprovalTokenFactory.create(
        gate=made, token_digest=hashlib.sha256(TOKEN.encode()).hexdigest(), **facts
    )
    return f"/approve/{TOKEN}"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/approvals", "Nothing waits for you"),
        ("/approvals?tab=pending", "Nothing waits for anybody"),
        ("/approvals?tab=past", "Nothing was asked yet"),
    ],
)
def test_an_empty_inbox_says_what_would_be_here(alice: ApiClient, address: str, words: str) -> None:
    assert words in signed_in(alice).get(address).content.decode()


def test_an_empty_inbox_leads_to_what_waits_for_others(alice: ApiClient) -> None:
    run = gate(alice).run
    PipelineRun.objects.filter(pk=run.pk).update(triggered_by=alice.user)
    page = signed_in(alice).get("/approvals").content.decode()
    assert "What is open waits for others" in page
    assert 'href="/approvals?tab=pending">All open</a>' in page


def test_ours_and_the_hosts_questions_stand_in_one_inbox(alice: ApiClient, bob: ApiClient) -> None:
    configuration = {"command": "./ship"}
    plan = {"step_type": "custom", "configuration": configuration, "secrets": ["KEY"]}
    gate(alice, detail="The run's commit changed.", plan=plan)
    run = GitPipelineFactory.create(repository=mirror_of(alice, full_name="acme/widgets"))
    GitApprovalFactory.create(pipeline=run, gate_name="production")

    page = signed_in(bob).get("/approvals").content.decode()

    for words in ("May Ship begin?", "Fix rounding", "./ship", "KEY", "The run&#x27;s commit",
                  "At the git hosts", "production"):  # fmt: skip
        assert words in page
    assert '<span class="rail-count">2</span>' in page


def test_a_strangers_run_waits_in_the_same_inbox(alice: ApiClient, bob: ApiClient) -> None:
    run = RunFactory.create(
        account=alice.account, pipeline__account=alice.account, status="pending",
        waiting_for="trust", trust_level="untrusted",
    )  # fmt: skip
    asked = ask_to_trust(run)
    client = signed_in(bob)

    assert "May this contributor" in client.get("/approvals").content.decode()
    client.post(f"/approvals/{asked.pk}/approve", {"next": "run"})

    asked.refresh_from_db()
    assert (asked.status, asked.decided_by) == ("approved", "Bob")
    assert PipelineRun.objects.get(pk=run.pk).status == "queued"


def test_a_strangers_run_can_be_turned_away(alice: ApiClient, bob: ApiClient) -> None:
    run = RunFactory.create(
        account=alice.account, pipeline__account=alice.account, status="pending",
        waiting_for="trust", trust_level="untrusted",
    )  # fmt: skip
    asked = ask_to_trust(run)

    signed_in(bob).post(f"/approvals/{asked.pk}/reject")

    assert PipelineRun.objects.get(pk=run.pk).status == "cancelled"
    assert ApprovalGate.objects.get(pk=asked.pk).status == "cancelled"


def test_a_rejection_without_a_reason_keeps_its_dialog_open(
    alice: ApiClient, bob: ApiClient
) -> None:
    made = gate(alice)
    client = signed_in(bob)

    page = client.post(f"/approvals/{made.pk}/reject", {"comment": " "})
    assert page.status_code == 422
    assert "A rejection needs its reason." in page.content.decode()
    client.post(f"/approvals/{made.pk}/reject", {"comment": "not on Friday"})

    step = StepExecution.objects.get(gates=made)
    assert step.error_message == "Step rejected: not on Friday (Bob)"
    past = client.get("/approvals?tab=past").content.decode()
    assert "not on Friday" in past


def test_the_runs_page_shows_the_decision_and_then_who_took_it(
    alice: ApiClient, bob: ApiClient
) -> None:
    made = gate(alice)
    client = signed_in(bob)
    url = f"/runs/{made.run_id}"

    assert f"approve-{made.pk}" in client.get(url).content.decode()
    answer = client.post(f"/approvals/{made.pk}/approve", {"next": "run", "comment": "fine"})

    assert answer.headers["Location"] == url
    page = client.get(url).content.decode()
    assert "approved by Bob" in page
    assert "fine" in page


def test_a_viewer_sees_the_question_without_its_buttons(alice: ApiClient, vera: ApiClient) -> None:
    made = gate(alice)
    client = signed_in(vera)

    page = client.get("/approvals?tab=pending").content.decode()

    assert "Your role does not answer approvals." in page
    assert f"approve-{made.pk}" not in page
    assert client.post(f"/approvals/{made.pk}/approve").status_code == 403


def test_another_accounts_question_is_not_there(alice: ApiClient, charlie: ApiClient) -> None:
    made = gate(alice)
    client = signed_in(charlie)
    assert "Fix rounding" not in client.get("/approvals?tab=pending").content.decode()
    assert client.post(f"/approvals/{made.pk}/approve").status_code == 404


def test_opening_the_link_decides_nothing(alice: ApiClient) -> None:
    made = gate(alice)
    address = link(made)
    for _ in range(5):
        page = Client().get(f"{address}?answer=approve")
        Client().head(address)

    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Cache-Control"] == "no-store"
    assert ApprovalGate.objects.get(pk=made.pk).is_pending
    assert alice.account.name not in page.content.decode()


def test_whoever_holds_the_link_types_their_answer(alice: ApiClient) -> None:
    made = gate(alice)
    address = link(made)
    client = Client()

    unsure = client.post(address, {"answer": "approve", "comment": "kept words"})
    assert unsure.status_code == 422
    assert "kept words" in unsure.content.decode()
    assert ApprovalGate.objects.get(pk=made.pk).is_pending
    sure = client.post(address, {"answer": "approve", "confirm": "Approve"})

    assert "the run goes on at once" in sure.content.decode()
    assert ApprovalGate.objects.get(pk=made.pk).status == "approved"
    again = client.get(address)
    assert again.status_code == 409
    assert "This is settled" in again.content.decode()


def test_a_form_of_another_site_decides_nothing(alice: ApiClient) -> None:
    made = gate(alice)
    address = link(made)

    answer = Client(enforce_csrf_checks=True).post(
        address, {"answer": "approve", "confirm": "approve"}
    )

    assert answer.status_code == 403
    assert ApprovalGate.objects.get(pk=made.pk).is_pending


def test_the_recipient_who_is_signed_in_types_nothing(alice: ApiClient, bob: ApiClient) -> None:
    made = gate(alice)
    address = link(made, recipient_email=bob.user.email, recipient_user=bob.user)

    wrong = signed_in(alice).post(address, {"answer": "approve"})
    assert wrong.status_code == 403
    right = signed_in(bob).post(address, {"answer": "reject", "comment": "no"})

    assert right.status_code == 200
    assert ApprovalGate.objects.get(pk=made.pk).status == "rejected"


def test_a_rejection_by_link_wants_its_reason_and_keeps_the_choice(alice: ApiClient) -> None:
    address = link(gate(alice))

    page = Client().post(address, {"answer": "reject", "confirm": "reject"})

    assert page.status_code == 422
    text = page.content.decode()
    assert "A rejection needs its reason." in text
    assert re.search(r'value="reject" checked', text)


@pytest.mark.parametrize("token", ["x", "x" * 43, "%2e%2e", "é" * 10, "0" * 2000])
def test_no_strange_link_is_an_error_of_ours(token: str) -> None:
    assert Client().get(f"/approve/{token}").status_code in {400, 404}


def test_trying_links_is_slowed_down() -> None:
    client = Client()
    seen = {client.get(f"/approve/{number:043d}").status_code for number in range(70)}
    assert seen == {404, 429}


def test_the_commits_since_the_last_approval_are_shown(
    alice: ApiClient, bob: ApiClient, tmp_path: Path, settings: Settings
) -> None:
    settings.POWERNODE_GIT_LOCAL_ROOTS = [str(tmp_path)]
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    shas = []
    for title in ("Approved one", "Change <prices>", "Round totals"):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", title], check=True)
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        )
        shas.append(head.stdout.strip())
    repository = RepositoryFactory.create(account=alice.account, clone_url=f"file://{tmp_path}")
    first, second = gate(alice), gate(alice)
    keys = {first.run_id: shas[0], second.run_id: shas[2]}
    for key, sha in keys.items():
        PipelineRun.objects.filter(pk=key).update(
            repository=repository, commit_sha=sha, pipeline=first.run.pipeline
        )
    ApprovalGate.objects.filter(pk=first.pk).update(status="approved", step_key="ship")
    ApprovalGate.objects.filter(pk=second.pk).update(step_key="ship")

    page = signed_in(bob).get("/approvals").content.decode()

    assert "2 commits" in page
    assert "Change &lt;prices&gt;" in page
    assert "Round totals" in page
    assert "Approved one" not in page
