import uuid
from io import BytesIO

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from devops.errors import FieldProblem, Invalid, PermissionDenied
from devops.problems import respond
from powernode.middleware import HostileInputMiddleware
from tests.client import Answer, ApiClient

pytestmark = pytest.mark.django_db


def answer(error: Exception) -> Answer:
    response = respond(error, "/api/v1/x")
    assert response is not None
    return Answer(response)


def test_an_operations_refusal_keeps_code_remedy_and_fields() -> None:
    field = FieldProblem("/a/0", "too-short", "Longer, please.", "Add words.")
    problem = answer(Invalid("Two words.", remedy="Say more.", errors=[field])).problem(400)
    assert problem.document["errors"] == [
        {
            "pointer": "/a/0",
            "code": "too-short",
            "detail": "Longer, please.",
            "remedy": "Add words.",
        }
    ]
    assert problem.remedy == "Say more."
    assert problem.document["instance"] == "/api/v1/x"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(), 404, "not-found"),
        (PermissionDenied("No."), 403, "permission-denied"),
        (exceptions.NotAuthenticated(), 401, "not-authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (exceptions.UnsupportedMediaType("text/html"), 415, "unsupported-media-type"),
        (exceptions.Throttled(wait=7), 429, "throttled"),
        (DataError("numeric value out of range"), 400, "not-storable"),
        (OverflowError("Python int too large"), 400, "not-storable"),
        (RecursionError(), 400, "not-storable"),
        (OperationalError("database is locked"), 503, "unavailable"),
        (IntegrityError("UNIQUE constraint failed"), 409, "conflict"),
    ],
)
def test_every_kind_of_refusal_has_its_status_and_code(
    error: Exception, status: int, code: str
) -> None:
    assert answer(error).problem(status).code == code


def test_throttling_and_a_busy_database_say_when_to_come_back() -> None:
    assert answer(exceptions.Throttled(wait=7)).headers["Retry-After"] == "7"
    assert int(answer(OperationalError("locked")).headers["Retry-After"]) > 0


def test_a_bug_is_not_worded_here() -> None:
    assert respond(KeyError("bug"), "/api/v1/x") is None


def test_nested_serializer_errors_become_pointers() -> None:
    error = exceptions.ValidationError(
        {"steps": [{}, {"name": ["Required."]}], "non_field_errors": ["Together wrong."]}
    )
    assert answer(error).problem(400).pointers == ["/steps/1/name", ""]


def test_an_address_that_does_not_exist_is_a_problem_document(alice: ApiClient) -> None:
    for path in ("nothing", "devops/pipelines/not-a-uuid", "devops/pipelines/"):
        assert alice.get(path).problem(404).code == "not-found"


def test_a_method_that_does_not_exist_names_the_others(alice: ApiClient) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        refused = alice.send(method, "devops/pipelines")
        refused.problem(405)
        assert "POST" in refused.headers["Allow"]


def test_a_foreign_and_a_random_id_get_the_same_words(alice: ApiClient, charlie: ApiClient) -> None:
    made = alice.post("devops/pipelines", {"name": "A", "steps": []}).ok(201)
    foreign = charlie.get(f"devops/pipelines/{made['id']}").problem(404).document
    random = charlie.get(f"devops/pipelines/{uuid.uuid4()}").problem(404).document
    assert {**foreign, "instance": ""} == {**random, "instance": ""}


@pytest.mark.parametrize("address", ["/api/v1/me?q=%00", "/api/v1/me%00", "/api/v1/me?q=%ff"])
def test_an_address_with_impossible_bytes_is_a_problem(alice: ApiClient, address: str) -> None:
    path, _, query = address.partition("?")
    response = alice._client.generic(  # the client would encode the bytes anew
        "GET", path, QUERY_STRING=query, headers={"authorization": f"Bearer {alice.token}"}
    )
    assert Answer(response).problem(400).code == "malformed-address"  # type: ignore[arg-type]


def test_a_path_that_is_no_utf_8_is_seen_before_the_server_replaced_its_bytes() -> None:
    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/\ufffd", "raw_path": b"/api/v1/%ff",
        "query_string": b"", "headers": [],
    }  # fmt: skip
    reached: list[HttpRequest] = []

    def get_response(request: HttpRequest) -> HttpResponse:
        reached.append(request)
        return HttpResponse()

    response = HostileInputMiddleware(get_response)(ASGIRequest(scope, BytesIO()))
    assert response.status_code == 400
    assert reached == []


def test_a_page_with_impossible_bytes_is_a_plain_400(alice: ApiClient) -> None:
    response = alice._client.generic("GET", "/", QUERY_STRING="q=%00")
    assert response.status_code == 400
    assert response["Content-Type"].startswith("text/plain")


def test_answers_carry_the_headers_that_keep_browsers_quiet(alice: ApiClient) -> None:
    headers = alice.get("me").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
