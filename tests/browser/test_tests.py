"""A flaky test is found, put aside and released; an artifact is pinned."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site

# Fails on even runs; the run has no commit, so each is one of its own.
COMMAND = """\
case "$POWERNODE_RUN_NUMBER" in *[02468]) bad='<failure message="the clock was late"/>';; esac
cat > r.xml <<EOF
<testsuite name="shop"><testcase classname="shop.test_cart" name="test_total" time="0.1"/>
<testcase classname="shop.test_cart" name="test_shaky" time="1.2">${bad:-}</testcase></testsuite>
EOF
test -z "${bad:-}"
"""
RUNS = 4


@pytest.fixture(scope="module")
def flaky(site: Site) -> dict[str, Any]:
    """A pipeline that ran four times, one test of it failing every other time."""
    steps = [
        {
            "name": "Tests", "key": "tests", "step_type": "run_tests",
            "configuration": {"command": COMMAND, "report": "r.xml"}, "continue_on_error": True,
        },
        {
            "name": "Keep", "key": "keep", "step_type": "upload_artifact",
            "configuration": {"name": "report", "path": "."},
        },
    ]  # fmt: skip
    body = {"name": "Flaky shop", "triggers": {"manual": {}}, "steps": steps}
    pipeline: dict[str, Any] = site.api("POST", "/devops/pipelines", body)
    for _ in range(RUNS):
        site.finish(site.trigger(pipeline))
    return pipeline


def test_a_flaky_test_is_put_aside_and_forgiven(
    visit: Callable[..., Page], site: Site, flaky: dict[str, Any]
) -> None:
    page = visit(f"/pipelines/{flaky['slug']}/tests")
    expect(page.get_by_role("img", name="Last results: 2 passed, 2 failed")).to_be_visible()
    page.get_by_label("State").select_option("flaky")
    expect(page.get_by_role("link", name="test_total")).to_be_hidden()
    page.get_by_role("link", name="test_shaky").click()

    page.get_by_label("Reason").fill("The clock; see #42.")
    page.get_by_role("button", name="Put into quarantine").click()
    expect(page.get_by_text("In quarantine", exact=True)).to_be_visible()

    run: dict[str, Any] = {}
    for _ in range(2):
        run = site.finish(site.trigger(flaky))
    tests = next(step for step in run["step_executions"] if step["step_key"] == "tests")
    assert (tests["status"], tests["outputs"]["quarantined"]) == ("success", 1)
    page.goto(f"/runs/{run['id']}?tab=tests")
    expect(page.get_by_text("of them in quarantine")).to_be_visible()
    expect(page.get_by_text("1 warning")).to_be_visible()
    page.get_by_role("link", name="Its history").click()
    page.get_by_role("button", name="Release").click()
    page.locator("dialog[open]").get_by_role("button", name="Release").click()
    expect(page.get_by_text("test_shaky is released")).to_be_visible()


def test_the_command_line_lists_the_same(site: Site, flaky: dict[str, Any]) -> None:
    rows = site.platform.json("tests", flaky["slug"], "--state", "flaky")
    assert [row["name"] for row in rows] == ["test_shaky"]
    told = site.platform.command("tests", flaky["slug"], "--order", "duration")
    assert "\ttest_shaky\tshop.test_cart\t" in told.stdout
    assert site.platform.command("tests", flaky["slug"], "--state", "odd").returncode != 0


def test_an_artifact_is_pinned_looked_into_and_fetched(
    visit: Callable[..., Page], site: Site, flaky: dict[str, Any]
) -> None:
    run = site.api("GET", f"/devops/pipelines/{flaky['id']}/runs?limit=1")["results"][0]
    page = visit(f"/runs/{run['id']}?tab=artifacts")
    page.get_by_role("button", name="Pin").click()
    expect(page.get_by_role("button", name="Unpin")).to_be_visible()
    page.get_by_role("link", name="1 file").click()
    expect(page.get_by_role("cell", name="r.xml")).to_be_visible()
    with page.expect_download() as fetched:
        page.get_by_role("link", name="Download").click()
    assert fetched.value.suggested_filename == "report.tar.gz"
    page.get_by_role("button", name="Unpin").click()
    expect(page.get_by_role("button", name="Pin")).to_be_visible()
