"""The overview and the lists: filters in the address, paging, live rows, keys, the palette."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site
from tests.browser.test_look import SPILLS

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def many_runs(site: Site) -> str:
    """The slug of a pipeline with more runs than a page shows."""
    made = site.pipeline("Many", "true", allow_concurrent=True)
    runs = [site.trigger(made) for _ in range(55)]
    for run in runs:
        site.finish(run, 120)
    slug: str = made["slug"]
    return slug


def test_filters_stand_in_the_address_and_can_be_cleared(visit: Visit, many_runs: str) -> None:
    page = visit("/runs")
    page.get_by_label("Pipeline", exact=True).select_option(many_runs)
    expect(page).to_have_url(re.compile(rf"pipeline={many_runs}"))
    expect(page.locator("tr[data-row]")).to_have_count(50)
    page.get_by_label("Status").select_option("failure")
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    expect(page.get_by_role("link", name="CSV")).to_have_attribute(
        "href", f"/runs/export?status=failure&pipeline={many_runs}"
    )
    page.reload()
    expect(page.get_by_label("Status")).to_have_value("failure")
    page.get_by_role("link", name="Clear the filters").click()
    expect(page).to_have_url(re.compile("/runs$"))


def test_pages_go_to_older_and_newer_rows(visit: Visit, many_runs: str) -> None:
    page = visit(f"/runs?pipeline={many_runs}")
    first = page.locator("tr[data-row] .num").first
    expect(first).to_have_text("#55")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("tr[data-row]")).to_have_count(5)
    expect(first).to_have_text("#5")
    page.get_by_role("link", name="Newer").click()
    expect(first).to_have_text("#55")


def test_new_runs_wait_behind_a_button_and_rows_change_by_themselves(
    site: Site, visit: Visit
) -> None:
    made = site.pipeline("Lively", "sleep 3")
    page = visit("/runs")
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    site.trigger(made)
    page.get_by_role("button", name="1 new run").click()
    row = page.locator("tr[data-row]", has_text="Lively").first
    expect(row.locator(".chip")).to_have_text("Running")
    expect(row.locator(".chip")).to_have_text("Success")


def test_a_list_works_without_a_mouse(visit: Visit, many_runs: str) -> None:
    page = visit(f"/runs?pipeline={many_runs}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr[data-row] .row-link").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator("#run-head h1")).to_contain_text("#55")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.get_by_role("heading", name="Pipelines")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("shop")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page).to_have_url(re.compile("search=shop"))


def test_the_palette_goes_anywhere(visit: Visit) -> None:
    page = visit("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("shop ci")
    expect(page.get_by_role("option", name="Shop CI")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Shop CI")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_the_overview_shows_figures_failures_and_what_runs(site: Site, visit: Visit) -> None:
    failed = site.finish(site.trigger(site.pipeline("Broken", "echo 'error: no tea'; exit 1")))
    running = site.trigger(site.pipeline("Slow", "sleep 30"))
    page = visit("/")
    failures = page.locator("section", has=page.get_by_role("heading", name="Recent failures"))
    expect(failures).to_contain_text("error: no tea")
    live = page.locator("section", has=page.get_by_role("heading", name="Live now"))
    expect(live).to_contain_text("Slow")
    site.api("POST", f"/devops/pipeline_runs/{running['id']}/cancel", {})
    expect(live).not_to_contain_text("Slow")
    with page.expect_response(f"{site.url}/") as fresh:
        page.get_by_role("link", name="Refresh").click()
    assert fresh.value.ok
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    failures.get_by_role("link", name=re.compile("Started by|Broken")).first.click()
    expect(page).to_have_url(re.compile(failed["id"]))
    expect(page.locator(".log-row.is-target")).to_contain_text("error: no tea")


def test_the_overview_leads_to_a_failing_branch_until_it_is_green(site: Site, visit: Visit) -> None:
    made = site.pipeline("Shaky", "exit 1")
    attach = f"/devops/repositories/{site.facts['repository_id']}/attach_pipeline"
    site.api("POST", attach, {"pipeline_id": made["id"]})
    failed = site.finish(site.trigger(made))
    page = visit("/", width=360)
    alert = page.get_by_role("link", name="Shaky fails on main")
    alert.click()
    expect(page).to_have_url(re.compile(failed["id"]))
    page.go_back()
    expect(alert).to_be_visible()
    green = {"name": "Step 1", "step_type": "run_command", "configuration": {"command": "true"}}
    site.api("PATCH", f"/devops/pipelines/{made['id']}", {"steps": [green]})
    workers = page.get_by_role("navigation", name="What there is").get_by_role(
        "link", name="Workers"
    )
    workers.focus()
    site.trigger(made)
    expect(alert).to_have_count(0)
    expect(workers).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()


def test_a_repository_is_connected_gets_secrets_and_is_disconnected(
    site: Site, visit: Visit, watch: Watch
) -> None:
    watch.forgive("status of 4")
    page = visit("/repositories")
    page.get_by_role("link", name="Connect a repository").first.click()
    page.get_by_label("Name").fill("acme/tools")
    page.get_by_label("Clone URL").fill("no address")
    page.get_by_role("button", name="Connect").click()
    expect(page.locator(".field.has-error")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("acme/tools")
    page.get_by_label("Clone URL").fill(site.facts["bare"])
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_role("heading", name="acme/tools")).to_be_visible()
    secret = page.locator(".show-once code").nth(1)
    first = secret.inner_text()
    page.reload()
    expect(secret).to_have_count(0)
    page.get_by_label("More").click()
    page.get_by_role("button", name="Make a new secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Make new ones").click()
    expect(secret).not_to_have_text(first)
    page.get_by_label("More").click()
    page.get_by_role("button", name="Disconnect…").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("acme/tools is disconnected.")).to_be_visible()


def test_missed_pushes_are_looked_for_and_used_repositories_are_kept(visit: Visit) -> None:
    page = visit("/repositories")
    page.get_by_role("link", name="demo/shop").click()
    page.get_by_role("button", name="Look for pushes").click()
    expect(page.get_by_text("Nothing was missed.")).to_be_visible()
    page.get_by_label("More").click()
    expect(page.get_by_text("delete its pipelines first")).to_be_visible()


def test_deliveries_are_listed_and_shown_without_secrets(site: Site, visit: Visit) -> None:
    page = visit("/webhooks")
    page.get_by_label("Status").select_option("processed")
    expect(page).to_have_url(re.compile("status=processed"))
    page.locator("tr[data-row] .row-link").first.click()
    expect(page.locator("#payload")).to_contain_text("refs/heads/main")
    expect(page.get_by_text("Processed").first).to_be_visible()


def test_workers_say_what_they_can_and_are_drained(visit: Visit) -> None:
    page = visit("/workers")
    row = page.locator("tbody tr", has_text="embedded")
    expect(row).to_contain_text("Online")
    expect(row.get_by_role("button", name="Drain")).to_be_visible()


def test_filters_are_saved_by_name_and_columns_stay_hidden(visit: Visit, many_runs: str) -> None:
    page = visit("/runs")
    page.get_by_label("Pipeline", exact=True).select_option(many_runs)
    expect(page.locator("tr[data-row]")).to_have_count(50)
    saved = page.locator("summary", has_text="Saved filters")
    saved.click()
    page.get_by_label("Name of these filters").fill("The many")
    page.get_by_label("Name of these filters").press("Enter")
    expect(saved).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Took", exact=True).uncheck()
    expect(page.locator("th", has_text="Took")).to_be_hidden()

    # The address holds filters and nothing of the menus; later rows obey the choice.
    expect(page).to_have_url(re.compile(rf"/runs\?pipeline={many_runs}$"))
    page.goto("/runs")
    saved.click()
    page.get_by_role("link", name="The many").click()
    expect(page).to_have_url(re.compile(rf"/runs\?pipeline={many_runs}$"))
    page.get_by_label("Status").select_option("success")
    expect(page).to_have_url(re.compile("status=success"))
    expect(page.locator("tr[data-row] td:nth-child(8)").first).to_be_hidden()
    expect(page.locator("tr[data-row] td:nth-child(9)").first).to_be_visible()

    page.set_viewport_size({"width": 360, "height": 800})
    saved.click()
    assert page.evaluate(SPILLS) == []
    page.get_by_role("button", name="Forget The many").click()
    expect(page.get_by_role("link", name="The many")).to_be_hidden()
    page.locator("summary", has_text="Columns").click()
    assert page.evaluate(SPILLS) == []
    page.get_by_label("Took", exact=True).check()
    expect(page.locator("tr[data-row] td:nth-child(8)").first).to_be_visible()


def test_a_list_works_without_scripts(visit: Visit, many_runs: str) -> None:
    page = visit("/runs", java_script_enabled=False)
    page.get_by_label("Pipeline", exact=True).select_option(many_runs)
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(rf"pipeline={many_runs}"))
    expect(page.locator("tr[data-row]")).to_have_count(50)
