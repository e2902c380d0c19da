from pathlib import Path

import pytest

from devops.models import Account
from pipelines.models import Pipeline
from tests.client import ApiClient

pytestmark = pytest.mark.django_db

CORPUS = sorted((Path(__file__).parent.parent / "corpora" / "json").glob("*.json"))


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 25


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.stem)
def test_hostile_bodies_are_refused_with_words(alice: ApiClient, case: Path) -> None:
    for path in ("devops/pipelines", "account/tokens", "devops/pipelines/lint"):
        problem = alice.post(path, case.read_bytes()).problem(400)
        assert problem.errors
    assert not Pipeline.objects.exists()


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "text/plain",
        "",
    ],
)
def test_bodies_of_other_types_are_415(alice: ApiClient, content_type: str) -> None:
    body = b'{"files": {"filepath": "/etc/passwd"}}'
    answer = alice.send("POST", "devops/pipelines", body, content_type=content_type)
    assert answer.problem(415).code == "unsupported-media-type"


def test_a_body_of_more_than_a_megabyte_is_413(alice: ApiClient) -> None:
    body = b'{"name": "' + b"x" * 1024 * 1024 + b'"}'
    alice.post("devops/pipelines", body).problem(413)


def test_a_body_beyond_djangos_limit_is_413_with_a_key_too(alice: ApiClient) -> None:
    body = b'{"name": "' + b"x" * 6 * 1024 * 1024 + b'"}'
    alice.post("devops/pipelines", body).problem(413)
    alice.post("devops/pipelines", body, idempotency_key="k").problem(413)


def test_a_refusal_names_the_place(alice: ApiClient) -> None:
    problem = alice.post("devops/pipelines", b'{"name": "a", "steps": ["\\u0000"]}').problem(400)
    assert problem.pointers == ["/steps/0"]
    problem = alice.post("devops/pipelines", b'{"name": \n "a",}').problem(400)
    assert "line 2" in problem.detail


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_body_that_is_no_object_is_refused(alice: ApiClient, body: bytes) -> None:
    alice.patch("account", body).problem(400)
    assert Account.objects.get(pk=alice.account.pk).name == "Alice"


def test_unknown_fields_are_refused_at_any_depth(alice: ApiClient) -> None:
    body = {"name": "a", "steps": [{"name": "s", "step_type": "custom", "run": "x"}]}
    problem = alice.post("devops/pipelines", body).problem(400)
    assert problem.pointers == ["/steps/0/run"]
    assert problem.detail == "Unknown field: run"


@pytest.mark.parametrize("field", ["is_system", "status", "account", "id", "last_run_number"])
def test_no_field_can_be_assigned_that_is_not_offered(alice: ApiClient, field: str) -> None:
    made = alice.post("devops/pipelines", {"name": "a", "steps": []}).ok(201)
    problem = alice.patch(f"devops/pipelines/{made['id']}", {field: True}).problem(400)
    assert problem.detail == f"Unknown field: {field}"
