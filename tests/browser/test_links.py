"""Every link of the house, followed from the overview on, leads to a page or a file."""

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

from playwright.sync_api import Playwright

from tests.browser.site import Site

_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
# Of links that differ in keys and filters alone, so many are followed.
_ALIKE = 2
_NOT_FOLLOWED = ("/static/", "/events", "//")


class _Links(HTMLParser):
    """The addresses on a page: links, what htmx fetches, and pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = [value or "" for name, value in attrs if name in {"href", "hx-get", "src"}]
        self.found += [value.partition("#")[0] for value in values if value.startswith("/")]


def test_every_link_leads_somewhere(playwright: Playwright, site: Site, signed_in: Any) -> None:
    asking = playwright.request.new_context(base_url=site.url, storage_state=signed_in)
    waiting, known, alike = ["/"], {"/"}, Counter[str]()
    dead = []
    while waiting:
        path = waiting.pop()
        answer = asking.get(path)
        if not answer.ok:
            dead.append((path, answer.status))
        elif "text/html" in answer.headers["content-type"]:
            for link in _Links(answer.text()).found:
                kind = _KEY.sub("…", link.partition("?")[0])
                is_new = link not in known and alike[kind] < _ALIKE
                if is_new and not link.startswith(_NOT_FOLLOWED):
                    known.add(link)
                    alike[kind] += 1
                    waiting.append(link)
    asking.dispose()

    assert dead == []
    assert len(alike) > 150
