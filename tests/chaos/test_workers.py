"""F2, F3, F4, F30: workers that are killed, frozen, restarted, or poisoned by their run."""

import contextlib
import os
import random
import signal
import threading
import time

import pytest

from tests.chaos.ledger import Ledger
from tests.stack import Stack, children_of, definition

pytestmark = pytest.mark.chaos


def _strike(stack: Stack, dice: random.Random, stop: threading.Event, kinds: str) -> int:
    """Faults at random moments until told to stop; returns how many."""
    faults = 0
    # Three deaths within one step end its run by design; a successor needs a second or two to
    # start and half a second for a step, so the faults leave it that much.
    while not stop.wait(dice.uniform(2.5, 5.0) if faults else dice.uniform(0.6, 1.2)):
        worker = stack.child("powernode worker")
        if not worker:
            continue
        kind = dice.choice(kinds.split())
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            _hit(worker, kind)
            faults += 1
    return faults


def _hit(worker: int, kind: str) -> None:
    if kind == "child":
        for child in children_of(worker)[:1]:
            os.kill(child, signal.SIGSTOP)
            os.kill(worker, signal.SIGKILL)
            os.kill(child, signal.SIGCONT)
        return
    if kind == "group":
        for child in children_of(worker):
            os.kill(child, signal.SIGKILL)
    os.kill(worker, signal.SIGTERM if kind == "term" else signal.SIGKILL)


def _freeze_between_transactions(stack: Stack, process: int) -> None:
    """Stop it while it holds no lock.

    SQLite has one write lock: whoever is stopped with it in hand stops all the others too, and
    nobody can take over what is his.

    Raises:
        RuntimeError: it held the lock three times in a row.
    """
    for attempt in range(3):
        os.kill(process, signal.SIGSTOP)
        try:
            stack.sql("SELECT 1")  # Every statement of the driver asks for the write lock.
        except RuntimeError as problem:
            os.kill(process, signal.SIGCONT)
            if "database is locked" not in str(problem) or attempt == 2:
                raise
            stack.sql("SELECT 1")
        else:
            return


def _storm(stack: Stack, dice: random.Random, runs: int, kinds: str, seconds: float) -> Ledger:
    ledger = Ledger(stack)
    pipeline = ledger.pipeline(pause="0.5")
    stop, counted = threading.Event(), [0]

    def strike() -> None:
        counted[0] = _strike(stack, dice, stop, kinds)

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        stack.do("trigger", pipeline=pipeline, count=runs)
        until = time.monotonic() + seconds
        while time.monotonic() < until and stack.counts() != {"success": runs}:
            time.sleep(0.2)
    finally:
        stop.set()
        thread.join()
    stack.finish(runs, 120)
    assert counted[0] > 0
    ledger.check(runs, 4, counted[0])
    return ledger


@pytest.mark.chaos_smoke
def test_a_short_kill_storm_loses_nothing(stack: Stack, dice: random.Random) -> None:
    _storm(stack, dice, 12, "worker child", 12)


def test_a_long_kill_storm_of_workers_children_and_groups_loses_nothing(
    stack: Stack, dice: random.Random
) -> None:
    _storm(stack, dice, 250, "worker child worker", 120)


def test_restarts_in_good_order_lose_no_time_and_count_as_no_death(
    stack: Stack, dice: random.Random
) -> None:
    _storm(stack, dice, 60, "term", 60)

    lost = stack.sql("SELECT count(*) FROM pipelines_stepexecution WHERE reason='worker_lost'")
    assert lost == [[0]]


@pytest.mark.chaos_smoke
def test_a_worker_that_was_frozen_longer_than_its_lease_writes_nothing_when_it_wakes(
    stack: Stack,
) -> None:
    ledger = Ledger(stack)
    pipeline = ledger.pipeline(steps=2, pause="3")
    stack.do("trigger", pipeline=pipeline, count=2)
    stack.wait(lambda: ledger.lines().total() >= 2)
    frozen = stack.child("powernode worker")

    _freeze_between_transactions(stack, frozen)
    stack.worker("spare", "--beat")
    lost = "SELECT count(*) FROM pipelines_stepexecution WHERE reason='worker_lost'"
    stack.wait(lambda: stack.sql(lost)[0][0] >= 2, 30)
    os.kill(frozen, signal.SIGCONT)

    stack.finish(2, 60)
    ledger.check(2, 2, 2)


@pytest.mark.chaos_smoke
def test_a_poisonous_step_ends_its_own_run_and_no_other(stack: Stack) -> None:
    kill = "kill -9 $PPID; sleep 5"
    poison = stack.do("pipeline", definition=definition(kill, name="poison"))
    healthy = Ledger(stack)
    pipeline = healthy.pipeline(steps=2, pause="0.3")

    (sick,) = stack.do("trigger", pipeline=poison)
    stack.do("trigger", pipeline=pipeline, count=3)

    stack.finish(4, 60)
    assert stack.counts() == {"success": 3, "failure": 1}, stack.last_lines()
    ((reason, words),) = stack.sql(
        "SELECT reason, error_message FROM pipelines_pipelinerun WHERE status='failure'"
    )
    assert reason == "worker_lost"
    assert words.startswith("The worker was lost 3 times in step s1; the last time: ")
    assert sick
