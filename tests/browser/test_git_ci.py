"""The hosts' own CI in the browser: live logs, retries, and every page at every width."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.model import Run
from tests.browser.conftest import Watch, sign_in
from tests.browser.test_look import FAINT, SPILLS
from tests.e2e.test_git_hosts import Platform
from tests.gitintegration.hosts.rig import World, load, world_of
from tests.stack import ROOT, running

PASSWORD = "correct horse battery 9"
# Hosts tell the run's number at once, or later by a delivery.
STARTED = re.compile("The host (started it|took it)")
LOG = "".join(f"\x1b[32mline {number}\x1b[0m of the build\n" for number in range(1, 700))


@dataclass(frozen=True)
class Place:
    """A platform with a connected Gitea that executes runs."""

    platform: Platform
    world: World
    email: str
    mirror: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.platform.stack.port}"

    def start(self, name: str, *jobs: str) -> Run:
        """A run that is under way at the host, and known here with its jobs."""
        ci, widgets = self.world.state.ci, self.world.widgets
        run = ci.start_run(widgets, jobs=jobs, name=name)
        ci.advance_run(widgets, run)
        self.platform.until(lambda: self.find(name), lambda row: row.get("total_jobs") == len(jobs))
        return run

    def find(self, name: str) -> dict[str, Any]:
        rows = self.platform.call("GET", "git/pipelines")["results"]
        return next((row for row in rows if row["name"] == name), {})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    forget_hosts()
    rig = load("tests.gitintegration.hosts.gitea_rig")
    folder = tmp_path_factory.mktemp("ci")
    environment = {"POWERNODE_EGRESS_ALLOW": "127.0.0.1"}
    with world_of(rig, folder / "host") as world, running(folder / "us", environment) as stack:
        email = stack.sql("SELECT email FROM devops_user")[0][0]
        subprocess.run(
            [sys.executable, "-m", "powernode", "user", "password", email, "--password-stdin"],
            cwd=ROOT, env=stack.environment, check=True, capture_output=True, timeout=60,
            input=PASSWORD, text=True,
        )  # fmt: skip
        platform = Platform(stack)
        yield Place(platform, world, email, platform.connect(world))


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


def test_a_job_is_watched_from_its_first_line_to_its_end(
    place: Place, enter: Callable[..., Page]
) -> None:
    ci = place.world.state.ci
    run = place.start("Watched", "build")
    ci.append_log(run.jobs[0], LOG)
    page = enter("/ci?source=hosts")
    page.get_by_role("link", name="Watched").click()
    expect(page.get_by_text("line 699 of the build")).to_be_visible()
    expect(page.locator("[data-log-state]")).to_have_attribute("data-state", "live")

    ci.append_log(run.jobs[0], "zuletzt: Grüße\n")
    expect(page.get_by_text("zuletzt: Grüße")).to_be_visible()
    ci.advance_run(place.world.widgets, run)
    expect(page.locator("#ci-head .chip")).to_have_attribute("data-status", "success")
    expect(page.locator("[data-log-state]")).to_have_attribute("data-state", "complete")
    expect(page.locator("[data-log-total]")).to_contain_text("700 lines")

    page.get_by_label("Search the log").fill("line 34 of")
    expect(page.locator("[data-log-hits]")).to_have_text("1/1")
    expect(page.get_by_text("line 34 of the build")).to_be_visible()
    with page.expect_download() as fetched:
        page.get_by_label("Download the raw log").click()
    assert fetched.value.path().read_text() == LOG + "zuletzt: Grüße\n"


def test_a_failed_job_opens_where_it_fails_and_runs_again(
    place: Place, enter: Callable[..., Page]
) -> None:
    ci, widgets = place.world.state.ci, place.world.widgets
    run = place.start("Broken", "lint", "unit")
    ci.append_log(run.jobs[1], LOG[:2000] + "\nFAILED tests/test_cart.py\n" + LOG)
    ci.set_job(widgets, run, run.jobs[0], "completed", "success")
    ci.advance_run(widgets, run, "failure")
    place.platform.until(lambda: place.find("Broken"), lambda row: row.get("failed_jobs") == 1)
    page = enter(f"/ci/{place.find('Broken')['id']}")
    expect(page.locator("[data-log-title]")).to_have_text("unit")
    expect(page.locator("[data-log-state]")).to_have_attribute("data-state", "complete")

    page.reload()
    expect(page.get_by_text("FAILED tests/test_cart.py")).to_be_in_viewport()
    page.keyboard.press("r")
    expect(page.locator("#ci-head .chip")).not_to_have_attribute("data-status", "failure")


def test_rows_of_the_list_follow_the_host(place: Place, enter: Callable[..., Page]) -> None:
    page = enter("/ci?source=hosts")
    expect(page.locator("[data-live-dot]").first).to_have_attribute("data-state", "live")

    run = place.start("Followed", "build")
    row = page.locator("[data-row]", has_text="Followed")
    expect(row.locator(".chip")).to_have_attribute("data-status", "running")
    place.world.state.ci.advance_run(place.world.widgets, run)
    expect(row.locator(".chip")).to_have_attribute("data-status", "success")


def test_a_workflow_is_started_by_hand(
    place: Place, enter: Callable[..., Page], watch: Watch
) -> None:
    watch.forgive("status of 422")
    place.world.state.ci.add_workflow(place.world.widgets, ".gitea/workflows/deploy.yml", "Deploy")
    page = enter("/ci")
    page.get_by_role("link", name="Start a workflow").first.click()
    page.get_by_label("Repository").select_option(label="acme/widgets")
    page.get_by_label("Workflow").select_option(label="Deploy (.gitea/workflows/deploy.yml)")
    page.get_by_label("Inputs").fill("where")
    page.get_by_role("button", name="Start it").click()
    expect(page.get_by_text("Line 1 is not of the form name=value.")).to_be_visible()
    page.get_by_label("Inputs").fill("where=shop")
    page.get_by_role("button", name="Start it").click()

    expect(page.get_by_text(STARTED)).to_be_visible()
    started = max(place.world.widgets.runs.values(), key=lambda run: run.id)
    assert started.inputs == {"where": "shop"}


def test_the_first_runner_gets_its_token_once(place: Place, enter: Callable[..., Page]) -> None:
    page = enter("/ci/runners")
    page.get_by_role("link", name="Register a runner").first.click()
    page.get_by_label("Takes jobs of").select_option("organization")
    expect(page.get_by_label("Repository", exact=True)).to_be_hidden()
    page.get_by_label("Takes jobs of").select_option("repository")
    page.get_by_label("Repository", exact=True).select_option(label="acme/widgets")
    page.get_by_role("button", name="Get the token").click()
    token = page.locator(".show-once code").first.inner_text()
    assert token

    page.goto("/ci/runners/register")
    expect(page.get_by_text(token)).to_have_count(0)


def test_no_page_of_ci_spills_or_pales(place: Place, enter: Callable[..., Page]) -> None:
    call, mirror = place.platform.call, place.mirror["id"]
    place.world.state.ci.add_runner(
        ("repository", place.world.name), "runner-" + "x" * 60, ["label-" + "y" * 60, "linux"]
    )
    call("POST", "git/runners/sync", {})
    run = place.start("A run whose name is " + "very " * 30 + "long", "job " + "z" * 80)
    place.world.state.ci.append_log(run.jobs[0], LOG)
    schedule = call("POST", f"git/repositories/{mirror}/schedules", {
        "name": "Every so often and then " * 3, "cron_expression": "*/15 8-18 1,15 6-8 1-5",
        "workflow_file": "a-workflow-with-a-very-long-name-indeed.yml",
    })  # fmt: skip
    receiver = call("POST", "git/account_webhooks", {
        "name": "Receiver", "url": place.world.host.url + "/long" * 40, "retry_limit": 0,
    })  # fmt: skip
    rule = call("POST", "git/workflow_triggers", {
        "name": "Rule", "event_type": "push",
        "target": {"kind": "webhook", "url": place.world.host.url + "/long" * 20},
    })  # fmt: skip
    call("POST", f"git/account_webhooks/{receiver['id']}/test", {})
    runner = call("GET", "git/runners")["results"][0]["id"]
    event = call("GET", "git/webhook_events")["results"][0]["id"]
    shown = call("GET", "git/pipelines")["results"][0]["id"]
    paths = (
        "/ci", f"/ci/{shown}", f"/ci/trigger?repository={mirror}", "/ci/runners",
        f"/ci/runners/{runner}", "/ci/runners/register", "/ci/schedules", "/ci/schedules/new",
        f"/ci/schedules/{schedule['id']}", "/ci/approvals", "/ci/approvals?tab=past",
        "/webhooks", f"/webhooks/{event}", "/webhooks/receivers", "/webhooks/receivers/new",
        f"/webhooks/receivers/{receiver['id']}", f"/webhooks/receivers/{receiver['id']}/edit",
        "/webhooks/triggers", "/webhooks/triggers/new", f"/webhooks/triggers/{rule['id']}",
    )  # fmt: skip
    found: dict[str, object] = {}
    for width, scheme in ((360, "dark"), (360, "light"), (800, "light"), (1440, "dark")):
        page = enter("/ci", width=width, color_scheme=scheme)
        for path in paths:
            answer = page.goto(path)
            assert answer is not None
            assert answer.status == 200, path
            problems = [*page.evaluate(SPILLS), *page.evaluate(FAINT)]
            if problems:
                found[f"{path} {width} {scheme}"] = problems
    assert found == {}
