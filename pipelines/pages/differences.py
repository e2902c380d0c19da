"""Unified differences as the pages show them."""


def diff_lines(text: str) -> list[dict[str, str]]:
    """Rows `{text, kind}`; `kind` is head, addition, deletion or empty."""
    return [_line(line) for line in text.splitlines()]


def _line(text: str) -> dict[str, str]:
    if text.startswith(("+++", "---", "@@")):
        return {"text": text, "kind": "head"}
    return {"text": text[1:], "kind": {"+": "addition", "-": "deletion"}.get(text[:1], "")}
