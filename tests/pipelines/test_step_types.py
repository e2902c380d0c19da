from typing import Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

from pipelines import step_types
from pipelines.step_types import ConfigurationError, StepType, UnknownStepTypeError
from pipelines.steps.builtin import BUILTIN


class Nested(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = 1


class Sample(BaseModel):
    model_config = ConfigDict(extra="forbid")

    command: str = Field(json_schema_extra={"x-command": True})
    depth: int = Field(default=1, ge=0)
    flags: list[str] = []
    strict: bool | None = None
    mode: Literal["fast", "slow"] = "fast"
    nested: Nested = Nested()


@pytest.fixture(autouse=True)
def sample_type() -> StepType:
    step_type = StepType("sample", "Sample", "Does little.", Sample, {"code": "a number"}, "pure")
    step_types.register(step_type)
    return step_type


def test_a_registered_type_is_found_by_name(sample_type: StepType) -> None:
    assert step_types.get("sample") is sample_type
    assert sample_type in step_types.all_types()


def test_an_unknown_type_is_refused_with_the_known_names() -> None:
    with pytest.raises(UnknownStepTypeError, match=r"Did you mean sample\? Known: .*sample"):
        step_types.get("smple")


@pytest.mark.parametrize(
    "configuration",
    [
        {"command": "x"},
        {"command": "x", "depth": "${{ inputs.depth }}"},
        {"command": "x", "flags": "${{ fromJSON(inputs.flags) }}"},
        {"command": "x", "strict": "${{ inputs.strict }}", "mode": "${{ inputs.mode }}"},
        {"command": "x", "nested": {"size": "${{ inputs.n }}"}},
        {"command": "x", "nested": "${{ fromJSON(inputs.nested) }}"},
    ],
)
def test_expressions_are_accepted_where_the_value_is_not_known_yet(
    configuration: dict[str, Any],
) -> None:
    assert step_types.validate_configuration("sample", configuration) == configuration
    Draft202012Validator(step_types.config_schema("sample")).validate(configuration)


@pytest.mark.parametrize(
    ("configuration", "problems"),
    [
        ({}, [("/command", "sample needs this setting.")]),
        (
            {"command": "x", "comand": 1},
            [("/comand", "sample has no setting of this name. Did you mean command?")],
        ),
        ({"command": "x", "depth": -1}, [("/depth", "greater than or equal to 0")]),
        ({"command": "x", "strict": "maybe"}, [("/strict", "boolean")]),
        (
            {"command": "x", "depth": "${{ a }}", "nested": {"size": "big", "x": 1}},
            [("/nested/size", "integer"), ("/nested/x", "no setting")],
        ),
    ],
)
def test_each_problem_is_named_with_its_place(
    configuration: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        step_types.validate_configuration("sample", configuration)

    found = refusal.value.problems
    assert [pointer for pointer, _ in found] == [pointer for pointer, _ in problems]
    for (_, text), (_, words) in zip(found, problems, strict=True):
        assert words in text


def test_an_evaluated_configuration_becomes_the_model_with_its_defaults() -> None:
    config = step_types.build_configuration("sample", {"command": "x", "depth": "5"})

    assert config == Sample(command="x", depth=5)
    with pytest.raises(ConfigurationError, match="/depth"):
        step_types.build_configuration("sample", {"command": "x", "depth": "${{ late }}"})


def test_marks_of_commands_stay_in_the_schema() -> None:
    schema = step_types.config_schema("sample")

    assert schema["properties"]["command"]["x-command"] is True
    assert schema["properties"]["depth"]["default"] == 1
    assert step_types.all_schemas()["sample"] == schema
    raw = step_types.config_schema("sample", expressions=False)
    assert raw["properties"]["depth"]["type"] == "integer"


def test_every_setting_of_a_built_in_type_says_what_it_is() -> None:
    silent = [
        f"{step_type.name}.{name}"
        for step_type, _ in BUILTIN
        for name, setting in step_type.config_model.model_json_schema()["properties"].items()
        if not setting.get("description")
    ]
    assert silent == []
