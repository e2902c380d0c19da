"""What this machine has: tests that need more are skipped by name, or are errors in CI.

`POWERNODE_REQUIRE=postgres,redis,docker,chromium` names what must be there.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache

import pytest

from tests.engine_image import busybox
from tests.services import postgres_programs, redis_program


@cache
def docker_problem() -> str:
    """Why no Docker Engine answers, or empty."""
    if shutil.which("docker") is None:
        return "needs a Docker Engine: the docker client is not installed"
    done = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        check=False, capture_output=True, timeout=20,
    )  # fmt: skip
    if done.returncode:
        return f"needs a Docker Engine: {done.stderr.decode(errors='replace').strip()[:200]}"
    if busybox() is None:
        return "needs a Docker Engine and an image for it: busybox (busybox-static) not found"
    return ""


def postgres_problem() -> str:
    """Why the tests do not run on PostgreSQL, or empty."""
    if postgres_programs() is None:
        return "needs PostgreSQL >= 14: initdb not found"
    if not os.environ.get("POWERNODE_DATABASE_URL", "").startswith("postgres"):
        return "needs PostgreSQL >= 14: run with `make test`, which starts one"
    return ""


def redis_problem() -> str:
    """Why there is no broker for the tests, or empty."""
    if os.environ.get("POWERNODE_REDIS_URL"):
        return ""
    if redis_program() is None:
        return "needs a Redis or Valkey server: none found"
    return "needs a Redis or Valkey server: run with `make test`, which starts one"


def chromium_problem() -> str:
    """Why no browser can be driven, or empty."""
    if shutil.which("chromium") is None:
        return "needs Chromium: /usr/bin/chromium not found"
    return ""


PROBLEMS: dict[str, Callable[[], str]] = {
    "postgres": postgres_problem,
    "redis": redis_problem,
    "docker": docker_problem,
    "chromium": chromium_problem,
}


def required() -> set[str]:
    """What POWERNODE_REQUIRE names."""
    return set(filter(None, os.environ.get("POWERNODE_REQUIRE", "").split(",")))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start without what must be there: a silent skip would look like a pass."""
    missing = {name: PROBLEMS[name]() for name in sorted(required() - {"postgres", "redis"})}
    for name, problem in missing.items():
        if problem:
            raise pytest.UsageError(f"POWERNODE_REQUIRE wants {name}: {problem}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs more than there is, saying what."""
    for name, problem_of in PROBLEMS.items():
        marked = [item for item in items if item.get_closest_marker(name)]
        if not marked or not (problem := problem_of()):
            continue
        if name in required():
            raise pytest.UsageError(f"POWERNODE_REQUIRE wants {name}: {problem}")
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=problem))
