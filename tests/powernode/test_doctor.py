import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from powernode import diagnosis
from powernode.configuration import Configuration
from powernode.supervisor import Supervisor
from tests.e2e.platform_process import ROOT, embedded_environment


def doctor(var: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "powernode", "doctor", *arguments], cwd=ROOT, check=False,
        env={**embedded_environment(var), **more}, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def levels(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    return {check["name"]: check["level"] for check in json.loads(done.stdout)["checks"]}


def test_every_check_of_a_fresh_folder_has_a_level_and_every_problem_a_remedy(
    tmp_path: Path,
) -> None:
    done = doctor(tmp_path / "var", "--json")
    report = json.loads(done.stdout)
    assert {check["name"] for check in report["checks"]} == {
        "python", "git", "sandbox", "docker", "data", "disk", "keys", "frontend", "database",
        "migrations", "broker", "port", "worker", "clock",
    }  # fmt: skip
    for check in report["checks"]:
        assert check["finding"]
        assert check["level"] == "ok" or check["remedy"], check
    assert report["healthy"] == ("fail" not in levels(done).values())
    assert done.returncode == (0 if report["healthy"] else 1)


def test_keys_that_others_can_read_are_a_failure_with_the_command_that_mends_it(
    tmp_path: Path,
) -> None:
    var = tmp_path / "var"
    doctor(var)
    (var / "keys.json").chmod(0o644)
    done = doctor(var)
    assert done.returncode == 1
    assert "✗ fail  keys" in done.stdout
    assert f"chmod 600 {var / 'keys.json'}" in done.stdout


def test_a_wrong_variable_is_named_without_its_value(tmp_path: Path) -> None:
    done = doctor(tmp_path / "var", "--json", POWERNODE_WORKER_CAPACITY="hunter2")
    assert done.returncode == 1
    assert levels(done) == {"configuration": "fail"}
    assert "POWERNODE_WORKER_CAPACITY" in done.stdout
    assert "hunter2" not in done.stdout


def test_a_broker_and_a_database_that_are_named_must_answer(tmp_path: Path) -> None:
    done = doctor(
        tmp_path / "var", "--json", POWERNODE_PROFILE="production",
        POWERNODE_SECRET_KEY="s" * 50, POWERNODE_ENCRYPTION_KEYS="k1:" + "A" * 43 + "=",
        POWERNODE_REDIS_URL="redis://127.0.0.1:1",
        POWERNODE_DATABASE_URL="postgresql://u:secret-word@127.0.0.1:1/x?connect_timeout=2",
    )  # fmt: skip
    assert done.returncode == 1
    found = levels(done)
    assert (found["broker"], found["database"], found["worker"]) == ("fail", "fail", "warn")
    assert found["keys"] == "ok"
    assert "secret-word" not in done.stdout


def test_fresh_keys_are_accepted_by_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = doctor(tmp_path / "var", "--new-keys")
    assert not (tmp_path / "var").exists()
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    made = Configuration(_env_file=None)
    assert len(made.secret_key) > 50
    assert [len(key) for key in made.encryption_keys.values()] == [32]
    assert doctor(tmp_path / "var", "--new-keys").stdout != done.stdout


def test_a_port_that_a_stranger_has_is_a_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        check = diagnosis.port_is_ours("127.0.0.1", port, running=False)
    assert (check.level, check.remedy) == ("fail", f"make run PORT={port + 1}")
    assert diagnosis.port_is_ours("127.0.0.1", port, running=False).level == "ok"


def test_a_folder_that_cannot_be_written_is_a_failure(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "not-a-folder"
    file.touch()
    settings.POWERNODE_VAR = file
    check = diagnosis.data_folder()
    assert check.level == "fail"
    assert "POWERNODE_VAR" in check.remedy
    settings.POWERNODE_VAR = tmp_path
    assert diagnosis.data_folder().level == "ok"
    assert list(tmp_path.iterdir()) == [file]


def test_a_sandbox_that_was_switched_off_is_a_warning(settings: Settings) -> None:
    settings.POWERNODE_SANDBOX = "none"
    check = diagnosis.bubblewrap()
    assert (check.level, check.name) == ("warn", "sandbox")
    assert "POWERNODE_SANDBOX=auto" in check.remedy


def test_a_running_platform_is_known_by_its_lock(tmp_path: Path) -> None:
    assert not diagnosis.platform_runs(tmp_path)
    with Supervisor(tmp_path, print).lock():
        assert diagnosis.platform_runs(tmp_path)
    assert not diagnosis.platform_runs(tmp_path)


@pytest.mark.django_db
def test_no_worker_is_a_failure_only_where_one_should_run(settings: Settings) -> None:
    settings.POWERNODE_PROFILE = "embedded"
    assert diagnosis.worker(running=False).level == "ok"
    assert diagnosis.worker(running=True).level == "fail"
    settings.POWERNODE_PROFILE = "production"
    assert diagnosis.worker(running=False).level == "fail"


def test_a_new_key_is_put_before_the_others_and_only_while_the_platform_stands_still(
    tmp_path: Path,
) -> None:
    var = tmp_path / "var"
    doctor(var)
    path = var / "keys.json"
    before = json.loads(path.read_text())["encryption_keys"]
    with Supervisor(var, print).lock():
        refused = _rotate(var)
    assert refused.returncode == 1
    assert "Stop it first" in refused.stderr
    assert json.loads(path.read_text())["encryption_keys"] == before

    # The folder has no database yet: the key is there, and the values can be rotated later.
    late = _rotate(var)
    assert "migrations" in late.stderr
    after = json.loads(path.read_text())["encryption_keys"]
    assert list(after) == ["k2", "k1"]
    assert after["k1"] == before["k1"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in var.glob("keys*")] == ["keys.json"]


def _rotate(var: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "powernode", "rotate-keys", "--new-key"], cwd=ROOT, check=False,
        env=embedded_environment(var), capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_operators_engine_is_asked(tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/nothing"

    done = doctor(tmp_path / "var", "--json", POWERNODE_DOCKER_HOST=dead)

    (check,) = (row for row in json.loads(done.stdout)["checks"] if row["name"] == "docker")
    assert check["level"] == "fail"
    assert "does not answer: No such file or directory" in check["finding"]
