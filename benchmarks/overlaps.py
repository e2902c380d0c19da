"""A thousand triggers at once for a pipeline whose runs may not overlap."""

import time

from tests.stack import Stack, definition

RUNS, THREADS = 1000, 8


def overlaps(stack: Stack) -> dict[str, list[float]]:
    """Seconds for the triggers, seconds until the last run is over, and runs that met another.

    Each run makes a folder and removes it: one that finds it there has met another, and fails.
    """
    held = stack.folder / "held"
    meet = f"mkdir {held} && sleep 0.01 && rmdir {held}"
    whole = definition(meet, name="one at a time", allow_concurrent=False)
    pipeline = stack.do("pipeline", definition=whole)
    began = time.monotonic()
    stack.do("trigger_together", pipeline=pipeline, count=RUNS, threads=THREADS)
    triggered = time.monotonic() - began
    counts = stack.finish(RUNS, 300)
    failed = counts.get("failure", 0)
    assert counts.get("success", 0) + failed == RUNS, counts
    return {
        "1,000 triggers from 8 threads, `allow_concurrent` off": [triggered],
        "their runs, one after the other": [time.monotonic() - began],
        "runs that overlapped another": [float(failed)],
    }
