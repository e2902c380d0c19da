"""The score of a test: what counts as changing by itself, and what does not."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.flakiness import (
    WINDOW,
    Ending,
    Result,
    flakiness,
    key_of,
    latest,
    medians,
    read_endings,
    write_endings,
)

PASS, FAIL, SKIP = "p", "f", "s"


def result(
    outcome: str, number: int, state: str = "", *, lane: str = "a", is_default: bool = True,
    attempt: int = 1,
) -> Result:  # fmt: skip
    source = number * 100 + attempt * 10 + ord(lane[0]) % 10
    return Result(outcome, lane, state or f"c{number}", is_default, number, attempt, source)


def line(outcomes: str, **more: object) -> list[Result]:
    """One result for each commit."""
    return [result(one, number, **more) for number, one in enumerate(outcomes)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcomes", "score"),
    [
        ("", 0),
        ("p", 0),
        ("p" * 50, 0),
        ("f" * 50, 0),
        ("s" * 50, 0),
        # One regression, and one with its mend.
        ("ppppffff", 0),
        ("ppppffffpppp", 0),
        ("pppsssffsspp", 0),
        # It comes back.
        ("ppfppfppp", 200),
        ("pf" * 25, 959),
        ("pf" * 5, 700),
    ],
)
def test_commits_of_the_default_branch(outcomes: str, score: int) -> None:
    assert flakiness(line(outcomes)).score == score


def test_nothing_in_the_code_explains_two_outcomes_of_one_commit() -> None:
    assert flakiness([result(FAIL, 1, "c"), result(PASS, 2, "c")]).score == 100
    assert flakiness([result(FAIL, 1, "c"), result(PASS, 1, "c", attempt=2)]).within == 1
    alternating = [result("pf"[number % 2], number, "c") for number in range(50)]
    assert flakiness(alternating).score == 1000


def test_a_passing_retry_counts_whatever_the_branch() -> None:
    tried = [
        result(FAIL, 1, "c", is_default=False), result(PASS, 1, "c", is_default=False, attempt=2)
    ]  # fmt: skip
    assert flakiness(tried).score == 100


def test_commits_of_other_branches_are_not_compared() -> None:
    assert flakiness(line("pf" * 25, is_default=False)) == (0, 0, 0, 0)


def test_combinations_are_not_compared_with_each_other() -> None:
    always = [
        result(outcome, number, f"c{number}", lane=lane)
        for number in range(20)
        for lane, outcome in (("old", FAIL), ("new", PASS))
    ]
    assert flakiness(always).score == 0


def test_a_commit_that_is_tried_again_later_is_one_commit() -> None:
    again = [*line("ppp"), result(FAIL, 9, "c0")]
    found = flakiness(again)
    assert (found.within, found.across) == (1, 0)


RESULTS = st.lists(
    st.builds(
        result,
        st.sampled_from([PASS, FAIL, SKIP]),
        st.integers(1, 60),
        st.sampled_from(["", "x", "y"]),
        lane=st.sampled_from(["a", "b"]),
        is_default=st.booleans(),
        attempt=st.integers(1, 3),
    ),
    max_size=80,
    unique_by=lambda each: each.source,
)


@given(RESULTS)
def test_the_score_is_a_share_of_what_was_compared(results: Sequence[Result]) -> None:
    found = flakiness(results)
    assert 0 <= found.score <= 1000
    assert found.within + found.across <= found.compared < WINDOW + 1
    assert (found.score == 0) == (found.within + found.across == 0)


@given(RESULTS, st.randoms(use_true_random=False))
def test_neither_order_nor_duplicates_matter(results: list[Result], random: object) -> None:
    shuffled = [*results, *results[:5]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert flakiness(shuffled) == flakiness(results)
    assert latest(shuffled) == latest(results)


@given(RESULTS, st.sampled_from([PASS, FAIL]))
def test_what_never_changes_is_not_flaky(results: list[Result], outcome: str) -> None:
    steady = [each._replace(outcome=outcome) for each in results]
    assert flakiness(steady).score == 0


@given(RESULTS)
def test_outcomes_swapped_are_as_flaky(results: list[Result]) -> None:
    swap = {PASS: FAIL, FAIL: PASS, SKIP: SKIP}
    assert flakiness([each._replace(outcome=swap[each.outcome]) for each in results]) == (
        flakiness(results)
    )


def test_only_the_last_results_count() -> None:
    assert flakiness(line("pf" * 30 + "p" * WINDOW)).score == 0
    assert len(latest(line("p" * 80))) == WINDOW


def test_the_usual_duration_and_its_trend() -> None:
    assert medians([]) == (0, None)
    assert medians([Ending(PASS, 7, 1), Ending(SKIP, 900, 2)]) == (7, None)
    times = [Ending(PASS, 100 if number < 30 else 300, number) for number in range(40)]
    assert medians(times) == (300, 100)


ENDINGS = st.lists(
    st.builds(
        Ending, st.sampled_from([PASS, FAIL, SKIP]), st.integers(0, 10**10), st.integers(1, 99)
    )
)


@given(ENDINGS)
def test_what_a_row_keeps_is_read_back_in_order_each_report_once(endings: list[Ending]) -> None:
    kept = read_endings(write_endings(endings))
    numbers = [each.report for each in kept]
    assert numbers == sorted({each.report for each in endings})[-WINDOW:]
    assert all(each == [one for one in endings if one.report == each.report][-1] for each in kept)


def test_a_test_is_its_suite_and_name() -> None:
    keys = {key_of("a", "b"), key_of("ab", ""), key_of("", "ab"), key_of("a", "b\ud800")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)
