from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.documents import MatrixError, combinations, label
from pipelines.documents.expansion import ExpansionError, expand


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ({}, []),
        ({"a": [1, 2]}, [{"a": 1}, {"a": 2}]),
        (
            {"os": ["l", "w"], "py": ["3.11", "3.12"]},
            [{"os": "l", "py": "3.11"}, {"os": "l", "py": "3.12"},
             {"os": "w", "py": "3.11"}, {"os": "w", "py": "3.12"}],
        ),
        (
            {"os": ["l", "w"], "py": [1, 2], "exclude": [{"os": "w", "py": 1}]},
            [{"os": "l", "py": 1}, {"os": "l", "py": 2}, {"os": "w", "py": 2}],
        ),
        ({"a": [1, 2], "exclude": [{"a": 1}]}, [{"a": 2}]),
        # An entry extends what it does not change, and is a combination of its own otherwise.
        ({"a": [1, 2], "include": [{"b": "x"}]}, [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]),
        ({"a": [1, 2], "include": [{"a": 2, "b": "x"}]}, [{"a": 1}, {"a": 2, "b": "x"}]),
        ({"a": [1], "include": [{"a": 3}]}, [{"a": 1}, {"a": 3}]),
        ({"a": [1], "include": [{"b": 1}, {"b": 2}]}, [{"a": 1, "b": 2}]),
        ({"include": [{"a": 1}, {"a": 2, "b": 3}]}, [{"a": 1}, {"a": 2, "b": 3}]),
        ({"a": [True, 1], "exclude": [{"a": 1}]}, [{"a": True}]),
        ({"a": [1], "fail_fast": False, "max_parallel": 2}, [{"a": 1}]),
    ],
)  # fmt: skip
def test_combinations_come_in_order(matrix: dict[str, Any], expected: list[Any]) -> None:
    assert combinations(matrix) == expected


@pytest.mark.parametrize(
    ("matrix", "member", "message"),
    [
        ({"a": []}, "a", "at least one value"),
        ({"a": "x"}, "a", "must be a list"),
        ({"a": [[1]]}, "a", "text, numbers and booleans only"),
        ({"a": [None]}, "a", "text, numbers and booleans only"),
        ({"a": [1], "exclude": [{"a": 1}]}, "exclude", "leaves no combination"),
        ({"a": [1], "exclude": [{"b": 1}]}, "exclude", "names `b` (dimensions: a)"),
        ({"exclude": [{"b": 1}]}, "exclude", "no combinations to exclude"),
        ({"a": [1], "include": {"b": 1}}, "include", "list of objects"),
        ({"a": [1], "include": [{}]}, "include", "list of objects"),
        ({"a": list(range(257))}, "", "more than 256 combinations"),
        ({"a": list(range(99)), "b": list(range(99))}, "b", "before `exclude`"),
        ({"a": list(range(200)), "include": [{"a": 1000 + n} for n in range(100)]}, "",
         "more than 256"),
    ],
)  # fmt: skip
def test_what_is_no_matrix_is_refused_with_the_part_to_blame(
    matrix: dict[str, Any], member: str, message: str
) -> None:
    with pytest.raises(MatrixError) as raised:
        combinations(matrix)

    assert raised.value.member == member
    assert message in raised.value.message


plain = st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
junk = st.recursive(
    plain | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "include", "exclude", "fail_fast"]), junk))
def test_any_value_gives_combinations_or_words(matrix: dict[str, Any]) -> None:
    try:
        found = combinations(matrix)
    except MatrixError:
        return
    assert len(found) <= 256
    assert all(each and label(each) is not None for each in found)


CONTEXTS = {"trigger": {"branch": "main", "title": "a\nb"}, "inputs": {"v": '["3.11","3.12"]'}}


def _step(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "key": "k", "step_type": "custom", **more}


def test_values_are_evaluated_when_the_run_is_made() -> None:
    step = _step(
        "Tests", matrix={"py": "${{ fromJSON(inputs.v) }}", "b": ["${{ trigger.branch }}"]}
    )

    planned = expand([step], CONTEXTS)

    assert [each.matrix for each in planned] == [
        {"py": "3.11", "b": "main"}, {"py": "3.12", "b": "main"},
    ]  # fmt: skip
    assert [each.name for each in planned] == ["Tests (3.11, main)", "Tests (3.12, main)"]
    assert [each.index for each in planned] == [0, 1]


def test_a_name_is_evaluated_as_far_as_the_trigger_knows() -> None:
    known = _step("On ${{ matrix.py }} of ${{ trigger.title }}", matrix={"py": [3]})
    later = _step("After ${{ steps.x.outputs.y }}")

    assert [each.name for each in expand([known, later], CONTEXTS)] == [
        "On 3 of a b", "After ${{ steps.x.outputs.y }}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ({"py": "${{ inputs.v }}"}, "Step Tests, matrix.py: `py` must be a list"),
        ({"py": "${{ fromJSON(inputs.nothing) }}"}, "Step Tests, matrix"),
        ({"py": ["${{ 1 +"]}, "Step Tests, matrix: "),
    ],
)
def test_a_matrix_that_cannot_be_evaluated_is_refused_in_words(
    matrix: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExpansionError, match=message):
        expand([_step("Tests", matrix=matrix)], CONTEXTS)


def test_all_steps_together_are_bounded() -> None:
    steps = [_step(f"s{n}", matrix={"a": list(range(250))}) for n in range(5)]

    with pytest.raises(ExpansionError, match="more than 1000 executions, counted up to step s4"):
        expand(steps, CONTEXTS)
