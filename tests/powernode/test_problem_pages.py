"""Each problem document's `type` leads to a page."""

import pytest
from django.test import Client

from powernode.problem_pages import catalogue


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_every_code_has_a_page_that_names_it(code: str) -> None:
    answer = Client().get(f"/docs/problems/{code}")

    assert answer.status_code == 200
    assert code in answer.content.decode()


def test_an_unknown_code_is_not_found() -> None:
    assert Client().get("/docs/problems/nothing-like-it").status_code == 404
