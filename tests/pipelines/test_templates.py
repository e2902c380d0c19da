"""Templates: secrets left behind, variables in their places, who sees and installs what."""

from typing import Any

import pytest

from devops.errors import Invalid
from pipelines.marketplace.abilities import abilities
from pipelines.marketplace.stripping import strip
from pipelines.marketplace.variables import check_declared, filled
from pipelines.models import Pipeline, PipelineTemplate
from pipelines.operations import templates as operations
from pipelines.operations.builtin_templates import FOLDER, sync_builtin_templates
from tests.client import ApiClient
from tests.pipelines.conftest import Workshop, step

API = "/api/v1/devops/pipeline_templates"
STEP = {"key": "build", "name": "Build", "step_type": "run_command",
        "configuration": {"command": "make $TARGET"}}  # fmt: skip
DEFINITION: dict[str, Any] = {"environment": {"TARGET": "all"}, "steps": [STEP]}
VARIABLES = {"target": {"type": "string", "default": "all", "sets": ["/environment/TARGET"]}}


@pytest.fixture
def template(alice: ApiClient) -> dict[str, Any]:
    made: dict[str, Any] = alice.post(
        API,
        {"name": "Make it", "pipeline_definition": DEFINITION, "default_variables": VARIABLES,
         "triggers": {"manual": {}}},
    ).ok(201)  # fmt: skip
    return made


def test_secrets_and_values_of_the_account_stay_behind() -> None:
    found = strip(
        {
            "environment": {"HOST": "shop.example.com", "REF": "${{ trigger.ref }}"},
            "notification_recipients": [{"type": "email", "value": "own@example.com"}],
            "notification_settings": {"on_failure": ["team@example.com"]},
            "steps": [
                {**STEP, "configuration": {"command": "x", "webhook": {"Token": "t"}}},
                {**STEP, "configuration": {"command": "push ghp_" + "a" * 36}},
                {
                    **STEP,
                    "environment": {"HOST": "other"},
                    "approval_settings": {"recipients": [1]},
                },
            ],
        }
    )
    steps = found.definition["steps"]
    assert found.definition["environment"] == {"HOST": "", "REF": "${{ trigger.ref }}"}
    assert "notification_settings" not in found.definition
    assert "notification_recipients" not in found.definition
    assert steps[0]["configuration"]["webhook"] == {}
    assert steps[1]["configuration"]["command"] == "push REMOVED"
    assert steps[2]["approval_settings"] == {}
    assert found.variables["host"]["sets"] == ["/environment/HOST", "/steps/2/environment/HOST"]
    assert [each["pointer"] for each in found.report] == [
        "/notification_recipients", "/notification_settings", "/environment/HOST",
        "/steps/0/configuration/webhook/Token",
        "/steps/2/environment/HOST", "/steps/2/approval_settings/recipients",
        "/steps/1/configuration/command",
    ]  # fmt: skip


def test_values_are_put_into_places_and_typed() -> None:
    variables = {
        "target": {"type": "string", "required": True, "sets": ["/environment/TARGET"]},
        "minutes": {"type": "number", "default": 5, "sets": ["/steps/0/timeout_minutes"]},
        "quick": {"type": "boolean", "default": False, "sets": ["/environment/QUICK"]},
    }
    check_declared(variables, DEFINITION)
    found = filled(DEFINITION, variables, {"target": "$(rm -rf /)", "quick": True})
    assert found["environment"] == {"TARGET": "$(rm -rf /)", "QUICK": "true"}
    assert found["steps"][0]["timeout_minutes"] == 5
    assert found["steps"][0]["configuration"] == STEP["configuration"]
    assert DEFINITION["environment"] == {"TARGET": "all"}
    with pytest.raises(Invalid) as caught:
        filled(DEFINITION, variables, {"minutes": "many", "other": 1})
    assert [each.pointer for each in caught.value.errors] == [
        "/variables/other", "/variables/target", "/variables/minutes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("text", "is an object"),
        ({"sets": []}, "lists the places"),
        ({"sets": ["/steps/7/name"]}, "no place"),
        ({"sets": ["/steps/0"], "type": "date"}, "is one of"),
        ({"sets": ["/environment/A"], "type": "choice"}, "options"),
        ({"sets": ["/environment/A"], "type": "number", "default": "x"}, "default"),
        ({"sets": ["/environment/A"], "is": 1}, "no rule"),
    ],
)
def test_variables_that_nobody_can_fill_are_refused(rule: Any, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        check_declared({"v": rule}, DEFINITION)


def test_what_it_may_do_is_said() -> None:
    said = {each.kind: each.text for each in abilities(
        {
            "triggers": {"push": {}, "manual": {}},
            "secret_refs": ["KEY"],
            "steps": [
                STEP,
                {**STEP, "name": "Ship", "step_type": "deploy", "requires_approval": True},
                {**STEP, "name": "Greet", "step_type": "greetings"},
            ],
        }
    )}  # fmt: skip
    assert said == {
        "starts": "Starts by: push, manual.",
        "code": "Runs commands on a worker: Build.",
        "secrets": "Reads the secrets KEY.",
        "deploys": "Deploys: Ship.",
        "asks": "Waits for people: Ship.",
        "other": "Runs step types that are no part of Powernode: Greet.",
    }


def test_the_life_of_a_template(
    alice: ApiClient, charlie: ApiClient, template: dict[str, Any]
) -> None:
    one = f"{API}/{template['slug']}"
    assert (template["slug"], template["status"]) == ("make-it", "draft")
    assert charlie.get(one).status == 404
    assert alice.post(f"{one}/unpublish").status == 409
    assert alice.post(f"{one}/publish").json["marketplace_status"] == "submitted"
    assert alice.post(f"{one}/publish").status == 409
    # Other accounts see it once an operator has agreed.
    assert charlie.get(one).status == 404
    PipelineTemplate.objects.update(marketplace_status="approved")
    assert charlie.get(one).json["abilities"][-1]["text"] == "Runs commands on a worker: Build."
    assert charlie.patch(one, {"description": "mine"}).status == 403
    changed = {"pipeline_definition": {**DEFINITION, "runner_labels": ["linux"]}}
    assert alice.patch(one, changed).status == 409
    again = alice.patch(one, {**changed, "version": "1.1.0"}).json
    assert (again["version"], again["marketplace_status"]) == ("1.1.0", "submitted")
    assert alice.patch(one, {"version": "1.0.0"}).status == 409
    assert alice.patch(one, {"version": "1.x"}).status == 400
    assert alice.post(f"{one}/archive").json["is_public"] is False
    assert alice.post(f"{one}/install", {}).status == 409
    assert alice.delete(one).status == 204
    assert alice.get(one).status == 404


def test_ratings_count_once_per_member(
    alice: ApiClient, bob: ApiClient, template: dict[str, Any]
) -> None:
    rate = f"{API}/{template['slug']}/rate"
    assert alice.post(rate, {"rating": "4"}).status == 409
    alice.post(f"{API}/{template['slug']}/publish")
    alice.post(rate, {"rating": "1"})
    alice.post(rate, {"rating": "4"})
    found = bob.post(rate, {"rating": "5"}).json
    assert (found["rating"], found["rating_count"]) == (4.5, 2)
    for wrong in ("0", "5.01", "many"):
        assert bob.post(rate, {"rating": wrong}).status == 400


def test_it_is_installed_with_its_variables(alice: ApiClient, template: dict[str, Any]) -> None:
    one = f"{API}/{template['slug']}"
    refused = alice.post(f"{one}/install", {"variables": {"target": 1, "nope": ""}})
    assert refused.status == 400
    assert {each["pointer"] for each in refused.json["errors"]} == {
        "/variables/target", "/variables/nope",
    }  # fmt: skip
    made = alice.post(f"{one}/install", {"name": "Mine", "variables": {"target": "docs"}})
    assert made.status == 201
    body = made.json
    assert (body["name"], body["slug"], body["environment"]) == ("Mine", "mine", {"TARGET": "docs"})
    assert alice.get(one).json["install_count"] == 1


def test_a_pipeline_becomes_a_template(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(step("say", "true"))
    Pipeline.objects.update(environment={"PLACE": "berlin"})
    pipeline = Pipeline.objects.get(pk=pipeline.pk)
    made, report = operations.create_from_pipeline(workshop.actor, pipeline, {})
    assert made.name == f"{pipeline.name} Template"
    assert made.default_variables["place"]["required"] is True
    assert [each["pointer"] for each in report] == ["/environment/PLACE"]
    with pytest.raises(Invalid, match="variables do not fit"):
        operations.install(workshop.actor, made, variables={})
    copy = operations.install(workshop.actor, made, variables={"place": "rome"})
    assert copy.environment == {"PLACE": "rome"}


def test_the_built_in_ones_are_renewed_in_place(workshop: Workshop) -> None:
    count = sync_builtin_templates()
    assert count == len(list(FOLDER.glob("*.yml")))
    PipelineTemplate.objects.filter(slug="nightly").update(install_count=3, version="0.1.0")
    PipelineTemplate.objects.create(slug="old", name="Old", is_system=True)
    assert sync_builtin_templates() == count
    renewed = PipelineTemplate.objects.get(slug="nightly")
    assert (renewed.install_count, renewed.version) == (3, "1.0.0")
    assert PipelineTemplate.objects.get(slug="old").status == "archived"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.stem)
def test_every_built_in_one_can_be_installed(workshop: Workshop, path: Any) -> None:
    sync_builtin_templates()
    row = PipelineTemplate.objects.get(slug=path.stem)
    needed = {name: "value" for name, rule in row.default_variables.items() if rule.get("required")}
    assert operations.install(workshop.actor, row, variables=needed).is_active
