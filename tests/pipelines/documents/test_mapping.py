from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pipelines.documents import (
    export_yaml,
    from_definition,
    json_schema,
    lint,
    lint_definition,
    parse,
    step_key,
    stored_triggers,
    to_definition,
)
from tests.pipelines.documents.document_fixtures import EXAMPLE, SCHEMAS


def example() -> dict[str, Any]:
    return to_definition(parse(EXAMPLE).value)


def test_a_definition_has_every_member() -> None:
    definition = to_definition({"name": "My CI", "steps": [{"name": "Do it", "uses": "notify"}]})

    assert definition == {
        "name": "My CI",
        "slug": "my-ci",
        "description": "",
        "pipeline_type": "custom",
        "triggers": {},
        "environment": {},
        "secret_refs": [],
        "runner_labels": [],
        "timeout_minutes": 60,
        "allow_concurrent": False,
        "features": {},
        "notification_recipients": [],
        "notification_settings": {},
        "settings": {},
        "steps": [
            {
                "key": "do_it",
                "name": "Do it",
                "step_type": "notify",
                "configuration": {},
                "condition": "",
                "continue_on_error": False,
                "is_active": True,
                "requires_approval": False,
                "approval_settings": {},
                "inputs": {},
                "outputs": {},
                "environment": {},
                "secret_refs": [],
                "timeout_minutes": None,
                "retry": {},
                "matrix": {},
                "cache": {},
                "image": "",
                "services": {},
                "group_key": "",
                "phase": "main",
            }
        ],
    }


def test_members_move_to_the_fields_of_the_resource() -> None:
    definition = example()

    assert definition["settings"] == {
        "concurrency": {"group": "ci-${{ trigger.branch }}", "policy": "queue"},
    }
    assert definition["steps"][2]["condition"].startswith("trigger.branch")
    assert definition["steps"][2]["secret_refs"] == ["PYPI_TOKEN"]
    assert [step["phase"] for step in definition["steps"]] == ["main"] * 3 + ["finally"]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (None, {}),
        ("push", {"push": {}}),
        (["push", "pull_request"], {"push": {}, "pull_request": {}}),
        ({"push": None}, {"push": {}}),
        ({"release": ["published"]}, {"release": {"actions": ["published"]}}),
        ({"manual": True}, {"manual": {}}),
        ({"manual": False, "push": {}}, {"manual": {"enabled": False}, "push": {}}),
        ("workflow_dispatch", {"manual": {}}),
        (
            {"workflow_dispatch": {"inputs": {"a": {}}}, "manual": None},
            {"manual": {"inputs": {"a": {}}}},
        ),
        ({"schedule": ["0 3 * * *"]}, {"schedule": {"schedules": [{"cron": "0 3 * * *"}]}}),
        (
            {"schedule": [{"cron": "0 3 * * *", "missed": "skip"}]},
            {"schedule": {"schedules": [{"cron": "0 3 * * *", "missed": "skip"}]}},
        ),
    ],
)
def test_triggers_are_stored_in_one_form(written: Any, stored: dict[str, Any]) -> None:
    assert stored_triggers(written) == stored
    assert stored_triggers(stored) == stored


def test_recipients_of_the_pipeline_survive_the_way_there_and_back() -> None:
    user = "user:0190d8f2-1111-7222-8333-444455556666"
    told = {"recipients": ["team@example.com", user, "role:admin"], "on_failure": ["a@example.com"],
            "on_completion": False}  # fmt: skip
    document = {"name": "Told", "steps": [{"name": "Do", "uses": "notify"}], "notifications": told}
    definition = to_definition(document)

    assert definition["notification_recipients"] == [
        {"type": "email", "value": "team@example.com"},
        {"type": "user_id", "value": user.removeprefix("user:")},
        {"type": "role", "value": "admin"},
    ]
    assert definition["notification_settings"] == {
        "on_failure": ["a@example.com"], "on_completion": False,
    }  # fmt: skip
    assert from_definition(definition)["notifications"] == told
    assert not [each for each in lint(export_yaml(definition), schemas=SCHEMAS)
                if each.severity == "error"]  # fmt: skip


def test_a_recipient_that_is_none_is_found_where_it_is_stored() -> None:
    definition = to_definition({"name": "Told", "steps": [{"name": "Do", "uses": "notify"}]})
    wrong = [{"type": "email", "value": "a@b.example"}, {"type": "role", "value": "king"}]
    findings = lint_definition({**definition, "notification_recipients": wrong}, schemas=SCHEMAS)
    assert [each.pointer for each in findings] == ["/notification_recipients/1"]


@pytest.mark.parametrize(
    ("approval", "requires", "kept"),
    [
        (None, False, {}),
        (False, False, {}),
        (True, True, {}),
        ({}, True, {}),
        ({"required": 2}, True, {"required": 2}),
    ],
)
def test_an_approval_becomes_two_fields(
    approval: Any, requires: bool, kept: dict[str, Any]
) -> None:
    step = {"name": "A", "uses": "notify", "approval": approval}
    (mapped,) = to_definition({"name": "X", "steps": [step]})["steps"]

    assert (mapped["requires_approval"], mapped["approval_settings"]) == (requires, kept)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Check out", "check_out"),
        ("Unit-Tests (fast)", "unit-tests_fast"),
        ("3rd step", "s_3rd_step"),
        ("-x", "s_-x"),
        ("Überprüfung", "uberprufung"),
        ("日本", "step"),
        ("x" * 200, "x" * 64),
    ],
)
def test_a_key_is_made_from_the_name(name: str, key: str) -> None:
    assert step_key(name) == key


def test_a_group_keeps_its_members_together() -> None:
    members = [{"name": "A", "uses": "notify"}, {"name": "B", "uses": "notify"}]
    document = {"name": "X", "steps": [{"name": "Checks", "parallel": members}]}
    definition = to_definition(document)

    assert [step["group_key"] for step in definition["steps"]] == ["checks", "checks"]
    assert from_definition(definition)["steps"] == [{"name": "Checks", "parallel": members}]
    assert to_definition(from_definition(definition)) == definition


def test_an_image_is_a_setting() -> None:
    document = {"name": "X", "image": "python:3.12-slim", "steps": []}

    assert to_definition(document)["settings"] == {"image": "python:3.12-slim"}
    assert from_definition(to_definition(document))["image"] == "python:3.12-slim"


def test_what_is_said_of_a_group_survives_storage() -> None:
    group = {
        "name": "All checks", "key": "checks", "fail_fast": True, "max_parallel": 2,
        "parallel": [{"name": "A", "uses": "notify"}, {"name": "B", "uses": "notify"}],
    }  # fmt: skip
    definition = to_definition({"name": "X", "steps": [group]})

    assert definition["settings"]["groups"] == {
        "checks": {"name": "All checks", "fail_fast": True, "max_parallel": 2}
    }
    assert from_definition(definition)["steps"] == [group]
    assert lint_definition(definition, schemas=SCHEMAS) == []


def test_an_export_reads_back_as_the_same_definition() -> None:
    text = export_yaml(example())

    assert to_definition(parse(text).value) == example()
    assert lint(text, schemas=SCHEMAS) == []
    assert "\non:\n  push:\n" in text


def test_numbers_of_the_database_are_written_plainly() -> None:
    definition = example() | {"timeout_minutes": Decimal("30.00")}
    definition["steps"][0]["timeout_minutes"] = Decimal("0.50")

    document = from_definition(definition)

    assert document["timeout_minutes"] == 30
    assert document["steps"][0]["timeout_minutes"] == 0.5
    assert "timeout_minutes: 30\n" in export_yaml(definition)
    assert lint_definition(definition, schemas=SCHEMAS) == []


def test_a_definition_without_mistakes_has_no_findings() -> None:
    assert lint_definition(example(), schemas=SCHEMAS) == []
    without_inputs = {"triggers": ["push"], "steps": example()["steps"][:2]}
    assert lint_definition(example() | without_inputs, schemas=SCHEMAS) == []


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"name": 3}, "schema", "/name"),
        ({"steps": [3]}, "schema", "/steps/0"),
        ({"steps": [{"name": "A"}]}, "missing-key", "/steps/0"),
        (
            {"steps": [{"name": "A", "step_type": "x", "when": ""}]},
            "unknown-key",
            "/steps/0/when",
        ),
        (
            {"steps": [{"name": "A", "step_type": "x"}]},
            "unknown-step-type",
            "/steps/0/step_type",
        ),
        (
            {"steps": [{"name": "A", "step_type": "notify", "configuration": {"chanel": "x"}}]},
            "unknown-key",
            "/steps/0/configuration/chanel",
        ),
        (
            {
                "steps": [
                    {"name": "Z", "step_type": "notify", "phase": "finally", "condition": "a ="},
                    {"name": "A", "step_type": "notify"},
                ]
            },
            "expression",
            "/steps/0/condition",
        ),
        (
            {
                "steps": [
                    {"name": "A", "step_type": "notify", "group_key": "g"},
                    {"name": "B", "step_type": "notify", "group_key": "g", "condition": "x.y"},
                ]
            },
            "unknown-reference",
            "/steps/1/condition",
        ),
        ({"pipeline_type": "x"}, "schema", "/pipeline_type"),
        ({"triggers": {"pusch": {}}}, "unknown-key", "/triggers/pusch"),
        ({"timeout_minutes": 999}, "schema", "/timeout_minutes"),
        ({"environment": {"A B": "x"}}, "schema", "/environment"),
    ],
)
def test_findings_in_a_definition_point_into_it(
    change: dict[str, Any], code: str, pointer: str
) -> None:
    findings = lint_definition(example() | change, schemas=SCHEMAS)

    assert (code, pointer) in [(finding.code, finding.pointer) for finding in findings]
    assert {finding.line for finding in findings} == {0}


def test_the_published_schema_is_valid_and_accepts_the_example() -> None:
    schema = json_schema(SCHEMAS)

    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(parse(EXAMPLE).value)
    assert all(member.get("description") for member in schema["properties"].values())


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
keys = st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
values = st.none() | st.booleans() | st.integers(-99, 99) | texts
mappings = st.dictionaries(keys, values, max_size=3)
steps: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": names, "uses": st.sampled_from(sorted(SCHEMAS))},
    optional={
        "key": keys,
        "with": mappings,
        "if": texts | st.booleans(),
        "continue_on_error": st.booleans(),
        "enabled": st.booleans(),
        "timeout_minutes": st.integers(1, 60),
        "approval": st.booleans() | mappings,
        "retry": mappings,
        "matrix": mappings,
        "secrets": st.lists(keys, max_size=2),
        "env": st.dictionaries(keys, texts, max_size=2),
        "inputs": mappings,
        "outputs": mappings,
    },
)
groups: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": names, "key": keys, "parallel": st.lists(steps, min_size=1, max_size=2)}
)
documents: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "name": names,
        "steps": st.lists(
            steps | groups, max_size=3, unique_by=lambda step: step.get("key") or step["name"]
        ),
    },
    optional={
        "key": keys,
        "type": st.sampled_from(["review", "deploy"]),
        "description": texts,
        "on": st.sampled_from(["push", ["push", "manual"]])
        | st.fixed_dictionaries(
            {},
            optional={
                "push": st.none() | st.fixed_dictionaries({"branches": st.lists(texts)}),
                "release": st.lists(texts, max_size=2),
                "schedule": st.lists(st.just("0 3 * * *"), max_size=2),
                "workflow_dispatch": st.none() | st.booleans(),
            },
        ),
        "concurrency": st.just("unlimited") | st.fixed_dictionaries({"group": texts}),
        "timeout_minutes": st.integers(1, 360),
        "runner_labels": st.lists(texts, max_size=2),
        "image": texts,
        "env": st.dictionaries(keys, texts, max_size=2),
        "secrets": st.lists(keys, max_size=2),
        "features": st.dictionaries(keys, st.booleans(), max_size=2),
        "notifications": mappings,
        "finally": st.lists(steps, max_size=2),
    },
)


@given(documents)
def test_there_and_back_again_changes_nothing(document: dict[str, Any]) -> None:
    definition = to_definition(document)
    written = from_definition(definition)

    assert to_definition(written) == definition
    assert from_definition(to_definition(written)) == written
    assert to_definition(parse(export_yaml(definition)).value) == definition
