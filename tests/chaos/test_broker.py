"""F5, F6: a broker that is away, forgets everything, or says everything ten times."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import redis

from benchmarks.deliveries import offer
from tests.chaos.ledger import Ledger
from tests.stack import ROOT, Stack, definition

pytestmark = pytest.mark.chaos


def _broker(stack: Stack) -> "redis.Redis":
    return redis.Redis(unix_socket_path=f"{stack.environment['POWERNODE_VAR']}/run/redis.sock")


def _outage(stack: Stack, deliveries: int, seconds: float) -> None:
    pipeline = definition("true", name="hooked")
    stack.do("pipeline", definition=pipeline, linked=True)
    broker = stack.child("unixsocket")
    assert broker

    os.kill(broker, signal.SIGSTOP)
    rate = deliveries / seconds
    os.kill(broker, signal.SIGCONT)
    # Killed again and again: the supervisor brings it back with growing pauses.
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.3):
            pid = stack.child("unixsocket")
            if pid:
                os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    load = offer(stack, rate, seconds, every=1)
    stop.set()
    thread.join()

    assert load.errors == [], load.errors[:3]
    counts = stack.finish(deliveries, 60)
    assert counts == {"success": deliveries}, (counts, stack.last_lines())


@pytest.mark.chaos_smoke
def test_deliveries_during_a_short_outage_are_all_taken_and_run(stack: Stack) -> None:
    _outage(stack, 20, 4)


def test_deliveries_during_a_minute_without_a_broker_are_all_taken_and_run(stack: Stack) -> None:
    _outage(stack, 200, 60)


def test_a_broker_that_forgets_everything_every_second_costs_no_run(stack: Stack) -> None:
    ledger = Ledger(stack)
    pipeline = ledger.pipeline(steps=3, pause="0.1")
    stop, flushed = threading.Event(), [0]

    def flush() -> None:
        client = _broker(stack)
        while not stop.wait(1.0):
            client.flushall()
            flushed[0] += 1

    thread = threading.Thread(target=flush)
    thread.start()
    for _ in range(20):
        stack.do("trigger", pipeline=pipeline, count=2)
        time.sleep(0.2)
    stack.finish(40, 60)
    stop.set()
    thread.join()

    assert flushed[0] > 2
    ledger.check(40, 3, flushed[0])


@pytest.mark.chaos_smoke
def test_every_wake_up_said_ten_times_changes_nothing(stack: Stack) -> None:
    ledger = Ledger(stack)
    pipeline = ledger.pipeline(steps=2, pause="0.05")
    stack.do("trigger", pipeline=pipeline, count=3)
    stack.finish(3, 30)
    before = stack.sql("SELECT id, version, fence, status FROM pipelines_pipelinerun ORDER BY id")
    worker = stack.sql("SELECT id FROM pipelines_worker")[0][0]
    messages = stack.sql("SELECT id FROM devops_outboxmessage")

    code = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'powernode.settings';"
        "django.setup(); import sys, json, uuid;"
        "from pipelines.jobs import *; from gitintegration.jobs import PROCESS_DELIVERY;"
        "worker, messages, runs = json.loads(sys.stdin.read());"
        "queue = worker_queue(uuid.UUID(worker));"
        "[job() for _ in range(10) for job in ("
        " lambda: TAKE_RUNS.send_now(queue=queue), DISPATCH.send_now, SWEEP.send_now,"
        " lambda: [RESOLVE_EVENT.send_now(message_id=str(uuid.UUID(m))) for m in messages[:5]],"
        " lambda: [INTERRUPT_RUN.send_now(queue=queue, run_id=str(uuid.UUID(r)),"
        "          reason='cancelled') for r in runs])]"
    )
    import json  # noqa: PLC0415

    said = json.dumps([worker, [row[0] for row in messages], [row[0] for row in before]])
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=stack.environment, check=True,
                   input=said.encode())  # fmt: skip
    waiting = _broker(stack)
    stack.wait(lambda: not waiting.llen("default") and not waiting.llen(f"worker.{worker}"))
    stack.do("trigger", pipeline=pipeline)
    stack.finish(4, 30)

    after = stack.sql("SELECT id, version, fence, status FROM pipelines_pipelinerun ORDER BY id")
    assert after[:3] == before
    ledger.check(4, 2, 0)
