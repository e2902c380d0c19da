"""Threads that work when they are poked."""

import threading
from collections.abc import Iterator

import pytest
from django.db import transaction

from devops import nudge
from devops.poked import Ear, PokedThread
from tests.pipelines.conftest import wait_until


class Work:
    """Counts how often it was done, and tells of each time."""

    def __init__(self) -> None:
        self.count = 0
        self.failing = False
        self.done = threading.Semaphore(0)

    def __call__(self) -> None:
        self.count += 1
        self.done.release()
        if self.failing:
            raise ValueError("as the test wants")


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def thread(work: Work) -> Iterator[PokedThread]:
    poked = PokedThread("probe", work, pause=0.0)
    poked.start()
    yield poked
    poked.stop()
    assert not poked.is_alive()


@pytest.mark.django_db(transaction=True)
def test_it_works_after_the_commit_that_poked_it(thread: PokedThread, work: Work) -> None:
    with transaction.atomic():
        nudge.poke_after_commit("probe")
    assert work.done.acquire(timeout=5)


def test_it_works_without_a_poke_and_after_a_failure(thread: PokedThread, work: Work) -> None:
    work.failing = True
    assert work.done.acquire(timeout=5)
    assert work.done.acquire(timeout=5)


def test_what_is_stopped_is_not_poked_any_more(work: Work) -> None:
    thread = PokedThread("probe", work, pause=0.0)
    thread.start()
    wait_until(lambda: "probe" in nudge._local)
    thread.stop()
    assert "probe" not in nudge._local
    count = work.count
    nudge.heard("probe")
    assert work.count == count


@pytest.mark.redis
def test_another_process_is_heard(thread: PokedThread, work: Work) -> None:
    wait_until(lambda: "probe" in nudge._local)
    ear = Ear()
    ear.start()

    def heard() -> bool:
        # As another process says it; what was said before the ear listened is lost.
        nudge._publish(nudge.POKE_CHANNEL, b"probe")
        return work.count > 3

    wait_until(heard)
    ear.stop()
    ear.join(timeout=5)
    assert not ear.is_alive()
