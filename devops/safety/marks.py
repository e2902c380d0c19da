"""Where in a YAML text each part of its value was written."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from devops.safety.json_values import line_and_column

_ESCAPE_LENGTHS = {"x": 2, "u": 4, "U": 8}
_BLANK_ESCAPES = frozenset(" \t\r\nntrNLP_vf")


@dataclass(frozen=True)
class Scalar:
    """Where a scalar stands: index of its first character, index after its last, quoting style."""

    start: int
    end: int
    style: str


@dataclass
class Marked:
    """A value that knows where in the text each of its parts was written."""

    value: Any = None
    text: str = ""
    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    scalars: dict[str, Scalar] = field(default_factory=dict)
    # For each string asked about: its characters that are not blank, in the value and in the text.
    _alignments: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)

    def position(self, pointer: str) -> tuple[int, int]:
        """Return line and column (1-based) of the value at a JSON pointer.

        A pointer that leads nowhere gets the position of its nearest existing ancestor.
        """
        while pointer not in self.values and pointer:
            pointer = pointer.rpartition("/")[0]
        return self.values.get(pointer, (1, 1))

    def key_position(self, pointer: str) -> tuple[int, int]:
        """Return line and column (1-based) of the key whose value stands at a JSON pointer."""
        return self.keys[pointer] if pointer in self.keys else self.position(pointer)

    def locate(self, pointer: str, offset: int) -> tuple[int, int]:
        """Return line and column (1-based) of one character of the string at a JSON pointer."""
        scalar = self.scalars.get(pointer)
        if scalar is None:
            return self.position(pointer)
        value = _resolve(self.value, pointer)
        if not isinstance(value, str):
            return self.position(pointer)
        if pointer not in self._alignments:
            written = [i for i, character in enumerate(value) if not character.isspace()]
            self._alignments[pointer] = written, list(_places(self.text, scalar))
        return line_and_column(self.text, _source_index(*self._alignments[pointer], scalar, offset))


def _resolve(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def _source_index(written: list[int], places: list[int], scalar: Scalar, offset: int) -> int:
    # Folding, indentation and chomping move only blanks: the n-th character that is not blank is
    # the same in the text and in the value, whatever the style.
    preceding = bisect_left(written, offset)
    if preceding < len(written) and written[preceding] == offset and preceding < len(places):
        return places[preceding]
    return places[preceding - 1] + 1 if 0 < preceding <= len(places) else scalar.start


def _places(text: str, scalar: Scalar) -> Iterator[int]:
    if scalar.style == '"':
        yield from _double_quoted_places(text, scalar.start + 1, scalar.end - 1)
    elif scalar.style == "'":
        yield from _single_quoted_places(text, scalar.start + 1, scalar.end - 1)
    else:
        block = scalar.style in ("|", ">")
        # The header line of a block (`|-  # words`) is no part of its value.
        start = text.find("\n", scalar.start) + 1 if block else scalar.start
        yield from (i for i in range(start, scalar.end) if not text[i].isspace())


def _single_quoted_places(text: str, index: int, end: int) -> Iterator[int]:
    while index < end:
        if not text[index].isspace():
            yield index
        index += 2 if text[index] == "'" else 1


def _double_quoted_places(text: str, index: int, end: int) -> Iterator[int]:
    while index < end:
        length, blank = 1, text[index].isspace()
        if text[index] == "\\":
            letter = text[index + 1]
            digits = _ESCAPE_LENGTHS.get(letter, 0)
            length = 2 + digits
            blank = letter in _BLANK_ESCAPES
            if digits:
                blank = chr(int(text[index + 2 : index + length], 16)).isspace()
        if not blank:
            yield index
        index += length
