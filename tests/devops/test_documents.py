import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops.safety.documents import (
    DocumentError,
    check_json,
    dump_yaml,
    load_json,
    load_marked,
    load_yaml,
)

CORPUS = Path(__file__).parent.parent / "corpora" / "yaml"
HOSTILE = sorted(CORPUS.glob("*.yml"))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: push", {"on": "push"}),
        ("a: yes", {"a": "yes"}),
        ("a: off", {"a": "off"}),
        ("a: true", {"a": True}),
        ("a: False", {"a": False}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ("a: 2024-01-02", {"a": "2024-01-02"}),
        ("a: 0o17", {"a": 15}),
        ("a: 0x1F", {"a": 31}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 3.12", {"a": 3.12}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: 3.12.1", {"a": "3.12.1"}),
        ("a: '3.12'", {"a": "3.12"}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: ''", {"a": ""}),
        ("1: one\ntrue: two", {"1": "one", "true": "two"}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("", None),
        ("\ufeffa: b", {"a": "b"}),
    ],
)
def test_plain_scalars_follow_the_yaml_1_2_core_schema(text: str, value: Any) -> None:
    assert load_yaml(text) == value
    assert load_yaml(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "words", "line", "column"),
    [
        ("a: &x 1\nb: *x", "Anchors", 1, 4),
        ("a: 1\nb: *x", "Anchors", 2, 4),
        ("a: !!python/object:os.system x", "Tags", 1, 4),
        ("a: !!str 5", "Tags", 1, 4),
        ("a: 1\nb: 2\na: 3", "`a` occurs twice", 3, 1),
        ("a: 1\n'a': 3", "occurs twice", 2, 1),
        ("a: 1\n---\nb: 2", "Only one document", 2, 1),
        ("<<: {a: 1}", "merge key", 1, 1),
        ("? [a]\n: 1", "A key must be", 1, 3),
        ("a: .inf", "quote them", 1, 4),
        ("a: 1e999", "finite", 1, 4),
        ("a: 99999999999999999999999", "64 bits", 1, 4),
        ("a: " + "9" * 5000, "this length", 1, 4),
        ('a: "\\0"', "NUL", 1, 4),
        ("a: \0", "control character", 1, 4),
        ("a: \ud800", "surrogate", 1, 4),
        ("a: [1, 2\n", "Not valid YAML", 1, 9),
        ("a: b: c", "Not valid YAML", 1, 5),
        ("[" * 3000, "Nested deeper", 1, 65),
    ],
)
def test_what_no_document_may_hold_is_refused_where_it_stands(
    text: str, words: str, line: int, column: int
) -> None:
    with pytest.raises(DocumentError) as refusal:
        load_yaml(text)

    assert words in refusal.value.message
    assert (refusal.value.line, refusal.value.column) == (line, column)


def test_bytes_that_are_no_utf_8_are_refused_with_their_position() -> None:
    with pytest.raises(DocumentError, match="UTF-8") as refusal:
        load_yaml(b"a: 1\nb: \xff")

    assert (refusal.value.line, refusal.value.column) == (2, 4)


def test_a_document_larger_than_its_bound_is_refused() -> None:
    assert load_yaml("a: " + "é" * 10, max_bytes=23) == {"a": "é" * 10}
    with pytest.raises(DocumentError, match="Larger than 22 bytes"):
        load_yaml("a: " + "é" * 10, max_bytes=22)


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_every_document_of_the_hostile_corpus_is_refused_with_a_line(path: Path) -> None:
    with pytest.raises(DocumentError) as refusal:
        load_yaml(path.read_bytes())

    assert refusal.value.line >= 1
    assert refusal.value.column >= 1


def test_the_corpus_is_there() -> None:
    assert len(HOSTILE) >= 10


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_either_read_or_refused(text: str | bytes) -> None:
    try:
        value = load_yaml(text)
    except DocumentError:
        return
    check_json(value)
    json.dumps(value, allow_nan=False)


@given(json_values)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    assert load_yaml(dump_yaml(value)) == value


@given(json_values)
def test_json_text_reads_back_the_same(value: Any) -> None:
    assert load_json(json.dumps(value)) == value


def test_writing_keeps_the_order_and_quotes_only_where_needed() -> None:
    value = {
        "on": {"push": {}},
        "name": "yes",
        "b": "12:30",
        "a": "1e5",
        "run": "one\ntwo\n",
        "list": ["x", {"y": None}],
        "version": "3.12",
        "text": "plain words: no",
    }

    assert dump_yaml(value) == (
        "on:\n  push: {}\nname: 'yes'\nb: '12:30'\na: '1e5'\nrun: |\n  one\n  two\n"
        "list:\n- x\n- y: null\nversion: '3.12'\ntext: 'plain words: no'\n"
    )


def test_positions_of_values_and_keys_are_known() -> None:
    marked = load_marked("name: CI\nsteps:\n  - name: One\n    with: {a/b: [1, 2]}\n")

    assert marked.position("") == (1, 1)
    assert marked.position("/name") == (1, 7)
    assert marked.key_position("/name") == (1, 1)
    assert marked.position("/steps/0/with/a~1b/1") == (4, 21)
    assert marked.key_position("/steps/0/with") == (4, 5)
    assert marked.position("/steps/0/nothing/here") == (3, 5)


@pytest.mark.parametrize(
    ("text", "needle", "expected"),
    [
        ("a: one two", "two", (1, 8)),
        ("a: 'it''s two'", "two", (1, 11)),
        ('a: "x\\n\\u00e9 two"', "two", (1, 15)),
        ('a: "x\\u0020\\\n   two"', "two", (2, 4)),
        ("a: |  # words\n  one\n\n    two\n", "two", (4, 5)),
        ("a: >-\n  one\n  two\n", "two", (3, 3)),
        ("a: one\n   two", "two", (2, 4)),
        ("ä: é two", "two", (1, 6)),
    ],
)
def test_a_character_inside_a_string_is_found_in_the_text(
    text: str, needle: str, expected: tuple[int, int]
) -> None:
    marked = load_marked(text)
    (key,) = marked.value

    assert marked.locate(f"/{key}", marked.value[key].index(needle)) == expected


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": ["\0"]}, "/a/0"),
        ({"a": {"b/c": "\udfff"}}, "/a/b~1c"),
        ({"a\0": 1}, ""),
        ([float("nan")], "/0"),
        ([1, float("-inf")], "/1"),
        ([10**40], "/0"),
        ({"a": b"bytes"}, "/a"),
        ({1: "x"}, ""),
    ],
)
def test_a_value_that_no_store_takes_is_refused_with_its_pointer(value: Any, pointer: str) -> None:
    with pytest.raises(DocumentError) as refusal:
        check_json(value)

    assert refusal.value.pointer == pointer


def test_depth_is_counted_without_recursion() -> None:
    value: Any = 1
    for _ in range(64):
        value = [value]
    check_json(value)
    for _ in range(100_000):
        value = [value]

    with pytest.raises(DocumentError, match="Nested deeper than 64"):
        check_json(value)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "NaN", '{"a": 1, "a": 2}', "9" * 5000, '"\\ud800"', '"\\u0000"', "{", "1e999"],
)
def test_hostile_json_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        load_json(text)
