"""How late schedules fire: ten thousand spread over a minute, and a thousand in one second."""

import time

from tests.stack import Stack, definition

PIPELINES = 100


def schedules(stack: Stack) -> dict[str, list[float]]:
    """Milliseconds of lateness of each, and seconds until the last of a thousand has fired.

    Their runs wait for a worker that nobody has: what is measured is the clock, not the runs.
    """
    for number in range(PIPELINES):
        whole = definition("true", name=f"clock-{number}")
        stack.do("pipeline", definition={**whole, "runner_labels": ["nobody"]})
    lateness = _fire(stack, count=10_000, spread_seconds=60, seconds=120)
    at_once = _fire(stack, count=1_000, spread_seconds=0, seconds=60)
    return {
        "10,000 schedules over 60 s, lateness": lateness,
        "1,000 schedules in one second, the last": [max(at_once) / 1000],
    }


def _fire(stack: Stack, *, count: int, spread_seconds: float, seconds: float) -> list[float]:
    """Lateness in milliseconds of so many schedules that come due from now on."""
    before = _fired(stack)
    stack.do("schedules", count=count, after_seconds=5.0, spread_seconds=spread_seconds)
    stack.wait(lambda: _fired(stack) >= before + count, seconds)
    # What of a wait that is too long would never show: that some fired twice or not at all.
    assert _fired(stack) == before + count
    assert len(stack.sql("SELECT id FROM pipelines_pipelinerun")) == before + count
    rows = stack.sql("SELECT lateness_ms FROM pipelines_schedulefire ORDER BY id")
    time.sleep(1)
    return [float(late) for (late,) in rows[before:]]


def _fired(stack: Stack) -> int:
    return int(stack.sql("SELECT count(*) FROM pipelines_schedulefire")[0][0])
