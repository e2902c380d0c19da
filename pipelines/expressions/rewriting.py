"""An expression with its references written in another system's words."""

from collections.abc import Callable

from pipelines.expressions.lexer import Token, tokenize
from pipelines.expressions.templates import OPENING, split

Replacement = Callable[[tuple[str, ...]], str | None]


def rewrite_references(source: str, replacement: Replacement) -> str:
    """Return an expression in which each reference is what `replacement` makes of its path.

    `replacement` gets the path in lower case but for member names in brackets, `*` for all
    members; None leaves the reference as it is. Strings, operators and functions stay.

    Raises:
        ExpressionError: the source is no expression.
    """
    tokens = tokenize(source)
    parts: list[str] = []
    written = index = 0
    while index < len(tokens):
        path, following = _path(tokens, index)
        if path:
            last = tokens[following - 1]
            new = replacement(path)
            if new is not None:
                parts += [source[written : tokens[index].offset], new]
                written = last.offset + len(last.text)
        index = max(following, index + 1)
    return "".join([*parts, source[written:]])


def rewrite_text(text: str, rewrite: Callable[[str], str]) -> str:
    """Return a text in which each `${{ }}` holds what `rewrite` makes of its source.

    Raises:
        ExpressionError: a `${{` without its end, or what `rewrite` raises.
    """
    if OPENING not in text:
        return text
    return "".join(
        f"${{{{ {rewrite(section.source).strip()} }}}}" if section.is_expression else section.source
        for section in split(text)
    )


def _path(tokens: list[Token], start: int) -> tuple[tuple[str, ...], int]:
    """The reference that begins here and the index after it; empty when none begins."""
    first = tokens[start]
    if first.kind != "name" or tokens[start + 1].text == "(":
        return (), start
    path, index = [first.text.lower()], start + 1
    while True:
        here, after = tokens[index], tokens[min(index + 1, len(tokens) - 1)]
        if here.text == "." and (after.text == "*" or after.text.replace("-", "_").isidentifier()):
            path.append(after.text)
            index += 2
        elif here.text == "[" and _closes(tokens, index + 2) and _is_constant(after):
            path.append("*" if after.text == "*" else str(after.value))
            index += 3
        else:
            return tuple(path), index


def _closes(tokens: list[Token], index: int) -> bool:
    return index < len(tokens) and tokens[index].text == "]"


def _is_constant(token: Token) -> bool:
    return token.kind == "literal" or token.text == "*"
