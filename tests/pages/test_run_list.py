"""The list of runs: progress, errors, the opened row with its verbs, and the list as a file."""

import csv
import io
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pipelines.models import Pipeline, PipelineRun
from pipelines.pages import run_list
from tests.client import ApiClient
from tests.factories.devops import client_for
from tests.factories.pipelines import PipelineFactory, RunFactory, StepExecutionFactory
from tests.pages.test_git_ci import signed_in
from tests.pages.test_pipeline_list import body

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(alice: ApiClient) -> Pipeline:
    made: Pipeline = PipelineFactory.create(account=alice.account, name="Shop", slug="shop")
    return made


def run_of(pipeline: Pipeline, status: str, **more: object) -> PipelineRun:
    made: PipelineRun = RunFactory.create(
        account=pipeline.account, pipeline=pipeline, status=status, **more
    )
    return made


def row_of(text: str, run: PipelineRun) -> str:
    found = re.search(rf'<tr data-row data-run="{run.pk}".*?</tr>', text, re.DOTALL)
    assert found is not None
    return found.group()


def live_run(pipeline: Pipeline) -> PipelineRun:
    """Three of seven steps are over; two are under way beside each other."""
    run = run_of(pipeline, "running", started_at=timezone.now(), steps_total=7, steps_done=3)
    for position, (name, status) in enumerate(
        (("Build", "success"), ("Tests", "running"), ("Lint", "running"), ("Ship", "pending")), 1
    ):
        StepExecutionFactory.create(run=run, step_name=name, status=status, position=position)
    return run


@pytest.mark.parametrize("address", ["/runs", "/pipelines/shop"])
def test_a_live_run_shows_its_progress_and_a_failed_one_its_error(
    alice: ApiClient, shop: Pipeline, address: str
) -> None:
    live = live_run(shop)
    waiting = run_of(shop, "queued", waiting_detail="Waits for a worker.", steps_total=2)
    failed = run_of(shop, "failure", error_message="Step Tests failed: <b>exit</b>\nsecond line")

    page = body(signed_in(alice), address)

    assert 'value="42"' in row_of(page, live)
    assert "3 of 7 · Tests<" in row_of(page, live)
    assert re.search(r"data-progress [^>]*hidden>", row_of(page, waiting))
    assert "Waits for a worker." in row_of(page, waiting)
    assert "Step Tests failed: &lt;b&gt;exit&lt;/b&gt;" in row_of(page, failed)
    assert re.search(r"data-error hidden>\s*</span>", row_of(page, live))


def test_a_step_that_waits_for_people_is_the_present_one(alice: ApiClient, shop: Pipeline) -> None:
    run = run_of(shop, "running", started_at=timezone.now(), steps_total=2, waiting_for="approval")
    StepExecutionFactory.create(run=run, step_name="Ship", status="waiting_approval", position=1)

    assert "0 of 2 · Ship<" in row_of(body(signed_in(alice), "/runs"), run)


def test_the_list_takes_the_same_queries_however_many_are_live(
    alice: ApiClient, shop: Pipeline
) -> None:
    client = signed_in(alice)
    live_run(shop)
    body(client, "/runs")
    with CaptureQueriesContext(connection) as few:
        body(client, "/runs")
    for _ in range(12):
        live_run(shop)
        run_of(shop, "failure")
    with CaptureQueriesContext(connection) as many:
        body(client, "/runs")

    assert len(many) == len(few) <= 12


def test_an_opened_row_tells_all_and_offers_what_applies(alice: ApiClient, shop: Pipeline) -> None:
    live = live_run(shop)
    failed = run_of(shop, "failure", branch="main", actor_label="ana", attempt=2)
    StepExecutionFactory.create(
        run=failed, step_name="Tests", status="failure", error_message="Exit status 3."
    )
    green = run_of(shop, "success")
    StepExecutionFactory.create(run=green, step_name="Build")
    client = signed_in(alice)

    shown = body(client, f"{live.url}/peek")
    for words in ("Shop", "Build", "Tests", "Ship", f"{live.url}/cancel", "Cancel #"):
        assert words in shown
    assert "/retry" not in shown
    shown = body(client, f"{failed.url}/peek")
    for words in ("Exit status 3.", "Manual by ana", "attempt 2", 'value="failed"', "/retry"):
        assert words in shown
    assert "/cancel" not in shown
    shown = body(client, f"{green.url}/peek")
    assert "Retry all steps" in shown
    assert 'value="failed"' not in shown
    PipelineRun.objects.filter(pk=live.pk).update(cancel_requested_at=timezone.now())
    assert "Cancelling…" in body(client, f"{live.url}/peek")


def test_an_opened_row_is_for_those_who_may_see_the_run(
    alice: ApiClient, charlie: ApiClient, shop: Pipeline
) -> None:
    run = live_run(shop)
    viewer = signed_in(client_for("vera", role="viewer", account=alice.account))

    assert signed_in(charlie).get(f"{run.url}/peek").status_code == 404
    shown = body(viewer, f"{run.url}/peek")
    assert "View" in shown
    assert "/cancel" not in shown


def test_a_run_is_cancelled_from_the_list_and_one_stays_there(
    alice: ApiClient, shop: Pipeline
) -> None:
    run = run_of(shop, "queued")
    back = {"Referer": "http://testserver/runs?status=queued"}
    client = signed_in(alice)

    answer = client.post(f"{run.url}/cancel", headers=back)

    assert answer.headers["Location"] == "/runs?status=queued"
    run.refresh_from_db()
    assert run.status == "cancelled"
    over = run_of(shop, "success")
    assert client.post(f"{over.url}/cancel", headers=back).headers["Location"].startswith("/runs?")
    assert "success" in body(client, "/runs?status=queued")


def rows_of(client: Client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_list_is_saved_as_filtered(
    alice: ApiClient, charlie: ApiClient, shop: Pipeline
) -> None:
    moment = timezone.now().replace(microsecond=0)
    failed = run_of(
        shop, "failure", title="=cmd|' /C calc'!A0", branch="main", started_at=moment,
        duration_ms=1500, error_message="two\nlines", steps_total=3, steps_done=2,
    )  # fmt: skip
    run_of(shop, "success", branch="work")
    run_of(PipelineFactory.create(), "failure", branch="main")
    client = signed_in(alice)

    page = body(client, "/runs?status=failure&branch=main&before=&other=1")
    address = re.search(r'href="(/runs/export[^"]*)"', page)
    assert address is not None
    assert address.group(1) == "/runs/export?status=failure&amp;branch=main"
    (row,) = rows_of(client, "/runs/export?status=failure&branch=main")

    assert row["title"] == "'=cmd|' /C calc'!A0"
    assert (row["pipeline"], row["id"], row["branch"]) == ("Shop", str(failed.pk), "main")
    assert (row["duration_seconds"], row["steps_done"], row["steps_total"]) == ("1.5", "2", "3")
    assert (row["error"], row["completed"]) == ("two\nlines", "")
    assert row["started"] == moment.isoformat()
    assert rows_of(signed_in(charlie), "/runs/export") == []
    name = client.get("/runs/export").headers["Content-Disposition"]
    assert name == f"attachment; filename*=UTF-8''runs-{timezone.now():%Y-%m-%d}.csv"


def test_a_long_list_is_read_page_by_page_to_its_end(alice: ApiClient, shop: Pipeline) -> None:
    made = [
        PipelineRun(
            account=alice.account, pipeline=shop, run_number=number, trigger_type="manual",
            snapshot={}, status="success",
        )
        for number in range(1, 2 * run_list.EXPORT_PAGE + 2)
    ]  # fmt: skip
    PipelineRun.objects.bulk_create(made)

    with CaptureQueriesContext(connection) as queries:
        rows = rows_of(signed_in(alice), "/runs/export?pipeline=shop")

    assert [int(row["number"]) for row in rows] == list(range(len(made), 0, -1))
    reads = [each for each in queries if "pipelines_pipelinerun" in each["sql"]]
    assert len(reads) == 3
