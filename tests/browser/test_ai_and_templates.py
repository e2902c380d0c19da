"""A failed run explained by a model, and a pipeline brought to a newer template, by a person."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from devops.clients.anthropic.fake import FakeApi, Say, Script, serving
from tests.browser.conftest import Watch, sign_in
from tests.browser.test_look import FAINT, SPILLS
from tests.e2e.test_git_hosts import Platform
from tests.stack import ROOT, Stack, definition, running

GUESS = {
    "hypothesis": "The module shop is not installed on the worker.", "confidence": "high",
    "citations": [
        {"line": 2, "quote": "no module named shop"}, {"line": 99, "quote": "something else"},
    ],
    "next_steps": ["Add shop to requirements.txt.", "Run the step again."],
}  # fmt: skip
HELLO = {
    "key": "hello", "name": "Hello", "step_type": "run_command",
    "configuration": {"command": "echo hello"},
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A platform, a fake model, and a person in the account of the API's token."""

    stack: Stack
    client: Platform
    model: FakeApi
    email: str
    password: str


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("ai")
    with serving() as model, running(folder, {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"}) as stack:
        ((account,),) = stack.sql("SELECT name FROM devops_account")
        command = ("user", "create", "eve@example.org", "--account", str(account), "--json")
        made = subprocess.run(
            [sys.executable, "-m", "powernode", *command], cwd=ROOT, env=stack.environment,
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        client = Platform(stack)
        client.call("POST", "devops/ai_configs", {
            "name": "Fake", "provider": "anthropic", "model": "claude-sonnet-5-5",
            "base_url": model.url, "api_key": model.api_key, "is_default": True,
            "monthly_budget_usd": "5.00",
        })  # fmt: skip
        yield Place(stack, client, model, "eve@example.org", json.loads(made.stdout)["password"])


@pytest.fixture
def enter(browser: Browser, place: Place, watch: Watch) -> Iterator[Callable[..., Page]]:
    """Open a page of the platform, signed in."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, *, width: int = 1440, **options: Any) -> Page:
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{place.stack.port}",
            viewport={"width": width, "height": 900}, **options,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        sign_in(page, place.email, place.password)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def failed(place: Place) -> str:
    """The address of a failed run."""
    command = "echo preparing; echo 'error: no module named shop'; exit 1"
    pipeline = place.stack.do("pipeline", definition=definition(command, name="broken"))
    (run,) = place.stack.do("trigger", pipeline=pipeline)
    assert place.stack.finish(1, 60) == {"failure": 1}
    return f"/runs/{run}"


@pytest.fixture(scope="module")
def outdated(place: Place) -> str:
    """The address of a pipeline that was changed and whose template has a newer version."""
    call = place.client.call
    greet = "devops/pipeline_templates/greet"
    call("POST", "devops/pipeline_templates", {
        "name": "Greet", "triggers": {"manual": {}}, "pipeline_definition": {"steps": [HELLO]},
    })  # fmt: skip
    call("POST", f"{greet}/publish", {})
    made = call("POST", f"{greet}/install", {"name": "Greeting"})
    ours = {**HELLO, "configuration": {"command": "echo hello from us"}}
    call("PATCH", f"devops/pipelines/{made['id']}", {"steps": [ours]})
    theirs = {**HELLO, "configuration": {"command": "echo HELLO"}}
    ship = {**HELLO, "key": "ship", "name": "Ship", "requires_approval": True}
    call("PATCH", greet, {
        "version": "1.1.0", "changelog": "Louder, and it ships.",
        "default_variables": {"place": {
            "type": "string", "default": "here", "sets": ["/environment/PLACE"],
            "description": "Where it greets.",
        }},
        "pipeline_definition": {"environment": {"PLACE": ""}, "steps": [theirs, ship]},
    })  # fmt: skip
    return "/pipelines/greeting"


def test_a_guess_comes_to_the_page_by_itself(
    place: Place, enter: Callable[..., Page], failed: str
) -> None:
    place.model.brain.add(Script((Say(json.dumps(GUESS)),)))
    page = enter(failed)
    page.get_by_role("button", name="Ask AI").click()
    expect(page.get_by_text("AI's guess")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("The module shop is not installed")).to_be_visible()
    expect(page.get_by_text("1 citation left out")).to_be_visible()
    page.get_by_role("link", name="line 2", exact=True).click()
    expect(
        page.locator(".log-line, [data-line]").get_by_text("no module named shop")
    ).to_be_visible()


def test_an_update_shows_both_sides_and_keeps_ours(
    enter: Callable[..., Page], outdated: str
) -> None:
    page = enter(outdated)
    page.get_by_role("link", name="Update to 1.1.0").click()
    expect(page.get_by_text("Louder, and it ships.")).to_be_visible()
    expect(page.get_by_text("/steps/hello/configuration/command")).to_be_visible()
    expect(page.get_by_text("Waits for people: Ship.")).to_be_visible()
    page.get_by_label("Whose change counts there").select_option("template")
    page.get_by_role("button", name="Show the change with these values").click()
    expect(page.get_by_role("cell", name="command: echo HELLO").first).to_be_visible()
    page.get_by_label("Whose change counts there").select_option("mine")
    page.get_by_role("button", name="Update to 1.1.0").click()
    expect(page.get_by_text("Greeting follows Greet 1.1.0.")).to_be_visible()
    expect(page.locator("#definition")).to_contain_text("echo hello from us")


def test_a_provider_is_added_tested_made_the_default_and_removed(
    place: Place, enter: Callable[..., Page]
) -> None:
    page = enter("/settings/ai")

    def card(name: str) -> Locator:
        return page.locator("section.card").filter(has=page.get_by_role("heading", name=name))

    page.get_by_role("link", name="Add a provider").first.click()
    page.get_by_label("Name").fill("Second")
    page.get_by_label("API key").fill(place.model.api_key)
    page.get_by_label("Address").fill(place.model.url)
    page.get_by_role("button", name="Save").click()
    expect(card("Second")).to_contain_text("Not tested")
    card("Second").get_by_role("button", name="Test").click()
    expect(card("Second")).to_contain_text("Answers")
    expect(card("Fake").locator(".tag")).to_have_text("Default")

    card("Second").get_by_role("button", name="Make it the default").click()
    expect(card("Second").locator(".tag")).to_have_text("Default")
    expect(card("Fake").locator(".tag")).to_have_count(0)
    card("Fake").get_by_role("button", name="Make it the default").click()
    expect(card("Fake").locator(".tag")).to_have_text("Default")
    card("Second").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("dialog")).to_contain_text("Remove Second?")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(card("Second")).to_have_count(0)


def test_a_prompt_is_written_tried_changed_copied_and_taken_away(
    enter: Callable[..., Page],
) -> None:
    page = enter("/settings/prompts")
    page.get_by_role("button", name="Add the starters").click()
    chips = page.get_by_role("navigation", name="Categories").get_by_role("link")
    expect(chips.first).to_have_text("All 8")
    chips.nth(1).click()
    expect(page.locator("tbody tr")).to_have_count(int(chips.nth(1).inner_text().split()[-1]))

    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name").fill("Greeting")
    page.get_by_label("Text").fill("Hello {{ who }}")
    page.get_by_label("Defaults of variables").fill("who=you")
    page.get_by_role("button", name="Keep the template").click()
    expect(page.locator("#preview pre")).to_have_text("Hello you")
    page.get_by_label("Values").fill("who=me")
    page.get_by_role("button", name="Render").click()
    expect(page.locator("#preview pre")).to_have_text("Hello me")

    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Text").fill("Goodbye {{ who }}")
    page.get_by_role("button", name="Save as version 2").click()
    versions = page.locator("section.card", has_text="Versions").locator("li")
    expect(versions.filter(has_text="In use")).to_contain_text("Version 2")
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_text("Copied as")).to_be_visible()
    expect(page.locator(".prompt-text").first).to_have_text("Goodbye {{ who }}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it away").click()
    expect(page.get_by_role("link", name="Greeting")).to_have_count(1)


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_spills_and_all_can_be_read(
    enter: Callable[..., Page], failed: str, outdated: str, width: int, scheme: str
) -> None:
    page = enter("/", width=width, color_scheme=scheme)
    for path in (
        failed, "/marketplace/greet", "/marketplace/greet?version=1.0.0", outdated,
        f"{outdated}/update?version=1.0.0", "/marketplace/deploy-to-swarm",
    ):  # fmt: skip
        page.goto(path)
        assert page.evaluate(SPILLS) == [], path
        assert page.evaluate(FAINT) == [], path
