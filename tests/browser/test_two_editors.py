"""Two people at one pipeline, and what of unsaved work survives."""

from collections.abc import Callable

from playwright.sync_api import Dialog, Locator, Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site
from tests.browser.test_look import FAINT, SPILLS

Visit = Callable[..., Page]


def form_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Form")


def text_of(page: Page) -> str:
    return str(page.evaluate("() => document.querySelector('[data-editor] textarea').value"))


def describe(page: Page, words: str) -> None:
    """Type a description and see it in the document."""
    form_of(page).get_by_label("Description").fill(words)
    page.wait_for_function(
        "words => document.querySelector('[data-editor] textarea').value.includes(words)", arg=words
    )


def leave(page: Page, *, is_asked: bool) -> None:
    """Leave by the link; whether the browser asks before."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    page.get_by_role("link", name="Leave").click()
    expect(page).not_to_have_url("**/edit")
    page.wait_for_url(lambda address: not address.endswith("/edit"))
    page.remove_listener("dialog", answer)
    assert asked == (["beforeunload"] if is_asked else [])


def test_the_second_of_two_saves_is_refused_and_decides(
    site: Site, visit: Visit, watch: Watch
) -> None:
    watch.forgive("412")
    made = site.pipeline("Written by two", "echo both")
    address = f"/pipelines/{made['slug']}/edit"
    first, second = visit(address), visit(address, width=360, color_scheme="dark")
    describe(first, "The first one's words")
    describe(second, "The second one's words")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_text("is saved.")).to_be_visible()

    second.get_by_role("button", name="Save").click()
    note = second.get_by_role("alert")
    expect(note).to_contain_text("it was saved")
    expect(note).to_be_focused()
    expect(note).to_contain_text("description: The first one's words")
    expect(note).to_contain_text("description: The second one's words")
    expect(form_of(second).get_by_label("Description")).to_have_value("The second one's words")
    assert second.evaluate(SPILLS) == []
    assert second.evaluate(FAINT) == []
    # Going on is going on: a plain save overwrites nothing either.
    describe(second, "Both one's words")
    second.get_by_role("button", name="Save").click()
    expect(note).to_contain_text("description: Both one's words")
    second.get_by_role("button", name="Keep mine").click()
    expect(second.get_by_text("is saved.")).to_be_visible()
    path = f"/devops/pipelines/{made['id']}"
    assert site.api("GET", path)["description"] == "Both one's words"


def test_a_draft_survives_a_reload_says_what_it_is_and_ends_with_the_save(
    site: Site, visit: Visit
) -> None:
    made = site.pipeline("Left in the middle", "echo one")
    page = visit(f"/pipelines/{made['slug']}/edit")
    note = page.locator("#draft-note")
    saved = text_of(page)
    expect(note).to_be_hidden()
    leave(page, is_asked=False)
    page.go_back()
    describe(page, "Half a thought")
    leave(page, is_asked=True)
    site.api("PATCH", f"/devops/pipelines/{made['id']}", {"timeout_minutes": 7})

    page.goto(f"/pipelines/{made['slug']}/edit")
    expect(note).to_contain_text("begun on version 1")
    expect(note).to_contain_text("Saved since then: version 2")
    expect(form_of(page).get_by_label("Description")).to_have_value("Half a thought")
    note.get_by_role("button", name="Show what is saved").click()
    expect(note).to_be_hidden()
    assert "timeout_minutes: 7" in text_of(page)
    assert text_of(page) != saved
    describe(page, "A whole thought")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    assert (
        page.evaluate("() => Object.keys(localStorage).filter(key => key.includes('draft'))") == []
    )
    page.goto(f"/pipelines/{made['slug']}/edit")
    expect(note).to_be_hidden()
    leave(page, is_asked=False)


def test_a_new_pipelines_draft_ends_when_it_is_saved_and_not_before(visit: Visit) -> None:
    page = visit("/pipelines/new")
    note = page.locator("#draft-note")
    form_of(page).get_by_label("Name required").fill("Drafted anew")
    # Left at once: what was typed last goes along.
    page.goto("/pipelines")
    page.goto("/pipelines/new")
    expect(form_of(page).get_by_label("Name required")).to_have_value("Drafted anew")
    expect(note).to_contain_text("It is not saved.")
    # A session that ended does not take it along.
    [session] = [each for each in page.context.cookies() if each["name"] == "sessionid"]
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.context.add_cookies(
        [{"name": "sessionid", "value": session["value"], "domain": session["domain"], "path": "/"}]
    )
    page.goto("/pipelines/new")
    expect(note).to_contain_text("It is not saved.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Drafted anew is saved.")).to_be_visible()
    page.goto("/pipelines/new")
    expect(form_of(page).get_by_label("Name required")).to_have_value("CI")
    expect(note).to_be_hidden()
