"""Text with expressions in it: `${{ … }}`."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.expressions.errors import ExpressionError

OPENING = "${{"
CLOSING = "}}"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text, plain or the source inside `${{ }}`; `offset` is its first character."""

    source: str
    offset: int
    is_expression: bool


def split(text: str) -> list[Section]:
    """Return the parts of a text in order.

    Raises:
        ExpressionError: a `${{` without its `}}`.
    """
    return list(_sections(text))


def sole_expression(text: str) -> Section | None:
    """Return the expression when the text is nothing but one, else None."""
    sections = split(text)
    return sections[0] if len(sections) == 1 and sections[0].is_expression else None


def _sections(text: str) -> Iterator[Section]:
    index = 0
    while index < len(text):
        start = text.find(OPENING, index)
        if start < 0:
            yield Section(text[index:], index, is_expression=False)
            return
        if start > index:
            yield Section(text[index:start], index, is_expression=False)
        inner = start + len(OPENING)
        end = _end_of_expression(text, inner)
        yield Section(text[inner:end], inner, is_expression=True)
        index = end + len(CLOSING)


def _end_of_expression(text: str, start: int) -> int:
    # A `}}` inside a string belongs to the string; a doubled quote closes and opens again.
    index, quoted = start, False
    while index < len(text):
        if text[index] == "'":
            quoted = not quoted
        elif not quoted and text.startswith(CLOSING, index):
            return index
        index += 1
    raise ExpressionError("`${{` has no closing `}}`", start - len(OPENING))
