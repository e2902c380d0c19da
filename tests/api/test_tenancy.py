import pytest

from tests.api.conftest import Belongings
from tests.api.routes import Operation, operations
from tests.client import ApiClient

pytestmark = pytest.mark.django_db

# Workers serve every account of the installation, so everybody sees them.
SHARED = {"workers"}
OPERATIONS = [
    operation for operation in operations() if not SHARED & set(operation.template.split("/"))
]
KEYED = [operation for operation in OPERATIONS if operation.has_key]
LISTS = [
    operation for operation in OPERATIONS if operation.is_list and not any(operation.parameters)
]


def test_the_walk_finds_the_api() -> None:
    assert len(KEYED) > 30
    assert len(LISTS) > 8


@pytest.mark.parametrize("operation", KEYED, ids=lambda operation: operation.name)
def test_another_accounts_object_is_404_like_one_that_never_was(
    operation: Operation, belongings: Belongings, alice: ApiClient, charlie: ApiClient
) -> None:
    keys = belongings.of(operation)
    foreign = charlie.send(operation.method, operation.path(keys)).problem(404).document
    random = (
        charlie.send(operation.method, operation.path(belongings.strange(operation)))
        .problem(404)
        .document
    )
    assert {**foreign, "instance": ""} == {**random, "instance": ""}
    own = alice.send(operation.method, operation.path(keys))
    assert own.status != 404
    own.close()


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
def test_a_list_holds_nothing_of_another_account(
    operation: Operation, belongings: Belongings, alice: ApiClient, charlie: ApiClient
) -> None:
    own = alice.get(operation.path()).ok()["results"]
    foreign = charlie.get(operation.path()).ok()["results"]
    assert own
    # Built-in templates belong to nobody.
    own_keys = {row["id"] for row in own if not row.get("is_system")}
    assert own_keys
    assert not own_keys & {row["id"] for row in foreign}


def test_the_overview_counts_only_the_own_account(
    belongings: Belongings, charlie: ApiClient
) -> None:
    overview = charlie.get("devops/overview").ok()
    assert overview["ci_cd"]["pipelines"]["total"] == 0
    assert overview["ci_cd"]["pipeline_runs"]["total"] == 0
    assert overview["source_control"]["repositories"]["total"] == 0


def test_a_foreign_key_in_a_body_does_not_exist(belongings: Belongings, charlie: ApiClient) -> None:
    repository = str(belongings.keys["repositories"])
    body = {"name": "x", "steps": [], "repository_id": repository}
    problem = charlie.post("devops/pipelines", body).problem(400)
    assert problem.detail == "Invalid pk: object does not exist"
    body = {"full_name": "a/b", "clone_url": "https://git.example.com/a/b.git"}
    provider = {"provider_id": str(belongings.keys["providers"])}
    charlie.post("devops/repositories", {**body, **provider}).problem(400)
    made = charlie.post("devops/repositories", body).ok(201)
    attach = f"devops/repositories/{made['id']}/attach_pipeline"
    pipeline = {"pipeline_id": str(belongings.keys["pipelines"])}
    assert charlie.post(attach, pipeline).problem(400).pointers == ["/pipeline_id"]


def test_a_filter_by_a_foreign_object_finds_nothing(
    belongings: Belongings, charlie: ApiClient
) -> None:
    pipeline = str(belongings.keys["pipelines"])
    assert charlie.get("devops/pipeline_runs", {"pipeline_id": pipeline}).ok()["results"] == []
