"""From no host to a green run in the browser, and every page of a host at every width."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gitintegration.clients.exchange import forget_hosts
from tests.browser.conftest import Watch, sign_in
from tests.browser.test_look import FAINT, SPILLS
from tests.browser.test_pipelines import write
from tests.e2e.platform_process import wait_until
from tests.gitintegration.hosts.rig import World, load, world_of
from tests.stack import ROOT, Stack, running

PIPELINE = """name: Widgets
"on":
  push: {branches: [main]}
steps:
  - {name: Check out, key: source, uses: checkout}
  - {name: Look, key: look, uses: run_command, with: {command: test -f src/app.py}}
"""


@dataclass(frozen=True)
class Place:
    """A platform without any host, a fake Gitea, and who may sign in."""

    stack: Stack
    world: World
    email: str
    password: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.stack.port}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    forget_hosts()
    environment = {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"}
    rig = load("tests.gitintegration.hosts.gitea_rig")
    folder = tmp_path_factory.mktemp("git")
    with world_of(rig, folder / "host") as world, running(folder / "us", environment) as stack:
        command = ("user", "create", "eve@example.org", "--account", "Shop", "--json")
        made = subprocess.run(
            [sys.executable, "-m", "powernode", *command], cwd=ROOT, env=stack.environment,
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        yield Place(stack, world, "eve@example.org", json.loads(made.stdout)["password"])


@pytest.fixture
def enter(browser: Browser, place: Place, watch: Watch) -> Iterator[Callable[..., Page]]:
    """Open a page of the platform, signed in."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, *, width: int = 1440, **options: Any) -> Page:
        context = browser.new_context(
            base_url=place.url, viewport={"width": width, "height": 900}, **options
        )
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        sign_in(page, place.email, place.password)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def connect(page: Page, place: Place) -> None:
    """From the list of hosts to the choice of repositories."""
    page.get_by_role("link", name="Connect a host").first.click()
    page.get_by_role("link", name="Connect Gitea or Forgejo").click()
    page.get_by_label("Name").fill("Our Gitea")
    page.get_by_label("Address", exact=False).first.fill(place.world.host.url)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Token").fill(place.world.token)
    page.get_by_role("button", name="Connect").click()


def test_from_no_host_to_a_green_run(place: Place, enter: Callable[..., Page]) -> None:
    page = enter("/git")
    connect(page, place)

    # What is chosen stays chosen while the list is searched.
    page.get_by_role("checkbox", name="acme/widgets").check()
    with page.expect_response(re.compile("search=nothing")):
        page.get_by_placeholder("Name or description").fill("nothing")
    expect(page.get_by_text("No repository matches")).to_be_visible()
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("1 of 1 done")).to_be_visible()
    expect(page.get_by_text("Finished")).to_be_visible()

    page.get_by_role("button", name="Set up the webhook").click()
    expect(page.get_by_text("Next: attach a pipeline")).to_be_visible()
    page.get_by_role("link", name="Attach a pipeline").click()
    page.get_by_role("link", name="New pipeline").click()
    expect(page.get_by_role("combobox", name="Repository")).not_to_have_value("")
    write(page, PIPELINE)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is saved.")).to_be_visible()

    place.world.state.push_file(
        place.world.widgets, "main", "notes.txt", "hello\n", message="Greet"
    )
    row = page.locator("[data-run]", has_text="Greet")

    def is_shown() -> bool:
        page.goto("/runs")
        return row.count() == 1

    wait_until(is_shown, 30, "the push started a run")
    expect(row.locator(".chip")).to_have_attribute("data-status", "success", timeout=30_000)


def test_the_filter_shows_at_once_which_branches_pass(enter: Callable[..., Page]) -> None:
    page = enter("/git/repositories")
    page.get_by_role("link", name="acme/widgets").click()
    passing = page.locator("[data-branch][data-status=success]")
    everything = passing.count()

    page.get_by_label("Branches").select_option("wildcard")
    page.get_by_label("Pattern").fill("release/*")
    expect(passing).to_have_count(1)
    page.get_by_label("Branches").select_option("regex")
    page.get_by_label("Pattern").fill("(")
    expect(passing).to_have_count(0)
    expect(page.get_by_text("This is no regular expression")).to_be_visible()
    page.get_by_label("Branches").select_option("none")
    expect(passing).to_have_count(everything)


def test_what_destroys_says_what_goes_and_asks_first(enter: Callable[..., Page]) -> None:
    page = enter("/git")
    page.get_by_label("More for Our Gitea", exact=True).click()
    page.get_by_role("button", name="Remove…").click()
    dialog = page.get_by_role("dialog", name="Remove Our Gitea?")
    expect(dialog.get_by_text("1 credential")).to_be_visible()
    button = dialog.get_by_role("button", name="Remove the host")
    expect(button).to_be_disabled()
    dialog.get_by_label("Type Our Gitea to confirm").fill("Our Gitea")
    expect(button).to_be_enabled()
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()


def test_no_page_of_a_host_spills_or_pales(place: Place, enter: Callable[..., Page]) -> None:
    widgets = place.world.widgets
    long = "".join(f"line {number} {'x' * 200}\n" for number in range(40))
    place.world.state.push_file(widgets, "a/" + "long-branch-name/" * 6 + "end", "l.txt", long)
    title = "A title that is " + "very " * 30 + "long"
    place.world.state.talk.open_pull(widgets, "feature", title=title)
    found: dict[str, object] = {}
    for width, scheme in ((360, "dark"), (360, "light"), (800, "light"), (1440, "dark")):
        page = enter("/git/repositories", width=width, color_scheme=scheme)
        mirror = page.get_by_role("link", name="acme/widgets").get_attribute("href") or ""
        page.goto(mirror + "/code")
        commit = page.locator(".code-layout .row-link").last.get_attribute("href") or ""
        page.goto("/git/import")
        chosen = page.url.removeprefix(place.url)
        page.goto("/git")
        connect = page.get_by_role("link", name="Add", exact=True).get_attribute("href") or ""
        paths = (
            "/git", "/git/connect", "/git/connect/github", connect, connect + "?way=oauth",
            connect + "?way=ssh", chosen, chosen.removesuffix("/import"), "/git/repositories",
            connect.removesuffix("/connect"), mirror, mirror + "/code", mirror + "/pulls", commit,
        )  # fmt: skip
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            problems = [*page.evaluate(SPILLS), *page.evaluate(FAINT)]
            if problems:
                found[f"{path} {width} {scheme}"] = problems
    assert found == {}
