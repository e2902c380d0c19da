"""Coming in, going out, being invited, and the pages for what is not there."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watch, sign_in
from tests.browser.site import Site

Visit = Callable[..., Page]
PASSWORD = "correct-horse-battery"


def test_a_page_asks_to_sign_in_and_then_shows_itself(site: Site, visit: Visit) -> None:
    page = visit("/runs?status=success", is_anonymous=True)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill(site.facts["email"])
    page.get_by_label("Password").fill(site.facts["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/runs\?status=success$"))


def test_a_wrong_password_says_so_and_keeps_the_address(visit: Visit) -> None:
    page = visit("/accounts/login/", is_anonymous=True)
    page.get_by_label("Email").fill("nobody@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    expect(page.get_by_label("Email")).to_have_value("nobody@example.com")


def test_signing_out_ends_the_session(site: Site, visit: Visit) -> None:
    page = visit("/accounts/login/", is_anonymous=True)
    sign_in(page, site.facts["email"], site.facts["password"])
    page.get_by_label("Operator").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def invite(owner: Page, email: str) -> str:
    """Invite somebody as a viewer; returns the link that the page shows once."""
    owner.goto("/settings/invitations")
    owner.get_by_label("E-mail address").fill(email)
    owner.get_by_label("Role").select_option("viewer")
    owner.get_by_role("button", name="Send the invitation").click()
    return owner.locator(".show-once code").inner_text()


def join(guest: Page, email: str) -> None:
    """From the invitation's page to the account, by way of the sign-up."""
    expect(guest.get_by_role("heading", name="Join Demo")).to_be_visible()
    guest.get_by_role("link", name="Create a login").click()
    guest.get_by_label("Email").fill(email)
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.get_by_label("Password (again)").fill(PASSWORD)
    guest.get_by_role("button", name="Create the login").click()
    # Opening the link again and again changes nothing: only the button joins.
    expect(guest.get_by_role("heading", name="Join Demo")).to_be_visible()
    guest.get_by_role("button", name=f"Join as {email}").click()
    expect(guest.get_by_text("Welcome to Demo.")).to_be_visible()
    expect(guest.get_by_label("Account Demo, switch")).to_be_visible()


def test_an_invited_person_signs_up_joins_by_a_press_and_can_be_removed(
    visit: Visit, watch: Watch
) -> None:
    owner = visit()
    link = invite(owner, "bea@example.com")
    guest = visit(link, is_anonymous=True)
    join(guest, "bea@example.com")
    watch.forgive("status of 410")
    guest.goto(link)
    expect(guest.get_by_role("heading", name="no longer works")).to_be_visible()

    owner.goto("/settings/members")
    owner.get_by_role("button", name="Remove bea@example.com").click()
    owner.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(owner.get_by_text("is no longer a member")).to_be_visible()
    watch.forgive("status of 403")
    guest.goto("/")
    expect(guest.get_by_role("heading", name="You belong to no account yet")).to_be_visible()


def test_a_viewer_reads_everything_and_is_offered_nothing_that_is_refused(
    visit: Visit, watch: Watch
) -> None:
    guest = visit(invite(visit(), "cleo@example.com"), is_anonymous=True)
    join(guest, "cleo@example.com")
    for path in ("/", "/runs", "/pipelines", "/repositories", "/workers", "/webhooks"):
        answer = guest.goto(path)
        assert answer is not None
        assert answer.status == 200, path
    guest.goto("/settings/profile")
    links = guest.locator(".settings-nav a")
    for path in [link.get_attribute("href") or "" for link in links.all()]:
        answer = guest.goto(path)
        assert answer is not None
        assert answer.status == 200, path
    guest.goto("/repositories")
    guest.get_by_role("link", name="demo/shop").click()
    expect(guest.get_by_role("heading", name="demo/shop")).to_be_visible()
    expect(guest.get_by_role("button", name="Look for pushes")).to_have_count(0)
    guest.goto("/pipelines/shop-ci")
    expect(guest.get_by_role("button", name="Run", exact=True)).to_have_count(0)
    watch.forgive("status of 403")
    answer = guest.goto("/pipelines/new")
    assert answer is not None
    assert answer.status == 403
    expect(guest.get_by_text("lacks the permission")).to_be_visible()


@pytest.mark.parametrize("path", ["/nothing/here", "/runs/00000000-0000-7000-8000-000000000000"])
def test_what_is_not_there_says_so(visit: Visit, watch: Watch, path: str) -> None:
    watch.forgive("status of 404")
    page = visit(path)
    expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()
    page.get_by_role("link", name="Go to the overview").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_the_administration_loads_within_its_policy(visit: Visit) -> None:
    page = visit("/admin/")
    expect(page.get_by_role("link", name="Users").first).to_be_visible()
    page.goto("/admin/devops/user/")
    expect(page.get_by_text("operator@powernode.localhost").first).to_be_visible()
