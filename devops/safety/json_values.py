"""What counts as a JSON value here, and the reader of JSON text."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

MAX_BYTES = 262_144
MAX_DEPTH = 64
SMALLEST_INTEGER = -(2**63)
LARGEST_INTEGER = 2**64 - 1
LONGEST_NUMBER = 400

_SURROGATE = re.compile("[\ud800-\udfff]")


class DocumentError(ValueError):
    """The text or value is no acceptable document; `line` and `column` are 1-based, 0: unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0, pointer: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.pointer = pointer

    def __str__(self) -> str:
        if self.line:
            return f"{self.message} (line {self.line}, column {self.column})"
        return f"{self.message} (at {self.pointer})" if self.pointer else self.message


def join_pointer(parent: str, key: str | int) -> str:
    """Return the JSON pointer of a member. Source: RFC 6901, section 3."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"


def load_json(text: str | bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Read one JSON text, refusing what `check_json` refuses and equal keys.

    Raises:
        DocumentError: with line and column where the text is no JSON, else with a pointer.
    """
    source = decode(text, max_bytes)
    try:
        value = json.loads(
            source,
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(f"Not valid JSON: {error.msg}", error.lineno, error.colno) from error
    except RecursionError as error:
        raise DocumentError(f"Nested deeper than {max_depth} levels") from error
    check_json(value, max_depth=max_depth)
    return value


def check_json(value: Any, *, max_depth: int = MAX_DEPTH) -> None:
    """Refuse a value that PostgreSQL, JavaScript or a recursive reader would choke on.

    Raises:
        DocumentError: `pointer` names the place.
    """
    if _is_sound(value, max_depth):
        return
    # A list as the stack: a recursive walk would itself fall over what it is looking for.
    waiting: list[tuple[Any, str, int]] = [(value, "", 1)]
    while waiting:
        item, pointer, depth = waiting.pop()
        if isinstance(item, dict | list) and depth > max_depth:
            raise DocumentError(f"Nested deeper than {max_depth} levels", pointer=pointer)
        if isinstance(item, dict):
            for key, member in item.items():
                if not isinstance(key, str):
                    raise DocumentError("A key must be a string", pointer=pointer)
                check_scalar(key, pointer)
                waiting.append((member, join_pointer(pointer, key), depth + 1))
        elif isinstance(item, list):
            waiting.extend(
                (member, join_pointer(pointer, index), depth + 1)
                for index, member in enumerate(item)
            )
        else:
            check_scalar(item, pointer)


def _is_sound(value: Any, max_depth: int) -> bool:
    """Whether nothing needs a closer look; goes level by level, because most values are sound."""
    level = [value]
    for _ in range(max_depth):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                if not all(type(key) is str and _is_sound_text(key) for key in item):
                    return False
                below += item.values()
            elif kind is list:
                below += item
            elif not _SOUND.get(kind, _never)(item):
                return False
        if not below:
            return True
        level = below
    # Whatever holds something lies too deep here.
    return all(_SOUND.get(type(item), _never)(item) for item in level)


def _is_sound_text(text: str) -> bool:
    return "\0" not in text and (text.isascii() or _SURROGATE.search(text) is None)


def _never(_item: object) -> bool:
    return False


_SOUND: Mapping[type, Callable[[Any], bool]] = {
    str: _is_sound_text,
    int: lambda number: bool(SMALLEST_INTEGER <= number <= LARGEST_INTEGER),
    float: math.isfinite,
    bool: lambda _truth: True,
    type(None): lambda _nothing: True,
}


def decode(text: str | bytes, max_bytes: int) -> str:
    """Return the text of a document of bounded size, without a byte order mark.

    Raises:
        DocumentError: too large, or not UTF-8.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > max_bytes:
        raise DocumentError(f"Larger than {max_bytes:,} bytes", 1, 1)
    text = (_decode_utf_8(text) if isinstance(text, bytes) else text).removeprefix("\ufeff")
    if found := _SURROGATE.search(text):
        raise DocumentError(
            "A lone surrogate is no character", *line_and_column(text, found.start())
        )
    return text


def _decode_utf_8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = line_and_column(before, len(before))
        raise DocumentError("Not valid UTF-8", line, column) from error


def check_scalar(value: Any, pointer: str) -> None:
    """Refuse a string, number or foreign object that no JSON store takes.

    Raises:
        DocumentError: with `pointer` as given.
    """
    if isinstance(value, str):
        problem = _problem_of_text(value)
    elif isinstance(value, float):
        problem = "" if math.isfinite(value) else "A number must be finite"
    elif isinstance(value, int):
        fits = SMALLEST_INTEGER <= value <= LARGEST_INTEGER
        problem = "" if fits else "An integer must fit into 64 bits"
    else:
        problem = "" if value is None else f"{type(value).__name__} is no JSON type"
    if problem:
        raise DocumentError(problem, pointer=pointer)


def _problem_of_text(text: str) -> str:
    if "\0" in text:
        return "A NUL character cannot be stored"
    return "A lone surrogate is no character" if _SURROGATE.search(text) else ""


def line_and_column(text: str, index: int) -> tuple[int, int]:
    """Return the 1-based line and column of a character index."""
    before = text[:index]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise DocumentError("An integer must fit into 64 bits")
    return int(text)


def _refuse_constant(name: str) -> None:
    raise DocumentError(f"{name} is no JSON number")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DocumentError(f"The key `{twice[:80]}` occurs twice in one object: remove one")
    return members
