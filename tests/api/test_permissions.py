import pytest

from devops.choices import PERMISSIONS, ROLE_PERMISSIONS, Role
from tests.api.conftest import Belongings
from tests.api.routes import Operation, operations
from tests.client import ApiClient
from tests.factories.devops import token_for

pytestmark = pytest.mark.django_db

OPERATIONS = operations()
GUARDED = [operation for operation in OPERATIONS if operation.permission != "member"]


def test_every_declared_permission_exists() -> None:
    assert {operation.permission for operation in GUARDED} <= PERMISSIONS


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_nobody_gets_in_without_a_name(
    operation: Operation, belongings: Belongings, alice: ApiClient
) -> None:
    alice.token = ""
    keys = belongings.of(operation)
    answer = alice.send(operation.method, operation.path(keys))
    assert answer.problem(401).remedy


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
def test_a_token_without_the_scope_is_refused_and_told_which(
    operation: Operation, belongings: Belongings, alice: ApiClient
) -> None:
    others = PERMISSIONS - {operation.permission}
    alice.token = token_for(alice.membership, *others)
    keys = belongings.of(operation)
    problem = alice.send(operation.method, operation.path(keys)).problem(403)
    assert operation.permission in problem.detail


@pytest.mark.parametrize("operation", GUARDED, ids=lambda operation: operation.name)
def test_a_viewer_gets_as_far_as_the_role_says(
    operation: Operation, belongings: Belongings, vera: ApiClient
) -> None:
    keys = belongings.of(operation)
    answer = vera.send(operation.method, operation.path(keys))
    may = operation.permission in ROLE_PERMISSIONS[Role.VIEWER]
    assert (answer.status != 403) is may
    answer.close()
