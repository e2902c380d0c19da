"""Pipelines: written with lint in place, started with typed inputs, switched, copied, deleted."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site

Visit = Callable[..., Page]
DOCUMENT = """\
name: {name}
on:
  manual: {{}}
steps:
  - name: Greet
    uses: run_command
    with: {{command: "echo hello"}}
"""
INPUTS = {
    "manual": {
        "inputs": {
            "target": {"type": "choice", "options": ["staging", "production"]},
            "version": {"type": "string", "required": True, "description": "For example 1.4.2"},
            "parts": {"type": "number", "default": 2},
            "dry_run": {"type": "boolean", "default": False},
        }
    }
}


def write(page: Page, text: str) -> None:
    """Replace the document in the editor."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_a_pipeline_is_written_with_lint_in_place(visit: Visit) -> None:
    page = visit("/pipelines/new")
    state = page.locator("#lint-state")
    expect(state).to_have_text("Valid")
    write(page, DOCUMENT.format(name="Written here").replace("run_command", "run_comand"))
    expect(state).to_have_text("1 error")
    expect(page.locator("#findings")).to_contain_text("run_command")
    expect(page.locator(".cm-lintRange-error")).to_have_text("run_comand")
    page.locator("#findings").get_by_role("button", name="Line 6").click()
    write(page, DOCUMENT.format(name="Written here"))
    expect(state).to_have_text("Valid")
    expect(page.locator("#findings")).to_be_hidden()
    expect(page.get_by_label("Name required")).to_have_value("Written here")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Written here is saved.")).to_be_visible()
    expect(page).to_have_url(re.compile("/pipelines/written-here$"))


def test_a_refused_save_keeps_the_text_and_says_where_it_is_wrong(
    visit: Visit, watch: Watch
) -> None:
    watch.forgive("status of 422")
    page = visit("/pipelines/new")
    write(page, "name: Half\nsteps: [\n")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("name: Half")
    expect(page.locator("#findings")).to_contain_text("Line")


def test_the_form_edits_the_same_document(visit: Visit) -> None:
    page = visit("/pipelines/new")
    write(page, "# keep me\n" + DOCUMENT.format(name="Formed"))
    page.get_by_label("Time limit, minutes").fill("7")
    page.get_by_label("Name of the new step").fill("Wave")
    page.get_by_label("Type of the new step").select_option("run_command")
    page.get_by_role("button", name="Add the step").click()
    text = page.locator(".cm-content")
    expect(text).to_contain_text("timeout_minutes: 7")
    expect(text).to_contain_text("Wave")
    expect(text).to_contain_text("# keep me")
    page.get_by_role("button", name="Move Wave up").click()
    expect(page.locator("[data-form-part=steps] li").first).to_contain_text("Wave")


def test_completion_offers_step_types(visit: Visit) -> None:
    page = visit("/pipelines/new")
    write(page, "name: x\nsteps:\n  - name: a\n    uses: ")
    page.keyboard.type("run_")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("run_tests")


def test_typed_inputs_start_a_run_and_a_refused_one_is_named_beside_its_field(
    site: Site, visit: Visit, watch: Watch
) -> None:
    made = site.pipeline("Typed", "echo started", triggers=INPUTS)
    page = visit(f"/pipelines/{made['slug']}")
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Run Typed")
    expect(dialog.get_by_label("parts")).to_have_value("2")
    dialog.get_by_label("target").select_option("production")
    dialog.get_by_label("dry_run").check()
    # The browser would stop an empty field; the server must not rely on that.
    page.eval_on_selector("#input-version", "field => field.required = false")
    watch.forgive("status of 4")
    dialog.get_by_role("button", name="Run").click()
    expect(dialog.locator(".field.has-error")).to_contain_text("version")
    expect(dialog.get_by_label("target")).to_have_value("production")
    expect(dialog.get_by_label("dry_run")).to_be_checked()
    dialog.get_by_label("version").fill("1.4.2")
    dialog.get_by_role("button", name="Run").click()
    expect(page.locator("#run-head .chip")).to_have_text("Success")
    page.get_by_role("link", name="Trigger").click()
    facts = page.locator(".facts")
    expect(facts).to_contain_text("production")
    expect(facts).to_contain_text("1.4.2")


def test_the_switch_stops_and_allows_runs(site: Site, visit: Visit) -> None:
    made = site.pipeline("Switched", "echo on")
    page = visit(f"/pipelines/{made['slug']}")
    page.get_by_label("Active").uncheck()
    expect(page.get_by_text("is switched off")).to_be_visible()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    page.get_by_label("Active").check()
    expect(page.get_by_text("is switched on")).to_be_visible()
    page.get_by_role("button", name="Run it now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run").click()
    expect(page.locator("#run-head .chip")).to_have_text("Success")


def test_a_pipeline_is_edited_copied_exported_and_deleted_by_its_name(
    site: Site, visit: Visit
) -> None:
    made = site.pipeline("Short lived", "echo here")
    page = visit(f"/pipelines/{made['slug']}")
    page.keyboard.press("E")
    write(page, DOCUMENT.format(name="Short lived"))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Short lived is saved.")).to_be_visible()
    page.get_by_role("link", name="Definition").click()
    expect(page.locator("#definition")).to_contain_text("name: Greet")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download as YAML").click()
    assert started.value.suggested_filename == "short-lived.yml"
    assert "uses: run_command" in started.value.path().read_text()

    page.get_by_label("More for Short lived").click()
    page.get_by_role("button", name="Duplicate").click()
    expect(page.locator(".cm-content")).to_contain_text("Short lived (Copy)")
    page.goto("/pipelines/short-lived?tab=settings")
    page.get_by_role("link", name="Delete the pipeline").click()
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Delete the pipeline")
    expect(confirm).to_be_disabled()
    dialog.get_by_role("textbox").fill("short-lived")
    confirm.click()
    expect(page.get_by_text("Short lived is deleted.")).to_be_visible()
    page.goto("/pipelines?search=short")
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_pipeline_of_a_repository_is_read_only_here(visit: Visit) -> None:
    page = visit("/pipelines/shop-ci/edit")
    expect(page.get_by_text("Change it there")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    # As the file has it: written anew, a key that is the default would be left out.
    expect(page.locator(".cm-content")).to_contain_text("key: tests")
    form = page.get_by_role("region", name="Form")
    form.locator(".step-head").first.click()
    expect(form.get_by_label("Name of the step")).to_be_disabled()


@pytest.mark.parametrize("tab", ["runs", "steps", "definition", "triggers", "settings"])
def test_each_tab_of_a_pipeline_is_marked(visit: Visit, tab: str) -> None:
    page = visit(f"/pipelines/shop-ci?tab={tab}")
    expect(page.locator(".tabs [aria-current]")).to_have_text(tab.capitalize())


def test_a_badge_is_published_copied_shown_elsewhere_and_withdrawn(
    visit: Visit, site: Site
) -> None:
    pipeline = site.pipeline("With a badge", "true")
    site.finish(site.trigger(pipeline))
    page = visit("/pipelines/with-a-badge?tab=settings")
    page.get_by_role("button", name="Publish the badge").click()
    picture = page.get_by_alt_text("The badge as it is now")
    expect(picture).to_be_visible()
    page.get_by_label("Copy the address").click()
    address = page.evaluate("() => navigator.clipboard.readText()")
    page.get_by_label("Copy the Markdown").click()
    assert page.evaluate("() => navigator.clipboard.readText()").startswith(f"[![build]({address})")

    # A page of anybody's, without a session.
    stranger = visit("/accounts/login/", is_anonymous=True)
    stranger.set_content(f'<img src="{address}" alt="build">')
    width = "image => image.decode().then(() => image.naturalWidth)"
    assert stranger.locator("img").evaluate(width) > 60
    answer = stranger.goto(address)
    assert answer is not None
    assert "passing" in answer.text()

    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw it").click()
    expect(page.get_by_role("button", name="Publish the badge")).to_be_visible()
    gone = stranger.request.get(address)
    assert gone.status == 404
