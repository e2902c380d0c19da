"""A process that dies while schedules fire loses no time and doubles none."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.stack import ROOT, Stack, definition

FIRE = (
    "import django; django.setup();"
    "from pipelines.operations.firing import fire_due_schedules; fire_due_schedules()"
)
COUNT = 20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A migrated database with a pipeline, and processes that may die."""
    made = Stack(tmp_path_factory.mktemp("clock"), {"DJANGO_SETTINGS_MODULE": "powernode.settings"})
    made.migrate()
    made.do("pipeline", definition=definition("true", name="clock"))
    yield made
    made.down()


def fire(stack: Stack, failpoint: str = "") -> int:
    done = subprocess.run(
        [sys.executable, "-c", FIRE], cwd=ROOT, check=False, timeout=60,
        env={**stack.environment, "POWERNODE_FAILPOINTS": failpoint},
    )  # fmt: skip
    return done.returncode


def test_three_clock_processes_at_once_fire_each_time_once(stack: Stack) -> None:
    (before,) = stack.sql("SELECT count(*) FROM pipelines_schedulefire")[0]
    stack.do("schedules", count=300, after_seconds=-1.0, spread_seconds=0.0)

    beats = [
        subprocess.Popen([sys.executable, "-c", FIRE], cwd=ROOT, env=stack.environment)
        for _ in range(3)
    ]
    assert [beat.wait(60) for beat in beats] == [0, 0, 0]

    (fires,) = stack.sql("SELECT count(*) FROM pipelines_schedulefire WHERE outcome='started'")[0]
    (runs,) = stack.sql("SELECT count(DISTINCT event_key) FROM pipelines_pipelinerun")[0]
    (all_runs,) = stack.sql("SELECT count(*) FROM pipelines_pipelinerun")[0]
    assert fires == runs == all_runs == before + 300


@pytest.mark.parametrize(
    "place", ["schedules.fire.before", "schedules.commit.before", "schedules.fire.after"]
)
def test_a_kill_while_schedules_fire_loses_and_doubles_nothing(stack: Stack, place: str) -> None:
    (before,) = stack.sql("SELECT count(*) FROM pipelines_schedulefire")[0]
    stack.do("schedules", count=COUNT, after_seconds=-1.0, spread_seconds=0.0)

    assert fire(stack, place) == -signal.SIGKILL
    (left,) = stack.sql("SELECT count(*) FROM pipelines_schedulefire")[0]
    assert fire(stack) == 0

    assert left - before == (COUNT if place == "schedules.fire.after" else 0)
    (fires,) = stack.sql("SELECT count(*) FROM pipelines_schedulefire WHERE outcome='started'")[0]
    (runs,) = stack.sql("SELECT count(DISTINCT event_key) FROM pipelines_pipelinerun")[0]
    (all_runs,) = stack.sql("SELECT count(*) FROM pipelines_pipelinerun")[0]
    assert fires == runs == all_runs == before + COUNT
    numbers = [row[0] for row in stack.sql("SELECT run_number FROM pipelines_pipelinerun")]
    assert sorted(numbers) == list(range(1, all_runs + 1))
