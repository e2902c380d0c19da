"""A worker that dies around a gate: the question is asked once, and the run goes on."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.engine.test_failpoints import Plant


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One installation for all the deaths."""
    made = Plant(tmp_path_factory.mktemp("gates"))
    yield made
    made.stack.down()


def _start(plant: Plant, name: str) -> str:
    steps = [
        {"key": key, "name": key, "step_type": "custom", "condition": "",
         "configuration": {"command": f"echo {key}"}, "continue_on_error": False,
         "is_active": True, "requires_approval": key == "ship", "approval_settings": {}}
        for key in ("build", "ship", "after")
    ]  # fmt: skip
    whole = {
        "name": name, "triggers": {"manual": {}}, "runner_labels": [], "environment": {},
        "timeout_minutes": 5, "allow_concurrent": True, "settings": {}, "features": {},
        "steps": steps,
    }  # fmt: skip
    run: str
    (run,) = plant.stack.do("trigger", pipeline=plant.stack.do("pipeline", definition=whole))
    return run


@pytest.mark.parametrize("place", ["engine.park.before:1", "engine.park.after:1",
                                   "engine.claim.after:2"])  # fmt: skip
def test_a_kill_around_a_gate_asks_once_and_loses_nothing(plant: Plant, place: str) -> None:
    name = place.partition(":")[0]
    marker = Path(plant.stack.environment["POWERNODE_VAR"]) / "failpoints" / name
    marker.unlink(missing_ok=True)
    run = _start(plant, f"gate {place}")
    key = run.replace("-", "")

    deaths, approvals, status = 0, 0, ""
    process = plant.worker(place)
    until = time.monotonic() + 60
    while status not in {"success", "failure", "cancelled"}:
        assert time.monotonic() < until, plant.stack.last_lines()
        if process.poll() is not None:
            deaths += 1
            process = plant.worker(place)
        approvals += bool(plant.stack.do("approve", run=run))
        rows = plant.stack.sql("SELECT status FROM pipelines_pipelinerun WHERE id=%s", key)
        status = rows[0][0]
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    gates = plant.stack.sql("SELECT status FROM pipelines_approvalgate WHERE run_id=%s", key)
    assert (status, deaths, approvals, gates) == ("success", 1, 1, [["approved"]])
