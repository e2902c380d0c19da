"""One platform and one browser for all tests; every page is watched for errors."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser.site import Site
from tests.e2e.platform_process import platform, wait_until

expect.set_options(timeout=15_000)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs the browser and the real platform."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.chromium)
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`powernode up --demo` on an empty folder, its first push performed."""
    with platform(tmp_path_factory.mktemp("site")) as made:
        made.start("--demo")
        wait_until(lambda: "Your turn:" in made.output, 60, f"the first run: {made.output}")
        yield Site(made)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The machine's Chromium; none is downloaded."""
    return {"executable_path": "/usr/bin/chromium", "args": FLAGS}


@pytest.fixture(scope="session")
def signed_in(browser: Browser, site: Site) -> Any:
    """The operator's session, as cookies that any context can take."""
    context = browser.new_context(base_url=site.url)
    page = context.new_page()
    sign_in(page, site.facts["email"], site.facts["password"])
    state = context.storage_state()
    context.close()
    return state


def sign_in(page: Page, email: str, password: str) -> None:
    """Through the form, as a person does."""
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


class Watch:
    """What went wrong in a page without anybody seeing it."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._forgiven: list[re.Pattern[str]] = []

    def forgive(self, pattern: str) -> None:
        """Expect problems of this kind: a refusal that the test is about."""
        self._forgiven.append(re.compile(pattern))

    def follow(self, page: Page) -> None:
        """Collect the page's errors, its refused requests, and what its policy blocked."""
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._heard(page, message))

    def _heard(self, page: Page, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self.problems.append(f"{page.url}: {message.text} ({place})")

    @property
    def unexpected(self) -> list[str]:
        return [
            text
            for text in self.problems
            if not any(pattern.search(text) for pattern in self._forgiven)
        ]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test when a page of it told of an error that nobody forgave."""
    made = Watch()
    yield made
    assert made.unexpected == []


@pytest.fixture
def visit(
    browser: Browser, site: Site, signed_in: Any, watch: Watch
) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser of its own: signed in unless told otherwise."""
    contexts: list[BrowserContext] = []

    def open_page(
        path: str = "/", *, width: int = 1440, height: int = 900, is_anonymous: bool = False,
        **options: Any,
    ) -> Page:  # fmt: skip
        context = browser.new_context(
            base_url=site.url,
            viewport={"width": width, "height": height},
            storage_state=None if is_anonymous else signed_in,
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
