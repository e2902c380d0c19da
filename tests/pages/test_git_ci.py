"""The pages of the hosts' own CI: runs, runners, schedules, approvals."""

import pytest
from django.test import Client

from gitintegration.models import GitPipelineApproval, GitPipelineSchedule, GitRepository
from tests.client import ApiClient
from tests.factories.gitintegration import (
    CredentialFactory,
    GitApprovalFactory,
    GitPipelineFactory,
    GitPipelineJobFactory,
    GitProviderFactory,
    GitRepositoryFactory,
    GitRunnerFactory,
    GitScheduleFactory,
)
from tests.factories.logs import write_log
from tests.factories.pipelines import RunFactory, WorkerFactory

pytestmark = pytest.mark.django_db
EMPTY_PAGES = {
    "/ci": "Connect a git host",
    "/ci/trigger": "Connect a git host",
    "/ci/runners": "No git host connected",
    "/ci/runners/register": "No git host connected",
    "/ci/schedules": "No schedules",
    "/ci/schedules/new": "New schedule",
    "/ci/approvals": "Nothing waits for you",
    "/ci/approvals?tab=past": "Nothing was asked yet",
}


def signed_in(person: ApiClient) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def mirror_of(person: ApiClient, **facts: object) -> GitRepository:
    provider = GitProviderFactory.create(account=person.account)
    credential = CredentialFactory.create(provider=provider)
    return GitRepositoryFactory.create(credential=credential, **facts)


@pytest.mark.parametrize("address", EMPTY_PAGES)
def test_an_empty_page_says_what_to_do(alice: ApiClient, address: str) -> None:
    page = signed_in(alice).get(address)

    assert page.status_code == 200
    assert EMPTY_PAGES[address] in page.content.decode()


def test_our_runs_and_those_of_hosts_stand_in_one_list(alice: ApiClient) -> None:
    mirror = mirror_of(alice, full_name="acme/widgets")
    RunFactory.create(account=alice.account, title="Ours it is", pipeline__account=alice.account)
    theirs = GitPipelineFactory.create(repository=mirror, name="Theirs it is")
    client = signed_in(alice)

    both = client.get("/ci").content.decode()
    assert "Ours it is" in both
    assert "Theirs it is" in both
    assert f"/ci/{theirs.pk}/cancel" in both
    hosts = client.get("/ci?source=hosts").content.decode()
    assert "Ours it is" not in hosts
    assert "Theirs it is" in hosts
    assert "Theirs it is" not in client.get("/ci?status=failure").content.decode()


def test_a_page_of_both_kinds_leads_to_the_older_ones(alice: ApiClient) -> None:
    mirror = mirror_of(alice)
    for number in range(60):
        GitPipelineFactory.create(repository=mirror, name=f"Host run {number:02}")
    client = signed_in(alice)

    first = client.get("/ci")
    older = client.get(first.context["page"]["older_url"])

    assert [item["line"].name for item in older.context["lines"]] == [
        f"Host run {number:02}" for number in reversed(range(10))
    ]
    newer = client.get(older.context["page"]["newer_url"])
    assert len(newer.context["lines"]) == 50


def test_a_run_shows_its_jobs_and_what_failed_first(alice: ApiClient) -> None:
    run = GitPipelineFactory.create(
        repository=mirror_of(alice), status="completed", conclusion="failure"
    )
    GitPipelineJobFactory.create(pipeline=run, name="lint", status="completed", step_number=1)
    failed = GitPipelineJobFactory.create(pipeline=run, name="unit", status="failed", step_number=2)

    page = signed_in(alice).get(f"/ci/{run.pk}")

    assert f'data-current="{failed.pk}"' in page.content.decode()
    assert f"/ci/{run.pk}/retry" in page.content.decode()
    assert f"/ci/{run.pk}/cancel" not in page.content.decode()


def test_what_a_host_says_is_text_and_its_links_are_web_links(alice: ApiClient) -> None:
    run = GitPipelineFactory.create(
        repository=mirror_of(alice), name="<script>alert(1)</script>",
        web_url="javascript:alert(1)", actor_username="<img src=x>",
    )  # fmt: skip
    GitPipelineJobFactory.create(pipeline=run, name="<b>bold</b>")

    body = signed_in(alice).get(f"/ci/{run.pk}").content.decode()

    assert "<script>alert(1)" not in body
    assert "<b>bold" not in body
    assert "<img src=x>" not in body
    assert "javascript:" not in body


def test_a_stranger_finds_no_run_runner_schedule_or_approval(
    alice: ApiClient, charlie: ApiClient
) -> None:
    mirror = mirror_of(alice)
    run = GitPipelineFactory.create(repository=mirror)
    job = GitPipelineJobFactory.create(pipeline=run)
    runner = GitRunnerFactory.create(credential__provider__account=alice.account)
    schedule = GitScheduleFactory.create(repository=mirror)
    approval = GitApprovalFactory.create(pipeline=run)
    stranger = signed_in(charlie)

    for address in (
        f"/ci/{run.pk}", f"/ci/{run.pk}/jobs/{job.pk}/log", f"/ci/runners/{runner.pk}",
        f"/ci/schedules/{schedule.pk}", f"/ci/trigger?repository={mirror.pk}",
    ):  # fmt: skip
        assert stranger.get(address).status_code == 404, address
    for address in (
        f"/ci/{run.pk}/cancel", f"/ci/runners/{runner.pk}/delete",
        f"/ci/schedules/{schedule.pk}/delete", f"/ci/approvals/{approval.pk}/approve",
    ):  # fmt: skip
        assert stranger.post(address).status_code == 404, address
    assert GitPipelineSchedule.objects.count() == 1


def test_who_may_only_look_is_offered_nothing_and_refused(
    alice: ApiClient, vera: ApiClient
) -> None:
    mirror = mirror_of(alice)
    run = GitPipelineFactory.create(repository=mirror)
    schedule = GitScheduleFactory.create(repository=mirror)
    approval = GitApprovalFactory.create(pipeline=run)
    viewer = signed_in(vera)

    body = viewer.get("/ci").content.decode()
    assert "/cancel" not in body
    assert "Start a workflow" not in body
    for address in (
        f"/ci/{run.pk}/cancel", f"/ci/schedules/{schedule.pk}/pause",
        f"/ci/approvals/{approval.pk}/approve",
    ):  # fmt: skip
        assert viewer.post(address).status_code in {302, 403}, address
    approval.refresh_from_db()
    schedule.refresh_from_db()
    assert approval.status == "pending"
    assert schedule.is_active


def test_a_form_without_its_token_is_refused(alice: ApiClient) -> None:
    run = GitPipelineFactory.create(repository=mirror_of(alice))
    approval = GitApprovalFactory.create(pipeline=run)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(f"/ci/approvals/{approval.pk}/approve").status_code == 403
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_workers_and_runners_stand_side_by_side(alice: ApiClient) -> None:
    runner = GitRunnerFactory.create(
        credential__provider__account=alice.account, name="big-iron", status="busy"
    )
    WorkerFactory.create(name="worker-of-ours")
    client = signed_in(alice)

    body = client.get("/ci/runners").content.decode()
    assert "big-iron" in body
    assert "worker-of-ours" in body
    only = client.get("/ci/runners?scope=ours").content.decode()
    assert "big-iron" not in only
    assert "worker-of-ours" in only
    assert "big-iron" in client.get("/ci/runners?search=linux").content.decode()
    assert "Busy" in client.get(f"/ci/runners/{runner.pk}").content.decode()


def test_a_schedule_is_set_and_read_in_words(alice: ApiClient) -> None:
    mirror = mirror_of(alice, default_branch="trunk")
    values = {
        "repository": str(mirror.pk), "name": "Nightly", "cron_expression": "0 3 * * 1-5",
        "timezone": "Europe/Berlin", "workflow_file": "ci.yml", "inputs": "level=high",
    }  # fmt: skip

    page = signed_in(alice).post("/ci/schedules/new", values, follow=True)

    schedule = GitPipelineSchedule.objects.get()
    assert schedule.ref == "trunk"
    assert schedule.inputs == {"level": "high"}
    assert "At 03:00 on Monday to Friday" in page.content.decode()
    assert len(page.context["next_times"]) == 5


def test_a_schedule_that_cannot_be_keeps_what_was_typed(alice: ApiClient) -> None:
    mirror = mirror_of(alice)
    values = {
        "repository": str(mirror.pk), "name": "Odd", "cron_expression": "61 * * * *",
        "timezone": "UTC", "inputs": "no equals sign",
    }  # fmt: skip
    client = signed_in(alice)

    page = client.post("/ci/schedules/new", values)
    assert page.status_code == 422
    assert "Line 1 is not of the form" in page.content.decode()
    page = client.post("/ci/schedules/new", {**values, "inputs": ""})
    assert page.status_code == 400
    assert "Not a cron expression" in page.context["form"].errors["cron_expression"][0]
    assert "Odd" in page.content.decode()


def test_a_paused_schedule_has_no_next_times(alice: ApiClient) -> None:
    schedule = GitScheduleFactory.create(repository=mirror_of(alice))
    client = signed_in(alice)

    page = client.post(f"/ci/schedules/{schedule.pk}/pause", follow=True)
    assert "None while it is paused" in page.content.decode()
    page = client.post(f"/ci/schedules/{schedule.pk}/resume", follow=True)
    assert len(page.context["next_times"]) == 5


def test_a_rejection_needs_its_reason(alice: ApiClient) -> None:
    approval = GitApprovalFactory.create(pipeline__repository=mirror_of(alice))
    client = signed_in(alice)

    refused = client.post(f"/ci/approvals/{approval.pk}/reject", {"comment": " "})
    assert refused.status_code == 422
    assert "Say why" in refused.content.decode()
    client.post(f"/ci/approvals/{approval.pk}/reject", {"comment": "Not on a Friday"})
    assert GitPipelineApproval.objects.get().status == "rejected"
    assert "Not on a Friday" in client.get("/ci/approvals?tab=past").content.decode()


def test_a_kept_log_is_given_whole_to_its_page_and_as_a_file(alice: ApiClient) -> None:
    run = GitPipelineFactory.create(repository=mirror_of(alice), status="completed")
    job = GitPipelineJobFactory.create(
        pipeline=run, name="Unit / Ünit", status="completed", is_log_complete=True
    )
    write_log(job.pk, alice.account.pk, "one\nzwölf\n".encode())

    part = alice.get(f"/api/v1/git/pipelines/{run.pk}/jobs/{job.pk}/logs?after=4").json
    assert (part["logs"], part["offset"], part["next_offset"]) == ("zwölf\n", 4, 11)
    assert part["is_complete"]
    file = signed_in(alice).get(f"/ci/{run.pk}/jobs/{job.pk}/log")
    assert file.content.decode() == "one\nzwölf\n"
    assert file["Content-Disposition"].startswith('attachment; filename="unit-unit-')
