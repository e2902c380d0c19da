"""Sizes, numbers and names that nobody would watch otherwise; and what a process loads."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from celery import current_app
from django.core.management import call_command

from devops.taskref import TaskRef
from tests.architecture.sources import APPS, ROOT, modules

HEAVY = [
    "anthropic",
    "docker",
    "github",
    "gitlab",
    "httpx",
    "httpx2",
    "hvac",
    "liquid",
    "mcp",
    "requests",
]
LOADED = f"""
import sys, django
django.setup()
import powernode.worker
from powernode.celery import app
app.loader.import_default_modules()
print(*(set({HEAVY!r}) & sys.modules.keys()))
"""


def _lengths(folder: str) -> dict[str, int]:
    paths = (ROOT / folder).rglob("*.py")
    return {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in paths}


@pytest.mark.parametrize("app", APPS)
def test_a_module_is_short_enough_to_be_read(app: str) -> None:
    long = {name for name, lines in _lengths(app).items() if lines > 400}

    assert {name for name in long if "/migrations/" not in name} == set()


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_a_module_of_tests_is_short_enough_to_be_read(folder: str) -> None:
    assert {name for name, lines in _lengths(folder).items() if lines > 600} == set()


def test_no_module_is_a_junk_drawer() -> None:
    names = {Path(name).stem for name in modules()}

    assert names & {"utils", "helpers", "common", "mixins", "misc"} == set()


def test_every_task_reference_has_its_task() -> None:
    current_app.loader.import_default_modules()
    refs = {
        value.name
        for app in APPS
        if (ROOT / app / "jobs.py").exists()
        for value in vars(importlib.import_module(f"{app}.jobs")).values()
        if isinstance(value, TaskRef)
    }

    assert refs
    assert refs <= current_app.tasks.keys()


def test_decision_records_have_numbers_of_their_own_without_a_gap() -> None:
    names = [path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")]
    numbers = sorted(int(name.split("-")[0]) for name in names)

    assert numbers == list(range(1, len(names) + 1))


@pytest.mark.django_db
def test_the_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("worker", set()),
        # REST framework imports it by itself where it is installed.
        ("all", {"requests"}),
    ],
)
def test_a_process_starts_without_the_libraries_of_single_features(
    role: str, allowed: set[str], tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        # As the worker itself does: its start checks no addresses.
        "CELERY_SKIP_CHECKS": "1", "DJANGO_SETTINGS_MODULE": "powernode.settings",
        "POWERNODE_ROLE": role, "POWERNODE_VAR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=environment, check=True,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert set(done.stdout.split()) <= allowed
