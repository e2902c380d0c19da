"""The list of pipelines: totals, filters, what each row tells and offers, and to whom."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devops.access import member_actor
from devops.ids import first_uuid7, uuid7
from devops.models import Membership
from pipelines.models import Pipeline, PipelineRun
from pipelines.selectors import recent_runs_of
from pipelines.statistics import account_totals, pipeline_totals
from tests.client import ApiClient
from tests.factories.devops import client_for
from tests.factories.pipelines import (
    PipelineFactory,
    PipelineRepositoryFactory,
    PipelineStepFactory,
    RunFactory,
    ScheduleFactory,
)
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
INPUTS = {"manual": {"inputs": {"version": {"type": "string", "required": True}}}}


def body(client: Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def row_of(text: str, pipeline: Pipeline) -> str:
    found = re.search(rf'<tr data-row data-pipeline="{pipeline.pk}".*?</tr>', text, re.DOTALL)
    assert found is not None
    return found.group()


def runs_of(pipeline: Pipeline, *statuses: str, **more: object) -> list[PipelineRun]:
    return [
        RunFactory.create(account=pipeline.account, pipeline=pipeline, status=status, **more)
        for status in statuses
    ]


def old_key(number: int) -> Any:
    return type(uuid7())(int=first_uuid7(timezone.now() - timedelta(days=31)).int + number)


@pytest.fixture
def shop(alice: ApiClient) -> Pipeline:
    made: Pipeline = PipelineFactory.create(
        account=alice.account, name="Shop", slug="shop", description="Sells tea.",
        last_run_number=3,
    )  # fmt: skip
    PipelineStepFactory.create_batch(2, pipeline=made)
    return made


def test_the_totals_count_thirty_days_what_is_live_and_what_fails(
    alice: ApiClient, shop: Pipeline
) -> None:
    runs_of(shop, "success", "failure", "cancelled", "running", "queued")
    runs_of(shop, "running", waiting_for="approval")
    RunFactory.create(account=alice.account, pipeline=shop, status="failure", id=old_key(1))
    green = PipelineFactory.create(account=alice.account)
    runs_of(green, "failure", "success")
    runs_of(PipelineFactory.create(account=alice.account, is_active=False), "failure")
    runs_of(PipelineFactory.create(), "failure")

    totals = account_totals(member_actor(Membership.objects.get(account=alice.account)))

    assert totals["pipelines"] == {"total": 3, "active": 2}
    assert totals["failing"] == 1
    runs = totals["runs"]
    assert (runs["total"], runs["today"], runs["running"], runs["queued"]) == (9, 9, 2, 1)
    assert (runs["waiting"], runs["success_rate"]) == (1, 40.0)
    page = body(signed_in(alice), "/pipelines")
    assert '<span class="stat-value">40 <small>%</small></span>' in page
    assert "1 queued · 1 waiting for people" in page


def test_one_pipelines_totals_are_its_own(alice: ApiClient, shop: Pipeline) -> None:
    actor = member_actor(Membership.objects.get(account=alice.account))
    assert pipeline_totals(actor, shop).median_ms is None
    green, *_ = runs_of(shop, "success", duration_ms=3000)
    runs_of(shop, "failure", duration_ms=1000)
    runs_of(shop, "running")
    runs_of(PipelineFactory.create(account=alice.account), "failure", duration_ms=9)

    totals = pipeline_totals(actor, shop)

    assert (totals.runs, totals.live, totals.success_rate) == (3, 1, 50.0)
    assert (totals.median_ms, totals.last_green) == (3000, green)


def test_the_last_runs_of_many_pipelines_are_read_and_no_others(
    alice: ApiClient, shop: Pipeline
) -> None:
    few = PipelineFactory.create(account=alice.account)
    none = PipelineFactory.create(account=alice.account)
    made = runs_of(shop, *["success"] * 5)
    only = runs_of(few, "failure")
    actor = member_actor(Membership.objects.get(account=alice.account))

    found = recent_runs_of(actor, [shop.pk, few.pk, none.pk], 3)

    assert found == {shop.pk: made[:1:-1], few.pk: only}
    assert recent_runs_of(actor, [], 3) == {}


@pytest.mark.parametrize(
    ("query", "shown", "counts"),
    [
        ("", {"Shop", "Bakery"}, ["2", "1", "1"]),
        ("active=true", {"Shop"}, ["2", "1", "1"]),
        ("active=false", {"Bakery"}, ["2", "1", "1"]),
        ("search=ho", {"Shop"}, ["1", "1", "0"]),
        ("search=ho&active=false", set(), ["1", "1", "0"]),
        ("active=odd", {"Shop", "Bakery"}, ["2", "1", "1"]),
    ],
)
def test_the_list_is_searched_and_filtered_with_counts(
    alice: ApiClient, shop: Pipeline, query: str, shown: set[str], counts: list[str]
) -> None:
    PipelineFactory.create(account=alice.account, name="Bakery", is_active=False)
    PipelineFactory.create(name="Shop of others")

    page = body(signed_in(alice), f"/pipelines?{query}")

    assert (
        set(re.findall(r'row-link row-line" href="[^"]+"><span class="clip">(.*?)<', page)) == shown
    )
    assert re.findall(r'id="count-\w+">(\d+)<', page) == counts
    assert ("No pipeline matches" in page) == (not shown)


def test_a_row_tells_of_its_runs_and_steps(alice: ApiClient, shop: Pipeline) -> None:
    runs_of(shop, "success", "failure", duration_ms=5)

    row = row_of(body(signed_in(alice), "/pipelines"), shop)

    for words in ("Failure", "Sells tea.", '"Runs">3', '"Steps">2', '"Success">50 %', "/runs/"):
        assert words in row


def test_a_row_runs_asks_or_says_why_not(alice: ApiClient, shop: Pipeline) -> None:
    asking = PipelineFactory.create(account=alice.account, triggers=INPUTS)
    off = PipelineFactory.create(account=alice.account, name="Tea", is_active=False)
    client = signed_in(alice)
    page = body(client, "/pipelines")

    assert f'action="{shop.url}/trigger"' in row_of(page, shop)
    assert f'href="{asking.url}?run=1"' in row_of(page, asking)
    assert 'aria-disabled="true" data-tip="Tea is switched off.' in row_of(page, off)
    assert "data-open" in body(client, f"{asking.url}?run=1")
    assert "data-open" not in body(client, asking.url)
    assert "data-open" not in body(client, f"{off.url}?run=1")


def test_who_may_only_read_sees_no_verbs_but_the_export(alice: ApiClient, shop: Pipeline) -> None:
    viewer = signed_in(client_for("vera", role="viewer", account=alice.account))

    for page in (row_of(body(viewer, "/pipelines"), shop), body(viewer, shop.url)):
        assert f'href="{shop.url}/export"' in page
        for verb in ("trigger", "duplicate", "edit", "active", "delete"):
            assert f"{shop.url}/{verb}" not in page
    assert viewer.get(f"{shop.url}/delete").status_code == 403


def test_a_system_pipeline_offers_what_it_may(alice: ApiClient) -> None:
    system = PipelineFactory.create(account=alice.account, is_system=True)
    client = signed_in(alice)

    for page in (row_of(body(client, "/pipelines"), system), body(client, system.url)):
        assert "System" in page
        for verb, is_offered in (("duplicate", True), ("edit", False), ("delete", False)):
            assert (f"{system.url}/{verb}" in page) == is_offered, verb


def test_a_switch_in_the_list_leads_back_to_the_list(alice: ApiClient, shop: Pipeline) -> None:
    client = signed_in(alice)
    address = "http://testserver/pipelines?search=shop"

    answer = client.post(f"{shop.url}/active", {"active": "false"}, headers={"Referer": address})

    assert answer.headers["Location"] == "/pipelines?search=shop"
    shop.refresh_from_db()
    assert not shop.is_active
    answer = client.post(f"{shop.url}/active", {"active": ["false", "true"]})
    assert answer.headers["Location"] == shop.url


def test_deleting_lists_what_is_concerned_and_wants_the_name(
    alice: ApiClient, shop: Pipeline
) -> None:
    link = PipelineRepositoryFactory.create(pipeline=shop)
    ScheduleFactory.create(pipeline=shop, name="Nightly")
    client = signed_in(alice)

    page = body(client, f"{shop.url}/delete")
    part = body(client, f"{shop.url}/delete", **{"HX-Request": "true"})

    assert "<html" in page
    assert part.strip().startswith("<dialog")
    for text in (page, part):
        for words in ("2 steps", "3 runs", "the schedule Nightly", str(link.repository)):
            assert words in text
    back = {"Referer": "http://testserver/pipelines?active=true"}
    answer = client.post(f"{shop.url}/delete", {"confirm": "sho"}, headers=back)
    assert answer.headers["Location"] == "/pipelines?active=true"
    assert "another one" in body(client, "/pipelines")
    runs_of(shop, "running")
    client.post(f"{shop.url}/delete", {"confirm": "shop"}, headers=back)
    assert "still has live runs" in body(client, "/pipelines")
    PipelineRun.objects.update(status="success")
    client.post(f"{shop.url}/delete", {"confirm": "shop"}, headers=back)
    assert "Shop is deleted." in body(client, "/pipelines")


def test_names_from_outside_are_text_everywhere(alice: ApiClient) -> None:
    hostile = PipelineFactory.create(
        account=alice.account, name="<i>x</i>", description="</td><script>", is_active=False
    )
    PipelineStepFactory.create(pipeline=hostile, name="<b>step</b>", condition="'<b>' == 'x'")
    client = signed_in(alice)

    shown = [
        body(client, f"{hostile.url}{rest}")
        for rest in ("", "/delete", "?tab=steps", "?tab=definition", "?tab=settings")
    ]
    dialog = body(client, f"{hostile.url}/delete", **{"HX-Request": "true"})
    for page in (body(client, "/pipelines"), dialog, *shown):
        assert "&lt;i&gt;x&lt;/i&gt;" in page
        for raw in ("<i>", "<b>", "</td><script>"):
            assert raw not in page


def test_the_list_takes_the_same_queries_for_one_row_and_for_many(
    alice: ApiClient, shop: Pipeline
) -> None:
    client = signed_in(alice)
    runs_of(shop, "success")
    body(client, "/pipelines")
    with CaptureQueriesContext(connection) as few:
        body(client, "/pipelines")
    for made in PipelineFactory.create_batch(12, account=alice.account):
        runs_of(made, "running", "failure")
        PipelineRepositoryFactory.create(pipeline=made)
    with CaptureQueriesContext(connection) as many:
        body(client, "/pipelines")

    assert len(many) == len(few) <= 20
