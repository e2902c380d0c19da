"""Payloads as trees that stay small, whatever was sent."""

from typing import Any

from gitintegration.json_trees import MAX_DEPTH, MAX_NODES, MAX_TEXT, JsonNode, json_tree


def count(nodes: list[JsonNode]) -> int:
    return sum(1 + count(node.members) for node in nodes)


def test_each_value_has_its_kind() -> None:
    tree = json_tree({"a": "x", "b": 1.5, "c": None, "d": True, "e": [], "f": {"g": [2]}})

    assert [(node.kind, node.text) for node in tree] == [
        ("text", "x"), ("number", "1.5"), ("word", "null"), ("word", "true"), ("word", "[]"),
        ("object", "1 entry"),
    ]  # fmt: skip
    assert tree[-1].members[0].members[0].text == "2"


def test_a_wide_value_is_cut_with_a_word() -> None:
    tree = json_tree({"rows": list(range(MAX_NODES * 2))})

    assert count(tree) <= MAX_NODES + 1
    assert tree[0].members[-1].kind == "more"


def test_a_deep_value_ends() -> None:
    value: Any = 0
    for _ in range(200):
        value = {"a": value}

    node = json_tree(value)[0]
    depth = 1
    while node.members:
        node = node.members[0]
        depth += 1
    assert depth == MAX_DEPTH + 1
    assert node.text == "…"


def test_a_long_text_is_cut() -> None:
    assert json_tree({"a": "x" * (MAX_TEXT + 1)})[0].text == "x" * MAX_TEXT + "…"
