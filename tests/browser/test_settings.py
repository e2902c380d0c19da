"""Settings: the person, the account, tokens, secrets, audit; the theme and a second account."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, sign_in
from tests.browser.site import Site

Visit = Callable[..., Page]


def asks_as(site: Site, token: str) -> int:
    """The status that the API answers to a token."""
    request = urllib.request.Request(  # noqa: S310  (our own loopback address)
        f"{site.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_profile_is_saved(visit: Visit) -> None:
    page = visit("/settings")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.get_by_label("Time zone").select_option("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Time zone")).to_have_value("")


def test_the_account_is_renamed(visit: Visit) -> None:
    page = visit("/settings/account")
    page.get_by_label("Name").fill("Tea shop")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Account Tea shop, switch")).to_be_visible()
    page.get_by_label("Name").fill("Demo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Account Demo, switch")).to_be_visible()


def test_a_token_is_shown_once_works_and_is_revoked(site: Site, visit: Visit) -> None:
    page = visit("/settings/tokens")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog", name="New API token")
    dialog.get_by_label("Name").fill("script")
    dialog.get_by_role("button", name="Make the token").click()
    token = page.locator(".show-once code").inner_text()
    assert token.startswith("pn_")
    assert asks_as(site, token) == 200
    page.goto("/settings/tokens")
    expect(page.get_by_text(token)).to_have_count(0)
    row = page.locator("tbody tr", has_text="script")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_text("The token no longer works.")).to_be_visible()
    assert asks_as(site, token) == 401


def test_a_secret_is_kept_rotated_and_forgotten_but_never_shown(visit: Visit, watch: Watch) -> None:
    page = visit("/settings/secrets")
    page.get_by_role("button", name="New secret").first.click()
    dialog = page.get_by_role("dialog", name="New secret")
    dialog.get_by_label("Name").fill("PYPI_TOKEN")
    dialog.get_by_label("Value").fill("short")
    watch.forgive("status of 4")
    dialog.get_by_role("button", name="Keep the secret").click()
    expect(dialog.locator(".has-error")).to_contain_text("at least 8 characters")
    dialog.get_by_label("Value").fill("first-value-of-it")
    dialog.get_by_role("button", name="Keep the secret").click()
    expect(page.get_by_text("PYPI_TOKEN is kept.")).to_be_visible()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_label("New value").fill("second-value-of-it")
    page.get_by_role("button", name="Rotate").click()
    expect(page.get_by_text("PYPI_TOKEN has a new value.")).to_be_visible()
    assert "value-of-it" not in page.content()
    row = page.locator("tbody tr", has_text="PYPI_TOKEN")
    expect(row).to_contain_text("2")
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    row.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete the secret").click()
    expect(page.get_by_text("PYPI_TOKEN is forgotten.")).to_be_visible()
    page.goto("/settings/audit")
    expect(page.get_by_text("devops.secret_reference.rotate").first).to_be_visible()
    page.get_by_label("Action", exact=True).fill("account.update")
    page.get_by_label("Action", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("action=account.update"))


def test_an_invitation_is_taken_back(visit: Visit) -> None:
    page = visit("/settings/invitations")
    page.get_by_label("E-mail address").fill("dora@example.com")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text("sent by mail")).to_be_visible()
    row = page.locator("li", has_text="dora@example.com")
    row.get_by_role("button", name="Take back").click()
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(row).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_it_is_chosen(visit: Visit, scheme: str) -> None:
    page = visit("/", color_scheme=scheme)
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", scheme)
    other = "light" if scheme == "dark" else "dark"
    page.get_by_label("Theme").click()
    page.get_by_role("button", name=other.capitalize(), exact=True).click()
    expect(root).to_have_attribute("data-bs-theme", other)
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", other)


EMPTY = {
    "/runs": "No runs yet",
    "/pipelines": "No pipelines yet",
    "/repositories": "No repositories yet",
    "/webhooks": "Nothing arrived yet",
    "/settings/secrets": "No secrets",
    "/settings/tokens": "No tokens",
}


def test_an_empty_account_says_how_to_begin_and_accounts_are_switched(
    site: Site, visit: Visit
) -> None:
    made = site.platform.json("user", "create", "eve@example.com", "--account", "Empty")
    eve = visit("/accounts/login/", is_anonymous=True)
    sign_in(eve, "eve@example.com", made["password"])
    expect(eve.get_by_role("heading", name="To the first green run")).to_be_visible()
    for path, words in EMPTY.items():
        eve.goto(path)
        expect(eve.get_by_role("heading", name=words)).to_be_visible()
    eve.goto("/settings/invitations")
    eve.get_by_label("E-mail address").fill(site.facts["email"])
    eve.get_by_role("button", name="Send the invitation").click()
    page = visit(eve.locator(".show-once code").inner_text())
    page.get_by_role("button", name="Join as").click()
    expect(page.get_by_label("Account Empty, switch")).to_be_visible()
    page.get_by_label("Account Empty, switch").click()
    page.get_by_role("button", name="Demo").click()
    expect(page.get_by_label("Account Demo, switch")).to_be_visible()
