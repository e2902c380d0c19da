"""Docker hosts in a browser: addresses that an account may not give, and what was typed."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch
from tests.browser.site import Site

Visit = Callable[..., Page]


def test_a_refused_address_says_why_and_keeps_what_was_typed(
    site: Site, visit: Visit, watch: Watch
) -> None:
    watch.forgive(r"status of 40[03]")
    page = visit("/docker")
    page.get_by_role("link", name="Connect a host").first.click()
    page.get_by_label("Name").fill("builder")
    page.get_by_label("Address of the Engine").fill("unix:///var/run/docker.sock")
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("is root on the platform's machine")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("builder")

    page.get_by_label("Address of the Engine").fill(site.url.replace("http:", "https:"))
    page.get_by_role("button", name="Connect").click()
    expect(page.get_by_text("Address is not allowed").first).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("builder")
