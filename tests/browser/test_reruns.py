"""A run with a matrix and a group in a real browser, repeated from its menu and with a change."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site

Visit = Callable[..., Page]


def command(name: str, text: str, **more: object) -> dict[str, object]:
    """A step that runs a command."""
    return {"name": name, "step_type": "run_command", "configuration": {"command": text}, **more}


def steps() -> list[dict[str, object]]:
    """Prepare, test twice side by side, check in a group, ship."""
    return [
        command("Prepare", "echo prepared > file"),
        command("Tests", 'echo "on $ON"', matrix={"python": ["3.11", "3.12"]},
                environment={"ON": "${{ matrix.python }}"}),
        command("Lint", "echo clean", group_key="checks"),
        command("Types", "echo checked", group_key="checks"),
        command("Ship", "echo error: no ship; exit 3"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def failed(site: Site) -> dict[str, Any]:
    """A run whose last step failed."""
    groups = {"groups": {"checks": {"name": "All checks"}}}
    made = site.pipeline("Side by side")
    site.api("PATCH", f"/devops/pipelines/{made['id']}", {"steps": steps(), "settings": groups})
    run: dict[str, Any] = site.finish(site.trigger(made))
    assert run["status"] == "failure"
    return run


def test_the_menu_follows_the_chosen_step(visit: Visit, failed: dict[str, Any]) -> None:
    page = visit(f"/runs/{failed['id']}")
    expect(page.locator(".step-group", has_text="All checks")).to_be_visible()
    expect(page.locator("[data-step-row]", has_text="Tests (3.12)")).to_be_visible()

    page.get_by_label("More ways to re-run").click()
    expect(page.get_by_role("button", name="From Ship on")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-step-row]", has_text="Lint").click()
    page.get_by_label("More ways to re-run").click()
    page.get_by_role("button", name="From Lint on").click()

    expect(page.locator("#run-head .chip")).to_have_text("Failure")
    expect(page.locator("[data-step-row]", has_text="Types")).to_contain_text("taken over")
    expect(page.locator("[data-step-row]", has_text="Lint")).not_to_contain_text("taken over")


def test_a_run_is_repeated_from_its_failed_step_with_a_change(
    visit: Visit, watch: Watch, failed: dict[str, Any]
) -> None:
    watch.forgive("status of 400")
    page = visit(f"/runs/{failed['id']}")
    page.get_by_label("More ways to re-run").click()
    page.get_by_role("link", name="With changes…").click()

    expect(page.get_by_label("Begin at")).to_have_value("ship")
    field = page.get_by_label("Configuration")
    expect(field).to_have_value("command: 'echo error: no ship; exit 3'\n")
    field.fill("comand: cat file")
    page.get_by_role("button", name="Re-run").click()
    expect(page.locator(".field-error")).to_contain_text("Unknown key `comand`")
    expect(field).to_have_value("comand: cat file")
    field.fill("command: cat file")
    page.get_by_role("button", name="Re-run").click()

    expect(page.locator("#run-head .chip")).to_have_text("Success")
    expect(page.locator("[data-step-row]", has_text="Tests (3.11)")).to_contain_text("taken over")
    page.locator("[data-step-row]", has_text="Ship").click()
    expect(page.locator("[data-log-scroller]")).to_contain_text("prepared")
    page.locator("[data-step-row]", has_text="Types").click()
    expect(page.locator("[data-log-scroller]")).to_contain_text("checked")

    page.get_by_role("link", name="Attempts").click()
    line = page.get_by_role("row", name="Ship")
    expect(line.get_by_text("Failure").first).to_be_visible()
    expect(line.get_by_text("Success")).to_be_visible()
