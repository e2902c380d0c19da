"""What a stranger does first, with the real processes: push, watch, break, repair, kill, stop."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.platform_process import (
    COMMAND_SECONDS,
    ROOT,
    Platform,
    embedded_environment,
    platform,
    wait_until,
)

pytestmark = pytest.mark.e2e

WAIT_STEP = """
  - name: Wait
    key: wait
    uses: run_command
    with:
      command: |
        echo "waiting begins"
        {wait}
        echo "waiting ended"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`powernode up --demo` on an empty folder, its demonstration performed."""
    with platform(tmp_path_factory.mktemp("platform")) as made:
        made.start("--demo")
        wait_until(lambda: "Your turn:" in made.output, 60, "the demonstration is over")
        yield made


def test_the_first_start_pushes_and_shows_the_run_live(running: Platform) -> None:
    output = running.output
    assert "git push" in output
    assert "✓ Tests" in output
    assert "test_a_negative_price_is_refused" in output
    assert "Packed after 5 green tests" in output
    assert "Tests: 5 passed" in output
    assert "✓ Run #1 succeeded" in output
    assert f"{running.url}/runs/" in output
    assert "operator@powernode.localhost" in output


def test_the_password_is_kept_for_its_owner_alone(running: Platform) -> None:
    path = running.var / "demo.json"
    kept = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept["password"] in running.output
    assert stat.S_IMODE((running.var / "keys.json").stat().st_mode) == 0o600


def test_a_push_that_breaks_a_test_fails_and_names_the_test_first(running: Platform) -> None:
    cart = running.var / "demo" / "shop" / "shop" / "cart.py"
    good = cart.read_text()
    cart.write_text(good.replace("total * (100", "total * (99"))
    commit = running.push("Break the discount")
    run = running.run_of(commit)

    followed = running.command("logs", run["id"], "-f")
    assert followed.returncode == 1
    assert "✗ Tests" in followed.stdout

    report = _api(running, f"/devops/pipeline_runs/{run['id']}/test_report")
    assert report["failed"] >= 1
    first = report["reports"][0]["cases"][0]
    assert first["status"] == "failed"
    assert first["name"] == "test_a_discount_is_rounded_in_the_customers_favour"

    cart.write_text(good)
    repaired = running.run_of(running.push("Repair the discount"))
    assert running.command("logs", repaired["id"], "-f").returncode == 0


def test_a_run_is_cancelled_and_repeated(running: Platform) -> None:
    commit = _push_waiting(running)
    run = running.run_of(commit)
    _wait_for_line(running, run["id"], "waiting begins")

    assert running.command("cancel", run["id"]).returncode == 0
    ended = _ended(running, run["id"])
    assert ended["status"] == "cancelled"
    assert running.command("logs", run["id"], "-f").returncode == 1

    again = running.json("retry", run["id"])
    assert again["retry_of_id"] == run["id"]
    _wait_for_line(running, again["id"], "waiting begins")
    assert running.command("cancel", again["id"]).returncode == 0
    assert _ended(running, again["id"])["status"] == "cancelled"


def test_a_finished_run_cannot_be_cancelled(running: Platform) -> None:
    first = running.runs()[-1]
    refused = running.command("cancel", "#1", "--pipeline", "shop-ci", "--json")
    assert first["status"] == "success"
    assert refused.returncode == 4
    assert "success" in json.loads(refused.stderr)["error"]["message"]


def test_a_run_finishes_by_itself_after_its_worker_was_killed(running: Platform) -> None:
    # Long enough for the kill however slow the machine is, and only once.
    once = "test -e waited || { touch waited; sleep 60; }"
    run = running.run_of(_push_waiting(running, once))
    _wait_for_line(running, run["id"], "waiting begins")
    killed = running.children()["worker"]
    os.kill(killed, signal.SIGKILL)

    ended = _ended(running, run["id"])
    assert ended["status"] == "success"
    attempts = [step for step in ended["step_executions"] if step["step_key"] == "wait"]
    assert [step["status"] for step in attempts] == ["failure", "success"]
    assert attempts[0]["reason"] == "worker_lost"
    finished = [step for step in ended["step_executions"] if step["step_key"] != "wait"]
    assert {step["attempt"] for step in finished} == {1}
    assert running.children()["worker"] != killed
    assert "worker ended with -9; restarting it" in running.output


def test_schedules_are_listed_with_when_and_next(running: Platform) -> None:
    empty = running.command("schedules")
    pipeline = _api(running, "/devops/pipelines")["results"][0]["id"]
    facts = {"pipeline_id": pipeline, "name": "Nightly", "cron_expression": "0 3 * * *"}
    made = _api(running, "/devops/schedules", facts)
    told = running.command("schedules", "--pipeline", "shop-ci")

    # In a pipe, nothing is a list without lines.
    assert (empty.returncode, empty.stdout) == (0, "")
    assert told.returncode == 0, told.stderr
    assert "Nightly" in told.stdout
    assert "At 03:00" in told.stdout
    assert [row["id"] for row in running.json("schedules", "--json")] == [made["id"]]
    assert running.command("schedules", "--pipeline", "nothing").returncode == 4


def test_a_web_process_that_dies_is_started_again(running: Platform) -> None:
    killed = running.children()["web"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: running.children().get("web", killed) != killed, 20, "web is restarted")
    wait_until(lambda: running.command("runs").returncode == 0, 20, "web answers")


def test_a_second_platform_on_the_same_folder_is_refused(running: Platform) -> None:
    done = running.command("up", "--port", "1")
    assert done.returncode == 1
    assert "already runs" in done.stderr
    assert str(running.process and running.process.pid) in done.stderr


def test_a_taken_port_is_named_with_a_way_out(running: Platform, tmp_path: Path) -> None:
    other = Platform(tmp_path / "var", running.port)
    done = other.command("up", "--port", str(running.port))
    assert done.returncode == 1
    assert f"Port {running.port}" in done.stderr
    assert f"PORT={running.port + 1}" in done.stderr


def test_the_doctor_finds_a_running_platform_healthy(running: Platform) -> None:
    report = running.json("doctor", "--port", str(running.port))
    levels = {check["name"]: check["level"] for check in report["checks"]}
    assert report["healthy"]
    assert levels["worker"] == levels["broker"] == levels["port"] == "ok"


def test_ctrl_c_stops_within_five_seconds_and_the_next_start_keeps_all(running: Platform) -> None:
    before = [row["id"] for row in running.runs()]
    password = json.loads((running.var / "demo.json").read_text())["password"]
    run = running.run_of(_push_waiting(running))
    _wait_for_line(running, run["id"], "waiting begins")
    processes = running.children()

    assert running.interrupt() < 5
    assert not [name for name, pid in processes.items() if _is_alive(pid)]

    running.start("--demo")
    wait_until(lambda: "Log in as" in running.output, 30, "the second start greets")
    assert "$ cd" not in running.output
    assert password not in running.output
    assert json.loads((running.var / "demo.json").read_text())["password"] == password
    assert [row["id"] for row in running.runs()][1:] == before
    # What the stop interrupted goes on.
    wait_until(
        lambda: _attempts(running, run["id"]) == ["failure", "running"], 30, "the step is repeated"
    )
    assert running.command("cancel", run["id"]).returncode == 0
    assert _ended(running, run["id"])["status"] == "cancelled"


def test_demo_once_needs_no_platform_and_exits_with_the_runs_result(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    first = _demo_once(folder)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "✓ Run #1 succeeded" in first.stdout

    cart = folder / "demo" / "shop" / "shop" / "cart.py"
    cart.write_text(cart.read_text().replace("total * (100", "total * (99"))
    made = Platform(folder, 0)
    made.git("commit", "--all", "--quiet", "--message=Break the discount")
    second = _demo_once(folder, "--json")
    assert second.returncode == 1, second.stdout + second.stderr
    answer = json.loads(second.stdout)
    assert answer["run"]["status"] == "failure"
    assert answer["test_reports"][0]["cases"][0]["status"] == "failed"


def _demo_once(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "powernode", "demo", "--once", *arguments], cwd=ROOT, check=False,
        env=embedded_environment(folder), capture_output=True, text=True, timeout=COMMAND_SECONDS,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _push_waiting(running: Platform, wait: str = "sleep 60") -> str:
    """Push a pipeline whose last step waits; a number in it makes the commit a new one."""
    path = running.var / "demo" / "shop" / ".powernode" / "ci.yml"
    head = path.read_text().partition("\n  - name: Wait\n")[0].rstrip()
    number = len(running.runs())
    path.write_text(head + WAIT_STEP.format(wait=wait) + f"# {number}\n")
    return running.push("Wait")


def _wait_for_line(running: Platform, run_id: str, line: str) -> None:
    wait_until(
        lambda: line in running.command("logs", run_id, "--step", "wait").stdout, 40, repr(line)
    )


def _ended(running: Platform, run_id: str) -> dict[str, Any]:
    def find() -> dict[str, Any] | None:
        run: dict[str, Any] = _api(running, f"/devops/pipeline_runs/{run_id}")
        return run if run["completed_at"] else None

    found = wait_until(find, 40, "the run ends")
    assert found is not None
    return found


def _attempts(running: Platform, run_id: str) -> list[str]:
    run = _api(running, f"/devops/pipeline_runs/{run_id}")
    return [step["status"] for step in run["step_executions"] if step["step_key"] == "wait"]


def _api(running: Platform, path: str, body: dict[str, Any] | None = None) -> Any:
    from powernode.clients.api import PowernodeClient  # noqa: PLC0415

    token = json.loads((running.var / "demo.json").read_text())["token"]
    with PowernodeClient(running.url, token) as client:
        return client.get(path) if body is None else client.post(path, body)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
