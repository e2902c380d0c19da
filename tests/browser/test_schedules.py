"""A schedule that a person sets, and the real clock process that fires it."""

import contextlib
import re
import sqlite3
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site
from tests.e2e.platform_process import wait_until


def _make_due(site: Site, name: str) -> None:
    """Nobody waits for the next hour: its time is set to now."""
    path = site.platform.var / "powernode.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute(
            "UPDATE pipelines_schedule SET next_fire_at=strftime('%Y-%m-%d %H:%M:%f', 'now'),"
            " next_run_at=strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE name=?", (name,),
        )  # fmt: skip


def test_a_schedule_is_set_in_the_browser_and_fired_by_the_clock_process(
    site: Site, visit: Callable[..., Page], watch: Watch
) -> None:
    # The refused form.
    watch.forgive("400")
    pipeline = site.pipeline("Clockwork", "echo tick")
    page = visit(f"/pipelines/{pipeline['slug']}?tab=schedules")
    page.get_by_role("link", name="New schedule").click()
    page.get_by_label("Name").fill("Every hour")
    page.get_by_label("Times (cron)").fill("0 * * * * *")
    page.get_by_role("button", name="Set the schedule").click()
    expect(page.get_by_text("Six fields would be seconds")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Every hour")

    page.get_by_label("Times (cron)").fill("@hourly")
    page.get_by_role("button", name="Set the schedule").click()
    expect(page.get_by_role("heading", name="Every hour")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\w{3} \d\d \w{3} \d\d:00 UTC$"))).to_have_count(10)

    _make_due(site, "Every hour")
    (made,) = site.api("GET", f"/devops/schedules?pipeline_id={pipeline['id']}")["results"]
    path = f"/devops/schedules/{made['id']}"
    wait_until(lambda: bool(site.api("GET", path)["recent_fires"]), 30, "the time is fired")
    fired = site.api("GET", path)
    assert [fire["outcome"] for fire in fired["recent_fires"]] == ["started"]
    assert fired["lateness"]["count"] == 1
    assert site.finish({"id": fired["recent_fires"][0]["run_id"]})["status"] == "success"
    page.reload()
    expect(page.get_by_role("link", name="#1")).to_be_visible()
