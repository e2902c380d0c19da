"""The page of each step type says all that its schema does, and shows a step that is right."""

import html
import re

import pytest
from django.test import Client

from devops.safety.documents import dump_yaml, load_yaml
from pipelines import step_reference, step_types
from pipelines.linting import lint_text
from tests.client import ApiClient
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(vera: ApiClient) -> Client:
    return signed_in(vera)


def test_all_types_are_listed(client: Client) -> None:
    page = client.get("/docs/steps").content.decode()
    names = re.findall(r'href="/docs/steps/([a-z0-9_]+)"', page)
    assert names == [kind.name for kind in step_types.all_types()]


def test_a_page_has_every_key_and_output_and_an_example_that_is_right(client: Client) -> None:
    before = {"name": "Tests", "key": "tests", "uses": "custom", "with": {"command": "make test"}}
    for kind in step_types.all_types():
        page = html.unescape(client.get(f"/docs/steps/{kind.name}").content.decode())
        keys = step_types.config_schema(kind.name).get("properties", {})
        for name in [*keys, *kind.outputs]:
            assert f">{name}<" in page, kind.name
        example = re.search(r'<pre id="example">(.*?)</pre>', page, re.DOTALL)
        assert example is not None
        steps = [before, *load_yaml(example[1])]
        document = dump_yaml({"name": "x", "on": {"manual": {}}, "steps": steps})
        findings = lint_text(document)
        assert [each.message for each in findings if each.severity == "error"] == [], kind.name


def test_an_unknown_type_names_the_nearest(client: Client) -> None:
    answer = client.get("/docs/steps/run_comand")
    assert answer.status_code == 404
    assert "run_command" in answer.content.decode()


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        ("run_command", "command", ("text", True, "")),
        ("checkout", "fetch_depth", ("whole number", False, "1")),
        ("ai_workflow", "stages[].output_schema", ("map or text", False, "")),
        ("ai_workflow", "budget.usd", ("number", False, "0.5")),
        ("notify", "to", ("list of texts", False, "")),
        ("notify", "required", ("true or false", False, "false")),
        ("policy_gate", "policies[type: custom].command", ("text", True, "")),
    ],
)
def test_keys_are_told_with_kind_need_and_default(
    kind: str, path: str, said: tuple[str, bool, str]
) -> None:
    key = next(key for key in step_reference.keys_of(kind) if key.path == path)
    assert (key.kind, key.is_required, key.default) == said


def test_a_list_of_different_maps_names_them() -> None:
    key = next(key for key in step_reference.keys_of("policy_gate") if key.path == "policies")
    assert "type: sbom_required" in key.choices
