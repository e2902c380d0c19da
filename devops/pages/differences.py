"""Unified differences as the pages show them."""

from difflib import unified_diff


def between(before: str, after: str) -> list[dict[str, str]]:
    """The rows that make one text another; none when they are equal."""
    made = unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return diff_lines("\n".join(list(made)[2:]))


def diff_lines(text: str) -> list[dict[str, str]]:
    """Rows `{text, kind}`; `kind` is head, addition, deletion or empty."""
    return [_line(line) for line in text.splitlines()]


def _line(text: str) -> dict[str, str]:
    if text.startswith(("+++", "---", "@@")):
        return {"text": text, "kind": "head"}
    return {"text": text[1:], "kind": {"+": "addition", "-": "deletion"}.get(text[:1], "")}
