"""How values turn into booleans, numbers and strings, and when two are equal.

Source: GitHub Docs, "Evaluate expressions in workflows and actions" (literals, operators).
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["null", "boolean", "number", "string", "array", "object"]

_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_RADIX = re.compile(r"0x([0-9a-fA-F]{1,64})|0o([0-7]{1,64})")
_INFINITY = re.compile(r"([-+]?)Infinity")
_NAN = float("nan")


def kind_of(value: Any) -> Kind:
    """Return the JSON type of a value; whatever is none counts as null, so nothing leaks out."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Mapping):
        return "object"
    return "array" if isinstance(value, list | tuple) else "null"


def parse_number(text: str) -> int | float:
    """Read a number as written in an expression or a string; NaN when it is none."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if found := _RADIX.fullmatch(text):
        return int(found[1], 16) if found[1] else int(found[2], 8)
    if found := _INFINITY.fullmatch(text):
        return -math.inf if found[1] == "-" else math.inf
    return float(text) if _DECIMAL.fullmatch(text) else _NAN


def to_number(value: Any) -> int | float:
    """Return the number that a value counts as in a comparison of different types."""
    match kind_of(value):
        case "null":
            return 0
        case "boolean":
            return int(value)
        case "number":
            return value  # type: ignore[no-any-return]  # kind_of has looked
        case "string":
            text = value.strip()
            return parse_number(text) if text else 0
        case _:
            return _NAN


def to_string(value: Any) -> str:
    """Return the text that a value becomes inside other text."""
    match kind_of(value):
        case "null":
            return ""
        case "boolean":
            return "true" if value else "false"
        case "number":
            return _number_text(value)
        case "string":
            return str(value)
        case "array":
            return "Array"
        case _:
            return "Object"


def is_truthy(value: Any) -> bool:
    """Tell whether a value counts as true: all but false, 0, NaN, the empty string and null."""
    match kind_of(value):
        case "null":
            return False
        case "number":
            return not (value == 0 or math.isnan(value))
        case "boolean" | "string":
            return bool(value)
        case _:
            return True


def fold(text: str) -> str:
    """Return the text as it is compared: without case, character by character."""
    if text.isascii():
        return text.upper()
    # One character stays one: `ß` is not `SS` here.
    return "".join(up if len(up := character.upper()) == 1 else character for character in text)


def are_equal(left: Any, right: Any) -> bool:
    """Compare loosely: strings without case, collections by identity, all else as numbers."""
    kinds = kind_of(left), kind_of(right)
    if kinds == ("string", "string"):
        return fold(left) == fold(right)
    if "array" in kinds or "object" in kinds:
        return left is right
    return to_number(left) == to_number(right)


def is_less(left: Any, right: Any) -> bool:
    """Order two values: strings without case, all else as numbers; NaN and collections never."""
    if kind_of(left) == kind_of(right) == "string":
        return fold(left) < fold(right)
    return to_number(left) < to_number(right)


def _number_text(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return format(value, ".15g").replace("e", "E")
