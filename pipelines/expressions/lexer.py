"""From the characters of an expression to its tokens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pipelines.expressions.bounds import LONGEST_SOURCE
from pipelines.expressions.coercion import parse_number
from pipelines.expressions.errors import ExpressionError

_BLANK = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]|[0-9])[0-9A-Za-z_.]*(?:(?<=[eE])[-+][0-9]+)?|[-+]Infinity")
_OPERATOR = re.compile(r"==|!=|<=|>=|&&|\|\||[<>!()\[\],.*]")
_STRING = re.compile(r"'((?:[^']|'')*)'")
_LITERALS: dict[str, Any] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
}
# After one of these a dot leads to a member; anywhere else it starts a number.
_BEFORE_MEMBER = frozenset({")", "]", "*"})
_HINTS = {
    '"': "Write strings in single quotes",
    "=": "Write == to compare",
    "&": "Write && for and",
    "|": "Write || for or",
    "'": "The string is not closed: add '",
}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the source; `text` of an operator is the operator itself."""

    kind: Literal["literal", "name", "operator", "end"]
    text: str
    value: Any
    offset: int


def tokenize(source: str) -> list[Token]:
    """Split an expression into tokens, the last of which is of kind `end`.

    Raises:
        ExpressionError: a character that no token starts with, or too long a source.
    """
    if len(source) > LONGEST_SOURCE:
        raise ExpressionError(
            f"The expression is longer than {LONGEST_SOURCE:,} characters", LONGEST_SOURCE
        )
    return list(_tokens(source))


def _tokens(source: str) -> Iterator[Token]:
    index = _end_of_blank(source, 0)
    previous: Token | None = None
    while index < len(source):
        previous = _next(source, index, previous)
        yield previous
        index = _end_of_blank(source, index + len(previous.text))
    yield Token("end", "", None, len(source))


def _end_of_blank(source: str, index: int) -> int:
    found = _BLANK.match(source, index)
    return found.end() if found else index


def _next(source: str, index: int, previous: Token | None) -> Token:
    if found := _STRING.match(source, index):
        return Token("literal", found[0], found[1].replace("''", "'"), index)
    if found := _NAME.match(source, index):
        return _word(found[0], index, previous)
    after_value = previous is not None and (
        previous.kind == "name" or previous.text in _BEFORE_MEMBER
    )
    if (found := _NUMBER.match(source, index)) and not (after_value and source[index] == "."):
        return _numeral(found[0], index)
    if found := _OPERATOR.match(source, index):
        return Token("operator", found[0], None, index)
    hint = _HINTS.get(source[index], "It has no meaning here")
    raise ExpressionError(f"Unexpected character {source[index]!r}. {hint}", index)


def _word(text: str, index: int, previous: Token | None) -> Token:
    if text in _LITERALS and not (previous is not None and previous.text == "."):
        return Token("literal", text, _LITERALS[text], index)
    return Token("name", text, None, index)


def _numeral(text: str, index: int) -> Token:
    value = parse_number(text)
    # NaN is the one value that differs from itself.
    if value != value:  # noqa: PLR0124
        raise ExpressionError(f"`{text[:40]}` is no number", index)
    return Token("literal", text, value, index)
