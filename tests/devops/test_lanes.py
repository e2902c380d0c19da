"""Work that waits for others: beside each other, once per key, never lost to a failure."""

import threading
from functools import partial

import pytest

from devops.lanes import Lane

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 10


def test_work_goes_on_side_by_side_up_to_the_threads_of_the_lane() -> None:
    lane, meeting = Lane("test", threads=3), threading.Barrier(4)

    for number in range(3):
        lane.submit(number, lambda: meeting.wait(SECONDS))

    # All three are there at once, or the barrier breaks.
    meeting.wait(SECONDS)


def test_more_work_than_threads_is_all_done() -> None:
    lane, done, all_done = Lane("test", threads=2), [], threading.Event()

    def work(number: int) -> None:
        done.append(number)
        if len(done) == 50:
            all_done.set()

    for number in range(50):
        lane.submit(number, partial(work, number))

    assert all_done.wait(SECONDS)
    assert sorted(done) == list(range(50))


def test_wake_ups_for_one_key_collapse_into_one_more_turn() -> None:
    lane = Lane("test", threads=2)
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Semaphore(0)
    turns: list[int] = []

    def work() -> None:
        turns.append(1)
        begun.set()
        assert go_on.wait(SECONDS)
        ended.release()

    lane.submit("key", work)
    assert begun.wait(SECONDS)
    for _ in range(5):
        lane.submit("key", work)
    go_on.set()

    assert ended.acquire(timeout=SECONDS)
    assert ended.acquire(timeout=SECONDS)
    other = threading.Event()
    lane.submit("other", other.set)
    assert other.wait(SECONDS)
    assert len(turns) == 2


def test_a_failure_ends_neither_the_thread_nor_the_key(caplog: pytest.LogCaptureFixture) -> None:
    lane, done = Lane("test", threads=1), threading.Event()

    def fail() -> None:
        raise ZeroDivisionError

    lane.submit("key", fail)
    lane.submit("after", done.set)

    assert done.wait(SECONDS)
    assert "work of the lane test failed" in caplog.text
