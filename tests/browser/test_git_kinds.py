"""GitHub, GitLab and Bitbucket in the browser: consent, held runs, every page at every width."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.model import Run
from tests.browser.conftest import Watch, sign_in
from tests.browser.test_look import FAINT, SPILLS
from tests.e2e.platform_process import wait_until
from tests.e2e.test_git_hosts import Platform
from tests.gitintegration.hosts.rig import World, load, world_of
from tests.gitintegration.operations.oauth_host import (
    CLIENT_ID,
    CLIENT_SECRET,
    Grants,
    with_oauth,
)
from tests.stack import ROOT, running

PASSWORD = "correct horse battery 9"
KINDS = ("github", "gitlab", "bitbucket")


@dataclass(frozen=True)
class Place:
    """One platform with a host of every kind; each holds a repository of its own name."""

    platform: Platform
    worlds: dict[str, World]
    mirrors: dict[str, dict[str, Any]]
    grants: Grants
    email: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.platform.stack.port}"

    def hold(self, kind: str, name: str) -> Run:
        """A run at the host that waits for a person, known here as an open question."""
        world = self.worlds[kind]
        run = world.state.ci.start_run(world.widgets, jobs=("deploy",), name=name)
        world.state.ci.hold_run(world.widgets, run)
        self.platform.until(
            lambda: self.platform.call("GET", "git/pipeline_approvals/pending")["results"],
            lambda rows: any(row["pipeline_name"] == name for row in rows),
        )
        return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    forget_hosts()
    folder = tmp_path_factory.mktemp("kinds")
    environment = {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"}
    grants = Grants()
    grants.holds.set()
    with ExitStack() as stack:
        worlds: dict[str, World] = {}
        for kind in KINDS:
            rig = load(f"tests.gitintegration.hosts.{kind}_rig")
            granting = dataclasses.replace(rig, create_app=with_oauth(rig.create_app, grants))
            world = stack.enter_context(world_of(granting, folder / kind))
            world.state.rename(world.widgets, f"acme/{kind}-widgets")
            worlds[kind] = world
        us = stack.enter_context(running(folder / "us", environment))
        email = us.sql("SELECT email FROM devops_user")[0][0]
        subprocess.run(
            [sys.executable, "-m", "powernode", "user", "password", email, "--password-stdin"],
            cwd=ROOT, env=us.environment, check=True, capture_output=True, timeout=60,
            input=PASSWORD, text=True,
        )  # fmt: skip
        platform = Platform(us)
        mirrors = {kind: platform.connect(world) for kind, world in worlds.items()}
        yield Place(platform, worlds, mirrors, grants, email)


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
        sign_in(page, place.email, PASSWORD)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_run_that_waits_at_its_host_goes_on_when_a_person_agrees_here(
    place: Place, enter: Callable[..., Page], kind: str
) -> None:
    run = place.hold(kind, f"Release of {kind}")
    page = enter("/ci/approvals")
    row = page.locator("[data-row]", has_text=run.name)
    row.get_by_role("button", name="Approve").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Comment").fill("Looks right")
    dialog.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("is approved.")).to_be_visible()

    def goes_on() -> bool:
        return run.conclusion == "" and {job.conclusion for job in run.jobs} == {""}

    wait_until(goes_on, 30, f"{kind} was told to go on")
    page.goto("/ci/approvals?tab=past")
    expect(page.get_by_text("Looks right").first).to_be_visible()
    # Told once: it does not wait any more, so a second answer would be refused.
    asked = [seen for seen in place.worlds[kind].host.requests if seen.method == "POST"]
    told = [seen for seen in asked if seen.path.endswith(("/approve", "/play"))]
    assert [seen.status for seen in told] == [201 if kind == "github" else 200]


def test_a_run_that_a_person_stops_here_stays_where_it_is(
    place: Place, enter: Callable[..., Page]
) -> None:
    run = place.hold("gitlab", "Release that nobody wants")
    page = enter("/ci/approvals")
    page.locator("[data-row]", has_text=run.name).get_by_role("button", name="Reject").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Reason").fill("Not on a Friday")
    dialog.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("is rejected.")).to_be_visible()
    writes = "SELECT count(*) FROM gitintegration_hostwrite WHERE status='pending'"
    stack = place.platform.stack
    stack.wait(lambda: stack.sql(writes) == [[0]])
    assert run.conclusion in {"cancelled", "action_required"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_connects_by_consent_at_the_host(
    place: Place, enter: Callable[..., Page], watch: Watch, kind: str
) -> None:
    world = place.worlds[kind]
    label = {"github": "GitHub", "gitlab": "GitLab", "bitbucket": "Bitbucket Cloud"}[kind]
    # The fake's page brings no icon.
    watch.forgive("favicon")
    page = enter(f"/git/connect/{kind}")
    page.get_by_label("Name").fill(f"{label} by consent")
    page.get_by_label("Address", exact=False).first.fill(world.host.url)
    page.get_by_label("API address").fill(world.host.url + world.rig.api_path)
    page.get_by_role("button", name="Continue", exact=True).click()
    page.get_by_role("link", name="OAuth").click()
    page.get_by_label("Client id").fill(CLIENT_ID)
    page.get_by_label("Client secret").fill(CLIENT_SECRET)
    page.get_by_role("button", name="Save the application").click()

    page.get_by_role("button", name="Continue at the host").click()
    page.get_by_role("link", name="Go to the host").click()
    page.get_by_role("link", name="Refuse").click()
    expect(page.get_by_text("did not agree: They said no.")).to_be_visible()

    page.get_by_role("button", name="Continue at the host").click()
    page.get_by_role("link", name="Go to the host").click()
    yes = page.get_by_role("link", name="Authorize")
    used = yes.get_attribute("href") or ""
    yes.click()
    expect(page.get_by_text("knows you as @ada")).to_be_visible()
    expect(page.get_by_role("checkbox", name=world.name)).to_be_attached()
    page.goto(used)
    expect(page.get_by_text("The state of this authorisation is not valid.")).to_be_visible()
    expect(page.get_by_text("Start the connection again")).to_be_visible()


def test_no_page_of_these_hosts_spills_or_pales(place: Place, enter: Callable[..., Page]) -> None:
    paths = ["/git", *(f"/git/connect/{kind}" for kind in KINDS)]
    for kind in KINDS:
        world, mirror = place.worlds[kind], place.mirrors[kind]
        title = "A title that is " + "very " * 30 + "long"
        world.state.talk.open_pull(world.widgets, "feature", title=title)
        name = f"A run of {kind} whose name is " + "very " * 20 + "long"
        run = world.state.ci.start_run(world.widgets, jobs=("job " + "z" * 60,), name=name)
        world.state.ci.advance_run(world.widgets, run)
        known = place.platform.until(
            lambda: place.platform.call("GET", f"git/pipelines?repository_id={mirror['id']}"),  # noqa: B023
            lambda found: found["results"] and found["results"][0]["total_jobs"],
        )["results"][0]
        base = f"/git/repositories/{mirror['id']}"
        sha = world.widgets.store.branches()["feature"]
        credential = f"/git/credentials/{mirror['credential_id']}"
        paths += [
            base, f"{base}/code", f"{base}/pulls", f"{base}/commits/{sha}", credential,
            f"{credential}/import", f"/ci/{known['id']}", f"/ci/trigger?repository={mirror['id']}",
        ]  # fmt: skip
    found: dict[str, object] = {}
    for width, scheme in ((360, "dark"), (1440, "light")):
        page = enter("/git", width=width, color_scheme=scheme)
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            problems = [*page.evaluate(SPILLS), *page.evaluate(FAINT)]
            if problems:
                found[f"{path} {width} {scheme}"] = problems
    assert found == {}
