"""A worker killed before or after any commit of the engine: nothing is lost, nothing runs twice."""

import ast
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine import boundary
from tests.stack import ROOT, Stack

SOURCE = Path(boundary.__file__)
COMMITS = {"_claim", "_commit"}
STEPS = ("s1", "gate", "s2", "s3")


def _functions() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(SOURCE.read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _calls(function: ast.FunctionDef, names: set[str]) -> list[ast.Call]:
    return [
        node for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]  # fmt: skip


def _failpoints(function: ast.FunctionDef) -> dict[str, int]:
    found = {}
    for call in _calls(function, {"failpoint"}):
        (name,) = call.args
        assert isinstance(name, ast.Constant)
        found[str(name.value)] = call.lineno
    return found


COMMITTING = [
    name for name, node in _functions().items() if name not in COMMITS and _calls(node, COMMITS)
]
NAMES = [place for name in COMMITTING for place in _failpoints(_functions()[name])]


def test_every_commit_of_the_engine_has_a_failpoint_before_and_after() -> None:
    assert {"claim", "advance", "finish", "park", "release"} <= set(COMMITTING)
    for name in COMMITTING:
        function = _functions()[name]
        places = _failpoints(function)
        lines = [call.lineno for call in _calls(function, COMMITS)]
        assert places.keys() == {f"engine.{name}.before", f"engine.{name}.after"}
        assert places[f"engine.{name}.before"] < min(lines)
        assert places[f"engine.{name}.after"] > max(lines)


def test_transactions_of_the_engine_are_opened_by_its_commits_alone() -> None:
    for file in SOURCE.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "atomic":
                assert file == SOURCE
    decorated = {name for name, node in _functions().items() if node.decorator_list}
    assert decorated == COMMITS


class Plant:
    """A migrated database, a driver, and worker processes that may die."""

    def __init__(self, folder: Path) -> None:
        self.stack = Stack(folder, {"POWERNODE_SANDBOX": "none", "POWERNODE_LEASE_SECONDS": "5",
                                    "POWERNODE_HEARTBEAT_SECONDS": "1"})  # fmt: skip
        self.stack.migrate()
        self.count = 0

    def worker(self, failpoint: str = "") -> "subprocess.Popen[bytes]":
        """A worker process; the same name, as a restarted one has."""
        environment = {**self.stack.environment, "POWERNODE_FAILPOINTS": failpoint}
        with (self.stack.folder / "engine.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.pipelines.engine.engine_worker", "w"], cwd=ROOT,
                env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.stack.processes.append(process)
        return process

    def run(self, ledger: Path, steps: list[dict[str, Any]]) -> str:
        """A run of steps that write into a ledger; the one with the key `gate` waits outside."""
        self.count += 1
        whole = {
            "name": f"kill-{self.count}", "triggers": {"manual": {}}, "runner_labels": [],
            "environment": {"LEDGER": str(ledger)}, "timeout_minutes": 5, "allow_concurrent": True,
            "settings": {}, "features": {}, "steps": steps,
        }  # fmt: skip
        pipeline = self.stack.do("pipeline", definition=whole)
        run: str
        (run,) = self.stack.do("trigger", pipeline=pipeline)
        hexed = run.replace("-", "")
        self.stack.sql(
            "UPDATE pipelines_stepexecution SET step_type='gate' WHERE run_id=%s AND"
            " step_key='gate'", hexed,
        )  # fmt: skip
        index = [each["key"] for each in steps].index("gate")
        snapshot = (
            f"UPDATE pipelines_pipelinerun SET snapshot=json_set(snapshot, '$.steps[{index}]."  # noqa: S608
            "configuration', json('{}')) WHERE id=%s"
        )
        self.stack.sql(snapshot, hexed)
        return hexed


SAY = 'echo "$POWERNODE_STEP" >> "$LEDGER"'


def command(key: str, text: str = SAY, **more: Any) -> dict[str, Any]:
    """A step that writes its key into the ledger."""
    return {
        "key": key, "name": key, "step_type": "custom", "configuration": {"command": text},
        "condition": "", "continue_on_error": False, "is_active": True, **more,
    }  # fmt: skip


def one_by_one() -> list[dict[str, Any]]:
    """Three commands and a gate."""
    linger = SAY + '; test -e "$LEDGER.flag" || { touch "$LEDGER.flag"; sleep 1; }'
    return [command("s1"), command("gate"), command("s2", linger), command("s3")]


def side_by_side() -> list[dict[str, Any]]:
    """A group with a gate in it, then a matrix that is tried again."""
    flaky = f"{SAY}; test -e ok-$N || {{ touch ok-$N; false; }}"
    return [
        command("s1"), *(command(key, group_key="g") for key in ("a", "gate", "b")),
        command("m", flaky, matrix={"n": [1, 2]}, environment={"N": "${{ matrix.n }}"},
                retry={"attempts": 2}),
        command("s3"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One installation for all the deaths."""
    made = Plant(tmp_path_factory.mktemp("plant"))
    yield made
    made.stack.down()


def _status(plant: Plant, run: str) -> str:
    return str(plant.stack.sql("SELECT status FROM pipelines_pipelinerun WHERE id=%s", run)[0][0])


def _work(plant: Plant, run: str, process: "subprocess.Popen[bytes]", stop_in: Path | None) -> bool:
    """Follow a run until it is over (true) or its worker is dead (false), opening the gate."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        if _status(plant, run) in {"success", "failure", "cancelled"}:
            return True
        if process.poll() is not None:
            return False
        if stop_in is not None and stop_in.exists():
            process.send_signal(signal.SIGTERM)
            stop_in = None
        parked = plant.stack.sql(
            "SELECT id FROM pipelines_stepexecution WHERE run_id=%s AND parked_kind <> ''"
            " AND status='running' AND run_id IN (SELECT id FROM pipelines_pipelinerun"
            " WHERE waiting_for='external')", run,
        )  # fmt: skip
        for (execution,) in parked:
            plant.stack.do("wake", execution=execution)
        time.sleep(0.05)
    raise AssertionError(plant.stack.last_lines())


# A run claims twice (the gate lies between) and advances with every step.
DEATHS = [
    *((name, 1) for name in NAMES),
    *((name, 2) for name in NAMES if ".claim." in name or ".advance." in name),
]


def _end(plant: Plant, name: str, hit: int, run: str, stop_in: Path | None) -> int:
    """Restart workers until the run is over; returns how many died of the failpoint."""
    marker = Path(plant.stack.environment["POWERNODE_VAR"]) / "failpoints" / name
    marker.unlink(missing_ok=True)
    lives, deaths, over = 0, 0, False
    while not over and lives < 5:
        process = plant.worker(f"{name}:{hit}")
        lives += 1
        over = _work(plant, run, process, stop_in if lives == 1 else None)
        if over and not deaths:
            # The row may say success a moment before the process that wrote it is dead.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        deaths += process.poll() == -signal.SIGKILL
        if over and process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    return deaths


@pytest.mark.parametrize(("name", "hit"), DEATHS)
def test_a_kill_at_a_commit_loses_nothing_and_repeats_at_most_what_was_in_flight(
    plant: Plant, name: str, hit: int, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    run = plant.run(ledger, one_by_one())

    deaths = _end(plant, name, hit, run, Path(f"{ledger}.flag") if ".release." in name else None)

    counts = Counter(ledger.read_text().split())
    assert _status(plant, run) == "success", plant.stack.last_lines()
    assert set(counts) == set(STEPS)
    assert max(counts.values()) <= 2
    assert sum(counts.values()) <= len(STEPS) + 1
    successes = plant.stack.sql(
        "SELECT step_key, count(*) FROM pipelines_stepexecution WHERE run_id=%s AND"
        " status='success' GROUP BY step_key", run,
    )  # fmt: skip
    assert dict(successes) == dict.fromkeys(STEPS, 1)
    assert deaths == 1


@pytest.mark.parametrize(
    ("name", "hit"),
    [
        ("engine.advance.after", 3), ("engine.advance.before", 6), ("engine.park.after", 1),
    ],
)  # fmt: skip
def test_a_kill_among_steps_side_by_side_costs_each_one_attempt_at_most(
    plant: Plant, name: str, hit: int, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    run = plant.run(ledger, side_by_side())

    deaths = _end(plant, name, hit, run, None)

    counts = Counter(ledger.read_text().split())
    assert _status(plant, run) == "success", plant.stack.last_lines()
    assert set(counts) == {"s1", "a", "gate", "b", "m", "s3"}
    # Both combinations are tried twice by themselves; a death adds one attempt to what ran.
    assert max(counts[key] for key in ("s1", "a", "gate", "b", "s3")) <= 2
    assert 4 <= counts["m"] <= 6
    successes = plant.stack.sql(
        "SELECT step_key, matrix_index, count(*) FROM pipelines_stepexecution WHERE run_id=%s"
        " AND status='success' GROUP BY step_key, matrix_index", run,
    )  # fmt: skip
    assert sorted((key, index, count) for key, index, count in successes) == [
        ("a", 0, 1), ("b", 0, 1), ("gate", 0, 1), ("m", 0, 1), ("m", 1, 1), ("s1", 0, 1),
        ("s3", 0, 1),
    ]  # fmt: skip
    assert deaths == 1
