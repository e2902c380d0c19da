"""F17, F26: logs that never end, and cancels that race with everything."""

import random
import time
from pathlib import Path

import pytest

from benchmarks.measures import _rss
from tests.stack import Stack, definition

pytestmark = pytest.mark.chaos
MB = 1024 * 1024
# Kept of a log by default, and what the segments at the cut may add.
CAP = 64 * MB


def _flood(stack: Stack, command: str, seconds: float) -> tuple[float, list[list[object]]]:
    pipeline = stack.do("pipeline", definition=definition("true", command, "echo after"))
    worker = stack.child("powernode worker")
    before, peak = _rss(worker), 0.0
    stack.do("trigger", pipeline=pipeline)
    until = time.monotonic() + seconds
    while not set(stack.counts()) & {"success", "failure"} and time.monotonic() < until:
        peak = max(peak, _rss(worker))
        time.sleep(0.05)
    assert stack.counts() == {"success": 1}, stack.last_lines()
    return peak - before, stack.sql(
        "SELECT l.size_bytes, l.dropped_bytes, e.log_truncated FROM pipelines_stepexecution e"
        " JOIN devops_logstream l ON l.id=e.id WHERE e.step_key='s2'"
    )


@pytest.mark.chaos_smoke
@pytest.mark.parametrize(
    "command",
    [
        "{ yes 'a line of some length that repeats' || true; } | head -c 134217728",
        "head -c 134217728 /dev/zero | tr '\\0' x",
        "head -c 134217728 /dev/urandom",
    ],
    ids=["lines", "one line", "binary"],
)
def test_a_log_beyond_the_cap_keeps_head_and_tail_and_the_worker_stays_small(
    stack: Stack, command: str
) -> None:
    growth, rows = _flood(stack, command, 60)

    ((size, dropped, truncated),) = rows
    assert size == 128 * MB
    assert 0 < int(str(dropped)) <= 128 * MB - CAP + 8 * MB
    assert truncated
    assert growth < 100
    # The logs alone: beside them the worker removes the run's folder.
    logs = Path(stack.environment["POWERNODE_VAR"]) / "logs"
    kept = sum(path.stat().st_size for path in logs.rglob("*") if path.is_file())
    assert CAP - 8 * MB < kept < CAP + 8 * MB


def test_a_gigabyte_of_log_leaves_the_worker_small(stack: Stack) -> None:
    growth, rows = _flood(stack, "{ yes || true; } | head -c 1073741824", 240)

    assert rows[0][0] == 1024 * MB
    assert growth < 256


def _race(stack: Stack, dice: random.Random, runs: int) -> None:
    pipeline = stack.do("pipeline", definition=definition("sleep 0.05", "true", name="race"))
    answers = []
    for _ in range(runs):
        (run,) = stack.do("trigger", pipeline=pipeline)
        time.sleep(dice.uniform(0, 0.2))
        answers.append(stack.do("cancel", run=run))
        if dice.random() < 0.5:
            answers.append(stack.do("cancel", run=run))
    counts = stack.finish(runs, 60)

    assert sum(counts.get(word, 0) for word in ("success", "cancelled")) == runs, counts
    assert counts.get("success", 0) > 0
    assert counts.get("cancelled", 0) > 0
    told = stack.sql(
        "SELECT topic FROM devops_outboxmessage WHERE name='run_completed'"
        " GROUP BY topic HAVING count(*) <> 1"
    )
    assert told == []
    left = stack.sql(
        "SELECT count(*) FROM pipelines_stepexecution WHERE status IN ('pending', 'running')"
    )
    assert left == [[0]]
    assert set(answers) <= {"running", "cancelled", "illegal-transition", "lost-race"}


@pytest.mark.chaos_smoke
def test_cancels_that_race_with_the_end_leave_one_terminal_state(
    stack: Stack, dice: random.Random
) -> None:
    _race(stack, dice, 40)


def test_two_thousand_cancels_leave_one_terminal_state_each(
    stack: Stack, dice: random.Random
) -> None:
    _race(stack, dice, 1000)
