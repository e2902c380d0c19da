"""F24, F14: answers that race over HTTP, and clock processes that die while they fire."""

import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.stack import Stack, definition

pytestmark = pytest.mark.chaos
ROUNDS = 100
PEOPLE = 4


def _answer(stack: Stack, token: str, step: str, verb: str) -> int:
    body = json.dumps({"comment": "race"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.port}/api/v1/devops/step_executions/{step}/{verb}",
        method="POST", data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _race(stack: Stack, tokens: list[str], step: str, verbs: list[str]) -> tuple[int, ...]:
    """The statuses that people got who answered in the same moment."""
    barrier = threading.Barrier(len(tokens))

    def press(index: int) -> int:
        barrier.wait()
        return _answer(stack, tokens[index], step, verbs[index])

    with ThreadPoolExecutor(len(tokens)) as people:
        return tuple(sorted(people.map(press, range(len(tokens)))))


def test_of_people_who_answer_in_one_moment_one_decides(stack: Stack, dice: random.Random) -> None:
    tokens = [stack.do("member") for _ in range(PEOPLE)]
    whole = definition("echo shipped")
    whole["steps"][0] |= {"requires_approval": True, "approval_settings": {}}
    pipeline = stack.do("pipeline", definition=whole)
    runs = stack.do("trigger", pipeline=pipeline, count=ROUNDS)
    waiting = "SELECT step_execution_id FROM pipelines_approvalgate WHERE status='pending'"
    stack.wait(lambda: len(stack.sql(waiting)) == len(runs), 120)

    seen: Counter[tuple[int, ...]] = Counter()
    for (step,) in stack.sql(waiting):
        verbs = [dice.choice(("approve", "reject")) for _ in tokens]
        seen[_race(stack, tokens, str(uuid.UUID(str(step))), verbs)] += 1

    assert seen == {(200, *[409] * (PEOPLE - 1)): ROUNDS}
    assert len(stack.sql("SELECT id FROM pipelines_approvalvote")) == ROUNDS
    counts = stack.finish(ROUNDS, 120)
    approved = len(stack.sql("SELECT id FROM pipelines_approvalgate WHERE status='approved'"))
    assert counts == {name: number for name, number in (
        ("success", approved), ("failure", ROUNDS - approved)) if number}  # fmt: skip


def test_clock_processes_that_die_lose_no_time_and_double_none(
    stack: Stack, dice: random.Random
) -> None:
    for number in range(10):
        stack.do("pipeline", definition={**definition("true", name=f"clock-{number}"),
                                         "runner_labels": ["nobody"]})  # fmt: skip
    stack.worker("second", "--beat")
    stack.do("schedules", count=600, after_seconds=3.0, spread_seconds=20.0)

    deaths, until = 0, time.monotonic() + 20
    while time.monotonic() < until:
        time.sleep(dice.uniform(2, 4))
        worker = stack.child("powernode worker")
        if worker:
            os.kill(worker, signal.SIGKILL)
            deaths += 1
    stack.wait(lambda: stack.sql("SELECT count(*) FROM pipelines_schedulefire")[0][0] >= 600, 60)

    rows = stack.sql("SELECT outcome, count(*) FROM pipelines_schedulefire GROUP BY outcome")
    assert dict(rows) == {"started": 600}
    assert stack.sql("SELECT count(*) FROM pipelines_pipelinerun")[0][0] == 600
    assert deaths >= 3
