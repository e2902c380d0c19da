"""The typed inputs of a manual start: what the pipeline declares, and what was given."""

from collections.abc import Mapping
from typing import Any, Literal

from devops.errors import FieldProblem, Invalid


def declared_inputs(triggers: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The inputs that a pipeline's manual trigger declares, by name."""
    manual = triggers.get("manual")
    inputs = manual.get("inputs") if isinstance(manual, Mapping) else None
    return dict(inputs or {})


def check_inputs(triggers: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a start, defaults filled in.

    Raises:
        Invalid: naming each input that is unknown, missing or of the wrong type.
    """
    return check_values(declared_inputs(triggers), given, "inputs")


def check_values(
    declared: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Any],
    place: Literal["inputs", "variables"],
) -> dict[str, Any]:
    """The values of declared names, defaults filled in; `place` says what they are.

    Raises:
        Invalid: naming each that is unknown, missing or of the wrong type.
    """
    word = place.removesuffix("s")
    problems = [
        FieldProblem(f"/{place}/{name}", "unknown", f"There is no {word} {name!r}.")
        for name in given
        if name not in declared
    ]
    values: dict[str, Any] = {}
    for name, rule in declared.items():
        if name in given:
            values[name] = given[name]
            problem = _problem(rule, given[name])
            if rule.get("required") and given[name] == "":
                text = f"The {word} {name!r} is required."
                problems.append(FieldProblem(f"/{place}/{name}", "required", text))
            elif problem:
                problems.append(FieldProblem(f"/{place}/{name}", "invalid", problem))
        elif "default" in rule:
            values[name] = rule["default"]
        elif rule.get("required"):
            text = f"The {word} {name!r} is required."
            problems.append(FieldProblem(f"/{place}/{name}", "required", text))
        else:
            values[name] = None
    if problems:
        whole = {"inputs": "pipeline", "variables": "template"}[place]
        raise Invalid(f"The {place} do not fit the {whole}.", errors=problems)
    return values


def _problem(rule: Mapping[str, Any], value: Any) -> str:
    kind = rule.get("type", "string")
    if kind == "choice":
        options = rule.get("options") or []
        return "" if value in options else f"Choose one of {', '.join(map(str, options))}."
    if kind == "boolean":
        return "" if isinstance(value, bool) else "Give true or false."
    if kind == "number":
        ok = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if ok else "Give a number."
    return "" if isinstance(value, str) else "Give a text."


def typed_input(rule: Mapping[str, Any], text: str | None) -> Any:
    """A form's text as the input's type; what does not fit is left for the check to name."""
    kind = rule.get("type", "string")
    if kind == "boolean":
        return text in {"true", "on"}
    if text is None or (text == "" and (kind != "string" or rule.get("required"))):
        return None
    if kind == "number":
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            return text
    return text
