"""The harness of the fault tests: the real platform as processes, on either database."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.schemas import copy_postgres
from tests.services import postgres, postgres_programs
from tests.stack import Stack, running


@pytest.fixture
def dice() -> random.Random:
    """Chance with a seed that is printed, so that a failure can be repeated."""
    seed = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    print(f"CHAOS_SEED={seed}")
    return random.Random(seed)  # noqa: S311  (a test's dice)


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """A platform under its supervisor, with short leases, that may speak to this machine."""
    environment = {
        "POWERNODE_SANDBOX": "none", "POWERNODE_LEASE_SECONDS": "4",
        "POWERNODE_HEARTBEAT_SECONDS": "1", "POWERNODE_WORKER_CAPACITY": "16",
        "POWERNODE_EGRESS_ALLOW": "127.0.0.1",
    }  # fmt: skip
    if request.param == "sqlite":
        with running(tmp_path / "stack", environment) as made:
            yield made
        return
    if postgres_programs() is None:
        pytest.skip("needs PostgreSQL ≥ 14: initdb not found")
    tmp_path.chmod(0o755)
    copy_postgres(tmp_path / "pg")
    with postgres(tmp_path / "pg") as url:
        environment["POWERNODE_DATABASE_URL"] = url
        with running(tmp_path / "stack", environment) as made:
            yield made
