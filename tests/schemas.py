"""A migrated database, made once and copied for each platform that a test starts.

Every migration runs for it as at a first start; a platform on a copy finds nothing left to do.
"""

import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services import postgres

ROOT = Path(__file__).resolve().parent.parent
# Where `make test` has its processes share what was made.
FOLDER_VARIABLE = "POWERNODE_TEST_SCHEMAS"


def copy_sqlite(var: Path) -> None:
    """Put a migrated database where a platform with this folder looks for its own."""
    var.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_made("sqlite") / "powernode.sqlite3", var / "powernode.sqlite3")


def copy_postgres(folder: Path) -> None:
    """Put a stopped cluster with a migrated database into a folder, for `services.postgres`."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", _made("postgres") / "data", folder], check=True)


def _made(kind: str) -> Path:
    shared = _shared()
    folder = shared / kind
    with (shared / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            folder.chmod(0o755)
            _make(kind, folder)
            (folder / "done").touch()
    return folder


def _make(kind: str, folder: Path) -> None:
    if kind == "sqlite":
        _migrate({"POWERNODE_VAR": str(folder)})
        return
    with postgres(folder) as url, tempfile.TemporaryDirectory() as var:
        _migrate({"POWERNODE_VAR": var, "POWERNODE_DATABASE_URL": url})


def _migrate(environment: dict[str, str]) -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("POWERNODE_")}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT, env={**inherited, **environment}, check=True,
    )  # fmt: skip


def _shared() -> Path:
    named = os.environ.get(FOLDER_VARIABLE)
    if named is None:
        return Path(_own().name)
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder


@functools.cache
def _own() -> "tempfile.TemporaryDirectory[str]":
    """For a process alone; it goes when the process ends."""
    made = tempfile.TemporaryDirectory(prefix="powernode-schemas-")
    Path(made.name).chmod(0o755)
    return made
