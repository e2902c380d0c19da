"""The variables of a template: declared, checked, and put into the definition.

A variable names the places that it fills by JSON pointers. Values are put there as values; no text
is ever pasted into a command, so that none can change what a command means.
"""

import copy
from collections.abc import Mapping
from typing import Any

from devops.errors import FieldProblem, Invalid
from pipelines.inputs import check_values

KINDS = ("string", "number", "boolean", "choice")
_RULES = {"type", "default", "options", "required", "description", "sets"}


def check_declared(variables: Mapping[str, Any], definition: Mapping[str, Any]) -> None:
    """Refuse variables that no installation could fill in.

    Raises:
        Invalid: naming each with what is wrong about it.
    """
    problems = [
        FieldProblem(f"/default_variables/{name}", "invalid", text)
        for name, rule in variables.items()
        for text in _wrong(rule, definition)
    ]
    if problems:
        raise Invalid(f"The variables are not usable: {problems[0].detail}", errors=problems)


def filled(
    definition: Mapping[str, Any], variables: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """A copy of the definition with the values put where the variables belong.

    Raises:
        Invalid: naming each value that is unknown, missing or of the wrong type.
    """
    values = check_values(variables, given, "variables")
    result: dict[str, Any] = copy.deepcopy(dict(definition))
    for name, rule in variables.items():
        if values[name] is None:
            continue
        for pointer in rule["sets"]:
            holder, last = _holder(result, pointer)
            in_environment = len(_parts(pointer)) > 1 and _parts(pointer)[-2] == "environment"
            # The environment of processes is text.
            holder[last] = _text(values[name]) if in_environment else values[name]
    return result


def _wrong(rule: Any, definition: Mapping[str, Any]) -> list[str]:
    if not isinstance(rule, Mapping):
        return ["A variable is an object with `type` and `sets`."]
    found = [f"There is no rule {name!r}." for name in rule if name not in _RULES]
    kind = rule.get("type", "string")
    if kind not in KINDS:
        found.append(f"`type` is one of {', '.join(KINDS)}.")
    if kind == "choice" and not (isinstance(rule.get("options"), list) and rule["options"]):
        found.append("A choice needs `options`.")
    found += _wrong_places(rule.get("sets"), definition)
    if not found and "default" in rule:
        try:
            check_values({"it": rule}, {"it": rule["default"]}, "variables")
        except Invalid as error:
            found.append(f"The default does not fit: {error.errors[0].detail}")
    return found


def _wrong_places(pointers: Any, definition: Mapping[str, Any]) -> list[str]:
    if not isinstance(pointers, list) or not pointers:
        return ["`sets` lists the places in the definition that it fills."]
    found = []
    for pointer in pointers:
        try:
            _holder(definition, str(pointer))
        except LookupError:
            found.append(f"The definition has no place {pointer!r}.")
    return found


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _holder(definition: Any, pointer: str) -> tuple[Any, Any]:
    """The object or list around a place, and the place's key in it; the place itself may be new.

    Raises:
        LookupError: nothing is there.
    """
    *way, last = _parts(pointer) or [""]
    value = definition
    for part in way:
        value = value[_key(value, part)]
    key = _key(value, last)
    if isinstance(value, list):
        value[key]  # an entry is replaced, never added
    return value, key


def _key(value: Any, part: str) -> Any:
    if isinstance(value, list) and part.isascii() and part.isdigit():
        return int(part)
    if isinstance(value, dict) and part:
        return part
    raise LookupError(part)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
