from itertools import chain
from urllib.parse import urlsplit

import pytest

from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory

pytestmark = pytest.mark.django_db

PATH = "devops/repositories"


def follow(client: ApiClient, path: str, link: str) -> list[list[str]]:
    """The ids of each page from `path` on."""
    pages = []
    while path:
        page = client.get(path).ok()
        pages.append([row["id"] for row in page["results"]])
        parts = urlsplit(page[link] or "")
        path = f"{parts.path}?{parts.query}" if page[link] else ""
    return pages


def test_pages_hold_each_row_once_newest_first(alice: ApiClient) -> None:
    rows = RepositoryFactory.create_batch(5, account=alice.account)
    pages = follow(alice, f"{PATH}?limit=2", "next")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(chain(*pages)) == [str(row.pk) for row in reversed(rows)]


def test_previous_leads_back_to_the_first_page(alice: ApiClient) -> None:
    RepositoryFactory.create_batch(5, account=alice.account)
    first = alice.get(f"{PATH}?limit=2").ok()
    second = alice.get(_path(first["next"])).ok()
    back = alice.get(_path(second["previous"])).ok()
    assert back["results"] == first["results"]
    assert back["previous"] is None
    assert first["previous"] is None


def test_rows_that_arrive_meanwhile_shift_nothing(alice: ApiClient) -> None:
    RepositoryFactory.create_batch(4, account=alice.account)
    first = alice.get(f"{PATH}?limit=2").ok()
    newest = RepositoryFactory.create(account=alice.account)
    second = alice.get(_path(first["next"])).ok()
    seen = [row["id"] for row in first["results"] + second["results"]]
    assert len(set(seen)) == 4
    assert str(newest.pk) not in seen


def test_a_page_keeps_its_filters(alice: ApiClient) -> None:
    RepositoryFactory.create_batch(3, account=alice.account, is_active=False)
    RepositoryFactory.create_batch(3, account=alice.account)
    pages = follow(alice, f"{PATH}?limit=2&is_active=false", "next")
    assert [len(page) for page in pages] == [2, 1]


@pytest.mark.parametrize("limit", ["1e9", "1000000000", "201"])
def test_a_huge_limit_gives_200_rows(alice: ApiClient, limit: str) -> None:
    RepositoryFactory.create_batch(201, account=alice.account)
    assert len(alice.get(PATH, {"limit": limit}).ok()["results"]) == 200


@pytest.mark.parametrize("limit", ["0", "-1", "many", "nan", "1;2"])
def test_a_limit_that_is_no_number_is_refused(alice: ApiClient, limit: str) -> None:
    assert alice.get(PATH, {"limit": limit}).problem(400).pointers == ["?limit"]


@pytest.mark.parametrize("cursor", ["x", "b", "b" + "g" * 32, "b" + "0" * 31, "' OR 1=1"])
def test_a_cursor_that_is_none_is_refused(alice: ApiClient, cursor: str) -> None:
    problem = alice.get(PATH, {"cursor": cursor}).problem(400)
    assert problem.errors[0]["code"] == "invalid-cursor"


@pytest.mark.parametrize(
    "name", ["page_size", "page", "offset", "ordering", "token__startswith", "account", "provider"]
)
def test_unknown_filters_are_refused_by_name(alice: ApiClient, name: str) -> None:
    problem = alice.get(PATH, {name: "1"}).problem(400)
    assert problem.detail == f"Unknown filter: {name}"
    assert "is_active" in problem.remedy


def test_links_lead_to_the_configured_address_whatever_host_was_asked(alice: ApiClient) -> None:
    RepositoryFactory.create_batch(2, account=alice.account)
    page = alice.get(f"{PATH}?limit=1", host="localhost:9999").ok()
    assert page["next"].startswith("http://127.0.0.1:8000/api/v1/devops/repositories?")


def test_an_unknown_host_is_refused(alice: ApiClient) -> None:
    alice.get("docs/../me", host="evil.example").problem(400)


def _path(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"
