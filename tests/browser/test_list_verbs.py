"""What rows of lists offer: pipelines are run, copied and deleted; runs watched and repeated."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.site import Site

Visit = Callable[..., Page]
INPUTS = {"manual": {"inputs": {"version": {"type": "string", "required": True}}}}


def test_a_rows_menu_is_used_by_keyboard_and_saves_the_document(site: Site, visit: Visit) -> None:
    made = site.pipeline("Row menu", "true", description="Tried from the list.")
    page = visit("/pipelines?search=row+menu")
    menu = page.get_by_label("More for Row menu")
    menu.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Edit")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("link", name="Delete…")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    menu.press("Enter")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export YAML").click()
    assert started.value.suggested_filename == "row-menu.yml"
    assert "name: Row menu" in started.value.path().read_text()

    # How the last run stands comes by itself.
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    chip = page.locator("tr[data-row] .chip")
    expect(chip).to_have_text("No runs")
    site.trigger(made)
    expect(chip).to_have_text("Success")


def test_a_pipeline_is_switched_found_and_run_from_its_row(site: Site, visit: Visit) -> None:
    site.pipeline("Row switch", "true")
    page = visit("/pipelines?search=row+switch")
    menu = page.get_by_label("More for Row switch")
    menu.click()
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("Row switch is switched off.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"search=row"))
    run = page.locator("tr[data-row]").get_by_role("button", name="Run")
    expect(run).to_be_disabled()
    run.hover(force=True)
    expect(page.get_by_role("tooltip")).to_contain_text("is switched off")
    page.get_by_label(re.compile("^Active")).check(force=True)
    expect(page.get_by_role("heading", name="No pipeline matches")).to_be_visible()
    expect(page).to_have_url(re.compile("active=true"))
    page.get_by_label(re.compile("^All")).check(force=True)
    menu.click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("Row switch is switched on.")).to_be_visible()
    page.get_by_role("button", name="Run Row switch").click()
    expect(page.locator("#run-head .chip")).to_have_text("Success")


def test_a_pipeline_is_copied_and_the_copy_deleted_from_its_row(site: Site, visit: Visit) -> None:
    site.pipeline("Row copy", "true")
    page = visit("/pipelines?search=row+copy")
    page.get_by_label("More for Row copy").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.locator(".cm-content")).to_contain_text("Row copy (Copy)")
    page.goto("/pipelines?search=row+copy")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(2)
    page.get_by_label("More for Row copy (Copy)").click()
    page.get_by_role("link", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete Row copy (Copy)?")
    expect(dialog).to_contain_text("1 step")
    dialog.get_by_role("textbox").fill("row-copy-copy")
    dialog.get_by_role("button", name="Delete the pipeline").click()
    expect(page.get_by_text("Row copy (Copy) is deleted.")).to_be_visible()


def test_a_pipeline_with_inputs_asks_for_them(site: Site, visit: Visit) -> None:
    site.pipeline("Asks first", "true", triggers=INPUTS)
    page = visit("/pipelines?search=asks")
    page.get_by_role("link", name="Run Asks first…").click()
    dialog = page.get_by_role("dialog", name="Run Asks first")
    dialog.get_by_label("version").fill("1.4.2")
    dialog.get_by_role("button", name="Run").click()
    expect(page.locator("#run-head .chip")).to_have_text("Success")


def test_a_live_run_is_watched_cancelled_and_repeated_from_the_list(
    site: Site, visit: Visit
) -> None:
    made = site.pipeline("Watched", "true", "sleep 2", "sleep 120", "true")
    page = visit(f"/runs?pipeline={made['slug']}")
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    run = site.trigger(made)
    page.reload()
    row = page.locator("tr[data-row]").first
    now = row.locator("[data-progress]")
    # What the second step did not say yet comes by the socket alone.
    expect(now).to_have_text(re.compile("2 of 4 · Step 3"))
    expect(now.locator("progress")).to_have_attribute("value", re.compile("25|50"))

    page.keyboard.press("j")
    page.keyboard.press("o")
    peek = page.locator(".peek")
    expect(peek.get_by_role("link", name=re.compile("Step 3"))).to_be_visible()
    expect(row.locator("[data-expand]")).to_have_attribute("aria-expanded", "true")
    peek.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    expect(page).to_have_url(re.compile(f"/runs.pipeline={made['slug']}"))
    expect(row.locator(".chip")).to_have_text("Cancelled", timeout=30_000)
    expect(now).to_be_hidden()
    assert site.finish(run)["status"] == "cancelled"

    row.locator("[data-expand]").click()
    peek.get_by_role("button", name="Retry all steps").click()
    expect(page.locator("#run-head h1")).to_contain_text("#2")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    expect(page.locator("#run-head .chip")).to_have_text("Cancelled", timeout=30_000)


def test_a_failed_run_tells_why_in_its_row_and_its_failed_step_is_repeated(
    site: Site, visit: Visit
) -> None:
    made = site.pipeline("Tells why", "true", "echo 'error: no milk'; exit 3")
    site.finish(site.trigger(made))
    page = visit(f"/pipelines/{made['slug']}")
    row = page.locator("tr[data-row]").first
    expect(row.locator("[data-error]")).to_contain_text("Step 2 failed")
    row.locator("[data-expand]").click()
    expect(page.locator(".peek")).to_contain_text("error: no milk")
    row.locator("[data-expand]").click()
    expect(page.locator(".peek")).to_be_hidden()
    row.locator("[data-expand]").click()
    # What is new comes when it is asked for, and what was open stays open.
    site.trigger(made)
    page.get_by_role("button", name="1 new run").click()
    expect(page.locator("tr[data-row]")).to_have_count(2)
    expect(page.locator(".peek:visible")).to_contain_text("error: no milk")
    page.get_by_role("button", name="Retry the failed steps").click()
    expect(page.locator("#run-head h1")).to_contain_text("#3")
    expect(page.locator("#run-steps")).to_contain_text("taken over")


def test_a_step_leads_to_its_place_in_the_definition(visit: Visit) -> None:
    page = visit("/pipelines/shop-ci")
    steps = page.locator("aside .plan-list")
    steps.get_by_role("link", name=re.compile("Tests")).first.click()
    expect(page).to_have_url(re.compile(r"tab=definition#step-"))
    expect(page.locator(".definition-step:target")).to_be_in_viewport()


def test_the_runs_of_a_list_are_saved_as_csv(site: Site, visit: Visit) -> None:
    made = site.pipeline("Saved", "true")
    site.finish(site.trigger(made))
    page = visit(f"/runs?pipeline={made['slug']}")
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    assert re.fullmatch(r"runs-\d{4}-\d\d-\d\d\.csv", started.value.suggested_filename)
    heading, row = started.value.path().read_text().splitlines()
    assert heading.startswith("pipeline,number,title,status")
    assert row.startswith("Saved,1,")
