from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.expressions import (
    ExpressionError,
    condition,
    interpolate,
    interpolate_value,
    references,
)

CONTEXTS: dict[str, Any] = {
    "inputs": {"n": 5, "flag": False, "list": [1, "a"], "name": "Ann", "none": None, "f": 0.1},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${{ inputs.n }}", 5),
        ("${{ inputs.list }}", [1, "a"]),
        ("${{inputs.none}}", None),
        (" ${{ inputs.n }}", " 5"),
        ("${{ inputs.n }}${{ inputs.n }}", "55"),
        ("a ${{ inputs.flag }} b ${{ inputs.none }} c", "a false b  c"),
        ("x${{ inputs.list }}", "xArray"),
        ("x${{ inputs }}", "xObject"),
        ("x${{ inputs.f }}", "x0.1"),
        ("${{ '}}' }}", "}}"),
        ("${{ 'it''s }}' }}!", "it's }}!"),
        ("${{ '${{' }}", "${{"),
        ("$ {{ x }} }}", "$ {{ x }} }}"),
    ],
)
def test_text_with_expressions(text: str, value: Any) -> None:
    assert interpolate(text, CONTEXTS) == value


@pytest.mark.parametrize(
    ("text", "position"),
    [("ab ${{ x", 3), ("ab ${{ x + }}", 9), ("${{ a }} ${{ }}", 13), ("${{ '}}", 0)],
)
def test_an_error_is_placed_in_the_whole_text(text: str, position: int) -> None:
    with pytest.raises(ExpressionError) as refusal:
        interpolate(text, CONTEXTS)

    assert refusal.value.position == position


def test_values_are_interpolated_at_every_depth_but_keys_are_not() -> None:
    value = {"${{ inputs.n }}": ["${{ inputs.n }}", {"a": "x${{ inputs.n }}"}, 3, None, True]}

    assert interpolate_value(value, CONTEXTS) == {
        "${{ inputs.n }}": [5, {"a": "x5"}, 3, None, True]
    }


def test_the_text_of_a_value_is_not_evaluated_again() -> None:
    contexts = {"inputs": {"evil": "${{ inputs.secret }}", "secret": "s3cret"}}

    assert interpolate("x ${{ inputs.evil }}", contexts) == "x ${{ inputs.secret }}"


def test_many_large_expressions_in_one_text_are_refused() -> None:
    contexts = {"inputs": {"big": ["x" * 500_000]}}

    with pytest.raises(ExpressionError, match="steps"):
        interpolate("${{ inputs.big }} " * 2000, contexts)


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = [value]

    with pytest.raises(ExpressionError, match="nested deeper"):
        interpolate_value(value, CONTEXTS)


FAILED = {"success": lambda: False, "failure": lambda: True}


@pytest.mark.parametrize(
    ("source", "after_success", "after_failure"),
    [
        ("", True, False),
        ("  ", True, False),
        ("true", True, False),
        ("${{ inputs.n == 5 }}", True, False),
        (" ${{ inputs.n == 6 }} ", False, False),
        ("inputs.flag", False, False),
        ("always()", True, True),
        ("ALWAYS() && inputs.n", True, True),
        ("failure()", False, True),
        ("!cancelled() && inputs.name == 'ann'", True, True),
        ("contains('success()', 'x') || true", True, False),
        ("inputs.list", True, False),
        ("''", False, False),
    ],
)
def test_success_is_implied_unless_a_status_function_is_called(
    source: str, after_success: bool, after_failure: bool
) -> None:
    assert condition(source, CONTEXTS) is after_success
    assert condition(source, CONTEXTS, functions=FAILED) is after_failure


def test_a_condition_that_mixes_text_and_expressions_is_refused() -> None:
    with pytest.raises(ExpressionError, match="one expression"):
        condition("${{ inputs.flag }} == true", CONTEXTS)


def test_an_error_in_a_condition_is_placed_in_its_source() -> None:
    with pytest.raises(ExpressionError) as refusal:
        condition("  ${{ a = b }}", CONTEXTS)

    assert refusal.value.position == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.n", [("inputs.n", 0)]),
        ("a ${{ inputs.n }} ${{ x }}", [("inputs.n", 6), ("x", 22)]),
        ("steps['a'].outputs.*", [("steps.a.outputs.*", 0)]),
        ("steps[inputs.n].status", [("steps.*.status", 0), ("inputs.n", 6)]),
        ("toJSON(trigger)", [("trigger", 7)]),
        ("fromJSON(a.b).c && !d[0]", [("a.b", 9), ("d.0", 20)]),
        ("format('{0}', x) == y", [("x", 14), ("y", 20)]),
        ("'text' == 1", []),
    ],
)
def test_references_are_found_without_evaluation(
    text: str, expected: list[tuple[str, int]]
) -> None:
    assert [(str(r), r.offset) for r in references(text)] == expected


@given(st.text(alphabet="${} 'a.b!=&()\n", max_size=80))
def test_any_text_interpolates_or_is_refused(text: str) -> None:
    position = 0
    try:
        interpolate(text, CONTEXTS)
    except ExpressionError as error:
        position = error.position

    assert 0 <= position <= len(text)
