"""The compose file: what it names exists, and nothing is open to the network by default."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from powernode.cli import application

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OURS = ("migrate", "web", "worker", "beat")
VARIABLE = re.compile(r"\$\{(\w+)(:?[-?][^}]*)?\}")


def _compose() -> dict[str, Any]:
    # Compose files use anchors and merges, which our own strict reader of documents refuses.
    import yaml  # noqa: PLC0415

    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


COMPOSE = _compose()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_variable_is_in_the_example_or_demanded_in_words_or_has_a_default() -> None:
    example = (ROOT / ".env.example").read_text()
    found = VARIABLE.findall(FILE.read_text())

    assert found
    assert [name for name, rest in found if not rest and f"{name}=" not in example] == []


def test_every_setting_of_ours_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    names = {name for service in OURS for name in SERVICES[service]["environment"]}

    assert {name for name in names if f"#{name}=" not in example} == set()


@pytest.mark.parametrize("service", OURS)
def test_a_command_starts_what_exists(service: str) -> None:
    program, *rest = SERVICES[service]["command"]
    known = vars(typer.main.get_command(application.app))["commands"].keys()

    assert program == "python"
    match rest:
        case ["manage.py", command, *_]:
            assert (ROOT / "manage.py").exists()
            assert command == "migrate"
        case ["-m", "powernode", command]:
            assert command in known
        case ["-m", "uvicorn", target, *_]:
            module, name = target.split(":")
            assert callable(getattr(importlib.import_module(module), name))
        case _:
            pytest.fail(f"{service} starts {rest}")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_what_is_published_is_for_this_machine_only(service: str) -> None:
    ports = SERVICES[service].get("ports", [])

    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_data_outlives_its_containers() -> None:
    used = {volume.split(":")[0] for row in SERVICES.values() for volume in row.get("volumes", [])}

    assert used == set(COMPOSE["volumes"])
    assert {"database", "broker"} <= used


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_an_image_has_a_version_and_a_service_waits_for_what_exists(service: str) -> None:
    row = SERVICES[service]

    assert not row["image"].endswith(":latest")
    assert ":" in row["image"]
    assert set(row.get("depends_on", {})) <= SERVICES.keys()
    for name, wait in row.get("depends_on", {}).items():
        healthy = wait["condition"] == "service_healthy"
        assert healthy is ("healthcheck" in SERVICES[name])


def test_the_build_file_exists() -> None:
    assert (ROOT / SERVICES["web"]["build"]["dockerfile"]).exists()


def test_compose_itself_reads_the_file() -> None:
    missing = _compose_problem()
    if missing:
        pytest.skip(missing)
    demanded = {name: "x" for name, rest in VARIABLE.findall(FILE.read_text()) if "?" in rest}

    done = subprocess.run(
        ["docker", "compose", "-f", str(FILE), "config", "--quiet"], check=False,
        capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin", **demanded},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def _compose_problem() -> str:
    if shutil.which("docker") is None:
        return "needs docker compose: the docker client is not installed"
    asked = subprocess.run(
        ["docker", "compose", "version"], check=False, capture_output=True, timeout=20
    )
    return (
        "needs docker compose: the plugin docker-compose-v2 is missing" if asked.returncode else ""
    )
