"""The outputs that a step declares, against those that it left."""

import math
from collections.abc import Mapping
from typing import Any

from devops.safety.json_values import DocumentError, load_json
from pipelines.choices import OUTPUTS_MAX_BYTES

_WORDS = {"true": True, "false": False}


def declared_outputs(
    declared: Mapping[str, Any], outputs: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the outputs in their declared types, and what is wrong with them in words.

    A missing output stays missing, one that does not fit its type stays as it was written.
    """
    found, complaints = dict(outputs), []
    for name, rule in declared.items():
        kind = rule.get("type", "string") if isinstance(rule, Mapping) else "string"
        if name not in found:
            complaints.append(f"The declared output {name} is missing.")
            continue
        try:
            found[name] = _typed(found[name], kind)
        except ValueError:
            complaints.append(f"The output {name} is no {kind}; it is kept as it was written.")
    return found, complaints


def _typed(value: Any, kind: str) -> Any:
    """The value in a type.

    Raises:
        ValueError: it cannot be brought into it.
    """
    if not isinstance(value, str):
        return value
    match kind:
        case "number":
            return _number(value)
        case "boolean":
            if value.strip() not in _WORDS:
                raise ValueError(value)
            return _WORDS[value.strip()]
        case "object" | "array":
            return _parsed(value, dict if kind == "object" else list)
        case _:
            return value


def _number(text: str) -> int | float:
    if len(text) > 40:
        raise ValueError(text)
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _parsed(text: str, kind: type) -> Any:
    try:
        parsed = load_json(text, max_bytes=OUTPUTS_MAX_BYTES)
    except DocumentError as error:
        raise ValueError(text) from error
    if not isinstance(parsed, kind):
        raise ValueError(text)  # noqa: TRY004  (one error for every misfit)
    return parsed
