import uuid
from pathlib import Path

import pytest

from tests.api.conftest import Belongings
from tests.api.routes import Operation, operations
from tests.client import ApiClient

pytestmark = pytest.mark.django_db

CORPUS = sorted((Path(__file__).parent.parent / "corpora" / "json").glob("*.json"))
OPERATIONS = operations()
BODIES = [operation for operation in OPERATIONS if operation.method in {"POST", "PATCH"}]
READS = [operation for operation in OPERATIONS if operation.method == "GET"]
# Its body is a document, which the linter reads.
DOCUMENTS = {"v1/devops/pipelines/import"}
# Reads no body of its own before it looks for the row's state.
HOSTILE_QUERIES = ["\ufffe", "' OR 1=1 --", "9" * 5000, "-1", "1e999", "{}", "\U0001f600" * 50]


def send(client: ApiClient, operation: Operation, belongings: Belongings, body: object) -> int:
    keys = belongings.of(operation)
    answer = client.send(operation.method, operation.path(keys), body)
    assert answer.status < 500, (operation.name, answer.content[:500])
    if answer.status >= 400:
        assert answer.problem(answer.status).detail
    return answer.status


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.name)
def test_no_hostile_body_is_an_error_of_ours(
    operation: Operation, belongings: Belongings, alice: ApiClient
) -> None:
    for case in CORPUS:
        status = send(alice, operation, belongings, case.read_bytes())
        assert status in {400, 403, 409, 413}, case.name


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.name)
def test_an_unknown_field_is_named(
    operation: Operation, belongings: Belongings, alice: ApiClient
) -> None:
    keys = belongings.of(operation)
    answer = alice.send(operation.method, operation.path(keys), {"is_system": True})
    problem = answer.problem(400)
    if operation.template not in DOCUMENTS:
        assert "Unknown field: is_system" in [error["detail"] for error in problem.errors]


@pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.name)
def test_an_unknown_parameter_is_named(
    operation: Operation, belongings: Belongings, alice: ApiClient
) -> None:
    keys = belongings.of(operation)
    problem = alice.get(operation.path(keys), {"credential__secret": "x"}).problem(400)
    assert problem.pointers == ["?credential__secret"]


@pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.name)
def test_no_hostile_value_of_a_known_parameter_is_an_error_of_ours(
    operation: Operation, belongings: Belongings, alice: ApiClient
) -> None:
    keys = belongings.of(operation)
    filterset = getattr(operation.view, "filterset_class", None)
    names = set(operation.view.query_parameters.get(operation.action, ()))
    if operation.is_list:
        names |= {"limit", "cursor", *(filterset.base_filters if filterset else ())}
    for name in sorted(names):
        for value in HOSTILE_QUERIES:
            answer = alice.get(operation.path(keys), {name: value})
            assert answer.status < 500, (operation.name, name, value)
            answer.close()


@pytest.mark.parametrize("word", ["0", "null", "..", "%2e%2e", "a" * 500, "0" * 32, "{}"])
def test_what_is_no_key_is_not_found(alice: ApiClient, word: str) -> None:
    assert alice.get(f"devops/pipelines/{word}").status in {400, 404}
    assert alice.get(f"devops/pipelines/{uuid.UUID(int=0)}").status == 404
