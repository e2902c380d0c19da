"""The functions of the language.

Source: GitHub Docs, "Evaluate expressions in workflows and actions" (functions).
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from devops.safety.json_values import DocumentError, load_json
from pipelines.expressions.bounds import LARGEST_RESULT_BYTES, Meter, Output, too_large
from pipelines.expressions.coercion import are_equal, fold, kind_of, to_string
from pipelines.expressions.errors import ExpressionError

_MOST_ARGUMENTS = 255
ARITIES: Mapping[str, tuple[int, int]] = {
    "contains": (2, 2),
    "startswith": (2, 2),
    "endswith": (2, 2),
    "format": (1, _MOST_ARGUMENTS),
    "join": (1, 2),
    "tojson": (1, 1),
    "fromjson": (1, 1),
    "hashfiles": (1, _MOST_ARGUMENTS),
    "success": (0, 0),
    "failure": (0, 0),
    "cancelled": (0, 0),
    "always": (0, 0),
}
STATUS_FUNCTIONS = frozenset({"success", "failure", "cancelled", "always"})
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([0-9]{1,3})\}|[{}]")


class Builtins:
    """The functions as one evaluation calls them: each is given its arguments and its position."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.table: Mapping[str, Callable[[list[Any], int], Any]] = {
            "contains": self._contains,
            "startswith": self._starts_with,
            "endswith": self._ends_with,
            "format": self._format,
            "join": self._join,
            "tojson": self._to_json,
            "fromjson": self._from_json,
            "hashfiles": _hash_files,
            "success": _true,
            "always": _true,
            "failure": _false,
            "cancelled": _false,
        }

    def _contains(self, arguments: list[Any], position: int) -> bool:
        searched, item = arguments
        if kind_of(searched) == "object":
            return False
        if kind_of(searched) == "array":
            return any(self._equal(member, item, position) for member in searched)
        texts = self._texts(arguments, position)
        return texts is not None and texts[1] in texts[0]

    def _starts_with(self, arguments: list[Any], position: int) -> bool:
        texts = self._texts(arguments, position)
        return texts is not None and texts[0].startswith(texts[1])

    def _ends_with(self, arguments: list[Any], position: int) -> bool:
        texts = self._texts(arguments, position)
        return texts is not None and texts[0].endswith(texts[1])

    def _texts(self, arguments: list[Any], position: int) -> list[str] | None:
        if any(kind_of(argument) in ("array", "object") for argument in arguments):
            return None
        texts = [to_string(argument) for argument in arguments]
        self._meter.spend_text(sum(map(len, texts)), position)
        return [fold(text) for text in texts]

    def _equal(self, left: Any, right: Any, position: int) -> bool:
        both = isinstance(left, str) and isinstance(right, str)
        self._meter.spend_text(len(left) + len(right) if both else 0, position)
        return are_equal(left, right)

    def _format(self, arguments: list[Any], position: int) -> str:
        template, *values = arguments
        text = to_string(template)
        output = Output(self._meter, position)
        end = 0
        for found in _PLACEHOLDER.finditer(text):
            output.add(text[end : found.start()])
            output.add(_filled(found, values, position))
            end = found.end()
        output.add(text[end:])
        return output.text()

    def _join(self, arguments: list[Any], position: int) -> str:
        members, separator = arguments[0], to_string(arguments[1]) if arguments[1:] else ","
        if kind_of(members) != "array":
            return "" if kind_of(members) == "object" else to_string(members)
        output = Output(self._meter, position)
        for index, member in enumerate(members):
            if index:
                output.add(separator)
            output.add(to_string(member))
        return output.text()

    def _to_json(self, arguments: list[Any], position: int) -> str:
        try:
            text = json.dumps(arguments[0], indent=2, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ExpressionError("toJSON() was given a value that is no JSON", position) from error
        if len(text) > LARGEST_RESULT_BYTES:
            raise too_large(position)
        self._meter.spend_json(len(text), position)
        return text

    def _from_json(self, arguments: list[Any], position: int) -> Any:
        text = to_string(arguments[0])
        self._meter.spend_json(len(text), position)
        try:
            return load_json(text, max_bytes=LARGEST_RESULT_BYTES)
        except DocumentError as error:
            raise ExpressionError(f"fromJSON(): {error}", position) from error


def _filled(found: "re.Match[str]", values: list[Any], position: int) -> str:
    if found[0] in ("{{", "}}"):
        return found[0][0]
    if found[1] is None:
        raise ExpressionError(
            f"format() found a single `{found[0]}`: double it to mean the character", position
        )
    index = int(found[1])
    if index >= len(values):
        raise ExpressionError(
            f"format() has no value for {{{index}}}: {len(values)} are given", position
        )
    return to_string(values[index])


def _hash_files(_arguments: list[Any], position: int) -> Any:
    raise ExpressionError("hashFiles() works only inside a step, where there are files", position)


def _true(_arguments: list[Any], _position: int) -> bool:
    return True


def _false(_arguments: list[Any], _position: int) -> bool:
    return False
