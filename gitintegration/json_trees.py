"""A JSON value as a tree that a page can fold, bounded in depth and size."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH, MAX_NODES, MAX_TEXT = 12, 4000, 2000


@dataclass(slots=True)
class JsonNode:
    """One value under its name.

    Attributes:
        kind: `object`, `list`, `text`, `number`, `word` (true, false, null) or `more`.
        text: the value of a leaf, or how many members a branch has.
        is_open: whether the branch is shown unfolded at first.
    """

    name: str
    kind: str
    text: str
    is_open: bool = False
    members: "list[JsonNode]" = field(default_factory=list)


class _Budget:
    def __init__(self) -> None:
        self.left = MAX_NODES


def json_tree(value: Any) -> list[JsonNode]:
    """The members of the outermost object or list."""
    return _members(value, 0, _Budget())


def _members(value: Any, depth: int, budget: _Budget) -> list[JsonNode]:
    pairs: Iterable[tuple[str, Any]] = (
        value.items()
        if isinstance(value, dict)
        else ((str(index), each) for index, each in enumerate(value))
        if isinstance(value, list)
        else ()
    )
    found = []
    for name, each in pairs:
        if budget.left <= 0:
            found.append(JsonNode("…", "more", "the rest stands in the text below"))
            break
        budget.left -= 1
        found.append(_node(str(name)[:200], each, depth, budget))
    return found


def _node(name: str, value: Any, depth: int, budget: _Budget) -> JsonNode:
    if isinstance(value, dict | list):
        kind = "object" if isinstance(value, dict) else "list"
        count = f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
        if depth >= MAX_DEPTH or not value:
            empty = "{}" if kind == "object" else "[]"
            return JsonNode(name, "word", "…" if value else empty)
        is_open = depth == 0 and len(value) <= 6
        return JsonNode(name, kind, count, is_open, _members(value, depth + 1, budget))
    if isinstance(value, str):
        return JsonNode(name, "text", value[:MAX_TEXT] + ("…" if len(value) > MAX_TEXT else ""))
    if value is None or isinstance(value, bool):
        return JsonNode(name, "word", {None: "null", True: "true", False: "false"}[value])
    return JsonNode(name, "number", str(value))
