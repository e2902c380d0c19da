"""How flaky a test is: one number from its last results that a person can recount."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

# How many results of a test count.
WINDOW = 50
# Fewer comparisons than this say little: the score is a share of at least so many.
FEWEST = 10
# A regression and its mend.
FORGIVEN = 2
# What counts as a trend: the newest results, against the older ones.
NEWEST = 10

PASSED, FAILED, SKIPPED = "p", "f", "s"
_ENDING = re.compile(r"([pfs])([0-9]+)@([0-9]+)")
OUTCOMES = {"passed": PASSED, "failed": FAILED, "error": FAILED, "skipped": SKIPPED}


class Ending(NamedTuple):
    """How a test ended in a report: `p`, `f` or `s`, the milliseconds, the report's number.

    A row keeps the last ones as one text, `p35@128 f40@129`: there are many rows.
    """

    outcome: str
    duration_ms: int
    report: int


class Result(NamedTuple):
    """One result of a test, with what it is compared by.

    Attributes:
        outcome: `p`, `f` or `s`.
        lane: the step and its combination; results are compared within one lane only.
        state: what was tested, a commit.
        is_default: whether it is of the default branch.
        run_number: the run.
        attempt: the attempt at the step.
        source: the report; the same one counts once.
    """

    outcome: str
    lane: str
    state: str
    is_default: bool
    run_number: int
    attempt: int
    source: int


class Flakiness(NamedTuple):
    """What a score is made of; `score` is a number from 0 to 1000.

    Attributes:
        within: changes between results of one commit, which nothing in the code explains.
        across: changes from commit to commit of the default branch, beyond the forgiven ones.
        compared: how many neighbouring results were compared.
    """

    score: int
    within: int
    across: int
    compared: int


def key_of(suite: str, name: str) -> str:
    """The identity of a test within a pipeline, 32 hexadecimal digits."""
    return hashlib.sha256(f"{suite}\0{name}".encode("utf-8", "replace")).hexdigest()[:32]


def latest(results: Iterable[Result], limit: int = WINDOW) -> list[Result]:
    """The last results in the order of their runs, each once."""
    once = {result.source: result for result in results}
    ordered = sorted(once.values(), key=lambda each: (each.run_number, each.attempt, each.source))
    return ordered[-limit:]


def flakiness(results: Iterable[Result]) -> Flakiness:
    """Score the last results of a test: the share of comparisons that show a change by itself.

    Neighbouring results of one commit are compared, and those of neighbouring commits of the
    default branch; of the latter the first two changes (a regression and its mend) are forgiven.
    """
    lanes: dict[str, dict[str, list[Result]]] = {}
    for result in latest(results):
        if result.outcome != SKIPPED:
            lanes.setdefault(result.lane, {}).setdefault(result.state, []).append(result)
    within = across = compared = 0
    for states in lanes.values():
        for same in states.values():
            compared += len(same) - 1
            within += _changes([(one, two) for one, two in pairwise(same)])
        line = [same for same in states.values() if any(each.is_default for each in same)]
        neighbours = [(before[-1], after[0]) for before, after in pairwise(line)]
        compared += len(neighbours)
        across += max(0, _changes(neighbours) - FORGIVEN)
    score = round(1000 * (within + across) / max(compared, FEWEST))
    return Flakiness(score, within, across, compared)


def _changes(neighbours: Sequence[tuple[Result, Result]]) -> int:
    return sum(one.outcome != two.outcome for one, two in neighbours)


def medians(endings: Iterable[Ending]) -> tuple[int, int | None]:
    """The usual duration in milliseconds, and what it was before the newest results, if known."""
    times = [each.duration_ms for each in endings if each.outcome != SKIPPED]
    if len(times) < 2 * NEWEST:
        return _middle(times) if times else 0, None
    return _middle(times[-NEWEST:]), _middle(times[:-NEWEST])


def _middle(numbers: Iterable[int]) -> int:
    ordered = sorted(numbers)
    return ordered[len(ordered) // 2]


def read_endings(text: str) -> list[Ending]:
    """The last results that a row keeps, the newest last."""
    return [
        Ending(outcome, int(duration), int(report))
        for outcome, duration, report in _ENDING.findall(text)
    ]


def write_endings(endings: Iterable[Ending]) -> str:
    """The same as text, of each report once, no more than count."""
    once = {each.report: each for each in endings}
    kept = [once[number] for number in sorted(once)][-WINDOW:]
    return " ".join([f"{each.outcome}{each.duration_ms}@{each.report}" for each in kept])
