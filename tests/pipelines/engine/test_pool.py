"""The slots of a worker: real threads that take, stop, hand back and never die."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from pipelines.choices import RunStatus, WorkerStatus
from pipelines.engine.pool import EnginePool
from pipelines.models import PipelineRun, Worker
from pipelines.operations.dispatch import dispatch_waiting
from pipelines.operations.runs import cancel_run
from pipelines.operations.workers import retire_worker
from pipelines.steps.base import Done, StepContext
from tests.pipelines.conftest import (
    Probe,
    Workshop,
    attempts,
    fresh,
    last,
    make_actor,
    step,
    wait_until,
)


@pytest.fixture
def pool(transactional_db: None, settings: Settings) -> Iterator[EnginePool]:
    """A started pool of two slots."""
    settings.POWERNODE_HEARTBEAT_SECONDS = 0.2
    made = EnginePool("pool", ["linux"], 2, os.getpid())
    made.start()
    yield made
    made.stop()


def _shop(pool: EnginePool) -> Workshop:
    return Workshop(make_actor(), pool.worker)


def _is(run: PipelineRun, status: str) -> bool:
    return fresh(run).status == status


def test_more_runs_than_slots_all_finish(pool: EnginePool) -> None:
    shop = _shop(pool)
    pipeline = shop.pipeline(step("one", "true"))

    runs = [shop.trigger(pipeline) for _ in range(7)]
    pool.take()

    wait_until(lambda: all(_is(run, RunStatus.SUCCESS) for run in runs))
    assert {len(attempts(run, "one")) for run in runs} == {1}


@pytest.mark.postgres
def test_no_database_connection_is_held_while_commands_run(pool: EnginePool) -> None:
    shop = _shop(pool)
    runs = [shop.trigger(shop.pipeline(step("slow", "sleep 60"))) for _ in range(2)]
    pool.take()
    wait_until(lambda: all(last(run, "slow").status == "running" for run in runs))
    connection.close()

    def all_given_back() -> bool:
        stats = connection.pool.get_stats()  # type: ignore[attr-defined]  # PostgreSQL's wrapper
        return bool(stats["pool_available"] == stats["pool_size"])

    wait_until(all_given_back)
    assert all(last(run, "slow").status == "running" for run in runs)
    for run in runs:
        cancel_run(shop.actor, fresh(run))
    wait_until(lambda: all(_is(run, RunStatus.CANCELLED) for run in runs))


def test_a_cancel_in_the_database_reaches_the_running_command(pool: EnginePool) -> None:
    shop = _shop(pool)
    run = shop.trigger(shop.pipeline(step("slow", "sleep 60")))
    pool.take()
    wait_until(lambda: last(run, "slow").status == "running")

    cancel_run(shop.actor, fresh(run))

    wait_until(lambda: _is(run, RunStatus.CANCELLED))


def test_stopping_hands_the_run_back_within_seconds(
    transactional_db: None, settings: Settings
) -> None:
    first, second = (EnginePool(name, [], 1, os.getpid()) for name in ("first", "second"))
    shop = _shop(first)
    retire_worker(second.worker.pk, "not yet", lost=False)
    run = shop.trigger(shop.pipeline(step("slow", "test -e flag || { touch flag; sleep 60; }")))
    first.start()
    flag = Path(settings.POWERNODE_WORKSPACE_ROOT) / run.pk.hex / "work" / "flag"
    wait_until(flag.exists)

    first.stop()

    assert fresh(run).worker_id is None
    assert Worker.objects.get(name="first").status == WorkerStatus.OFFLINE
    second = EnginePool("second", [], 1, os.getpid())
    second.start()
    wait_until(lambda: _is(run, RunStatus.SUCCESS))
    second.stop()
    assert [each.reason for each in attempts(run, "slow")] == ["worker_stopped", ""]


def test_a_worker_that_was_declared_lost_stops_its_commands_and_registers_anew(
    pool: EnginePool,
) -> None:
    shop = _shop(pool)
    run = shop.trigger(shop.pipeline(step("slow", "test -e flag || { touch flag; sleep 60; }")))
    pool.take()
    wait_until(lambda: last(run, "slow").status == "running")

    retire_worker(pool.worker.pk, "it was silent", lost=True)

    wait_until(lambda: _is(run, RunStatus.SUCCESS))
    assert [each.status for each in attempts(run, "slow")] == ["failure", "success"]
    assert Worker.objects.get().status == WorkerStatus.ONLINE


def test_a_defect_of_the_engine_ends_the_run_after_three_tries_and_the_slot_lives(
    pool: EnginePool,
) -> None:
    shop = _shop(pool)
    run = shop.trigger(shop.pipeline(step("one"), runner_labels=["later"]))
    PipelineRun.objects.filter(pk=run.pk).update(snapshot={"name": "broken"}, runner_labels=[])

    dispatch_waiting()
    wait_until(lambda: _is(run, RunStatus.FAILURE))

    assert fresh(run).reason == "worker_lost"
    healthy = [shop.trigger(shop.pipeline(step("one"))) for _ in range(3)]
    pool.take()
    wait_until(lambda: all(_is(each, RunStatus.SUCCESS) for each in healthy))


def test_one_run_of_a_pipeline_at_a_time_unless_it_says_otherwise(
    pool: EnginePool, probe: Probe
) -> None:
    shop = _shop(pool)
    overlaps: list[int] = []

    def look(_ctx: StepContext) -> Done:
        overlaps.append(PipelineRun.objects.filter(status=RunStatus.RUNNING).count())
        return Done()

    probe.execute = look
    pipeline = shop.pipeline(step("one", step_type="probe"), allow_concurrent=False)

    runs = [shop.trigger(pipeline) for _ in range(6)]
    pool.take()

    wait_until(lambda: all(_is(run, RunStatus.SUCCESS) for run in runs))
    assert overlaps == [1] * 6
    moments = [fresh(run).started_at or timezone.now() for run in runs]
    assert moments == sorted(moments)
