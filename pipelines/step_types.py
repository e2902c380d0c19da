"""The step types that this process knows: what each is called, takes, yields and does outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

Effect = Literal["pure", "workspace", "external", "once"]

_OPENING = "${{"
_EXPRESSION = {"type": "string", "pattern": r"\$\{\{", "x-expression": True}
# What describes a property stays outside the alternatives, where forms and the linter look.
_ANNOTATIONS = ("title", "description", "default", "examples", "deprecated")
_NARROWING = ("enum", "const", "pattern", "format", "minLength", "maxLength")


class UnknownStepTypeError(LookupError):
    """No step type of this name is registered; the message names those that are."""


class ConfigurationError(ValueError):
    """A step's configuration does not fit its type; `problems` are (JSON pointer, message)."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{at}: {text}" if at else text for at, text in self.problems))


@dataclass(frozen=True, slots=True)
class StepType:
    """One kind of step.

    `effect` says what repeating an interrupted step does: nothing (`pure`), changes the workspace
    again, is safe by an outside key (`external`), or must not happen unasked (`once`).
    `reattaches`: executing the handler once more asks for the same commands in the same order and
    does nothing else twice, so a command whose container still runs can be gone on with.
    """

    name: str
    title: str
    summary: str
    config_model: type[BaseModel]
    outputs: Mapping[str, str]
    effect: Effect
    docs: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    reattaches: bool = False


_types: dict[str, StepType] = {}


def register(step_type: StepType) -> None:
    """Make a step type known; registering the same name again replaces it."""
    _types[step_type.name] = step_type


def get(name: str) -> StepType:
    """Return the step type of a name.

    Raises:
        UnknownStepTypeError: there is none.
    """
    if name in _types:
        return _types[name]
    near = get_close_matches(name, _types, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    known = ", ".join(sorted(_types)) or "none"
    raise UnknownStepTypeError(f"There is no step type {name[:80]!r}. {hint}Known: {known}.")


def all_types() -> list[StepType]:
    """Return the registered step types by name."""
    return [_types[name] for name in sorted(_types)]


def validate_configuration(name: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration as written, once it fits its type as far as can be known yet.

    A string with `${{` is accepted for any field: its value exists only at run time.

    Raises:
        UnknownStepTypeError: there is no such type.
        ConfigurationError: with every problem found.
    """
    step_type = get(name)
    try:
        step_type.config_model.model_validate(configuration)
    except ValidationError as error:
        problems = [
            _problem(step_type, configuration, details)
            for details in error.errors(include_url=False)
            if not _meets_expression(configuration, details["loc"])
        ]
        if problems:
            raise ConfigurationError(problems) from error
    return dict(configuration)


def build_configuration(name: str, values: Mapping[str, Any]) -> BaseModel:
    """Return the model of an evaluated configuration, with defaults, for the handler.

    Raises:
        UnknownStepTypeError: there is no such type.
        ConfigurationError: with every problem found.
    """
    step_type = get(name)
    try:
        return step_type.config_model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigurationError([_problem(step_type, values, each) for each in details]) from error


def more_problems(name: str, configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a type says of a configuration beyond its schema: (JSON pointer, sentence) each.

    Nothing of a configuration that breaks the schema, of one of which a value is known only at
    run time and narrower than text, or of an unknown type: others say that.
    """
    if name not in _types:
        return []
    try:
        _types[name].config_model.model_validate(configuration)
    except ValidationError as error:
        return [
            (_pointer(configuration, details["loc"], details["type"]), str(details["ctx"]["error"]))
            for details in error.errors(include_url=False, include_input=False)
            if details["type"] == "value_error"
            and not _meets_expression(configuration, details["loc"])
        ]
    return []


def config_schema(name: str, *, expressions: bool = True) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a type's configuration.

    With `expressions`, a string with `${{ }}` is allowed wherever something narrower is wanted.

    Raises:
        UnknownStepTypeError: there is no such type.
    """
    schema = get(name).config_model.model_json_schema()
    return _with_expressions(schema) if expressions else schema


def all_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every registered type, as the linter takes them."""
    return {step_type.name: config_schema(step_type.name) for step_type in all_types()}


def _meets_expression(configuration: Any, location: Sequence[int | str]) -> bool:
    value = configuration
    for part in location:
        inside = (isinstance(value, Mapping) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
        )
        # Pydantic also puts the names of union members into the location.
        if inside:
            value = value[part]
    return bool(location) and isinstance(value, str) and _OPENING in value


def _problem(step_type: StepType, configuration: Any, details: Any) -> tuple[str, str]:
    location = details["loc"]
    message = details["msg"]
    if details["type"] == "extra_forbidden":
        near = get_close_matches(str(location[-1]), step_type.config_model.model_fields, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        message = f"{step_type.name} has no setting of this name.{hint}"
    elif details["type"] == "missing":
        message = f"{step_type.name} needs this setting."
    elif details["type"] == "value_error":
        message = str(details["ctx"]["error"])
    return _pointer(configuration, location, details["type"]), message


def _pointer(configuration: Any, location: Sequence[int | str], kind: str) -> str:
    pointer, value = "", configuration
    for index, part in enumerate(location):
        last = index == len(location) - 1
        known = (isinstance(value, Mapping) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
        )
        if known or (last and kind == "missing"):
            value = value[part] if known else None
            pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return pointer


def _with_expressions(schema: dict[str, Any]) -> dict[str, Any]:
    widened = {key: value for key, value in schema.items() if key not in ("properties", "$defs")}
    if "$defs" in schema:
        widened["$defs"] = {k: _with_expressions(v) for k, v in schema["$defs"].items()}
    if "properties" in schema:
        widened["properties"] = {k: _widen(v) for k, v in schema["properties"].items()}
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            widened[keyword] = _widen(schema[keyword])
    return widened


def _widen(schema: dict[str, Any]) -> dict[str, Any]:
    schema = _with_expressions(schema)
    takes_any_text = schema.get("type") == "string" and not any(k in schema for k in _NARROWING)
    if takes_any_text or not schema.keys() - set(_ANNOTATIONS):
        return schema
    outer = {k: v for k, v in schema.items() if k in _ANNOTATIONS or k.startswith("x-")}
    inner = {k: v for k, v in schema.items() if k not in outer}
    return {"anyOf": [inner, dict(_EXPRESSION)], **outer}
