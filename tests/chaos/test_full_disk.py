"""A disk without room: for `run FILE` and for the whole platform, database included."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stack import ROOT, Stack, definition, running

pytestmark = [pytest.mark.chaos, pytest.mark.chaos_smoke]

PIPELINE = """
name: full
steps:
  - {name: one, uses: custom, with: {command: head -c 5M /dev/zero > a.bin}}
  - {name: keep, uses: upload_artifact, with: {name: a, path: a.bin}}
  - {name: two, uses: custom, with: {command: head -c 30M /dev/zero > b.bin}}
"""


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m"]
    done = subprocess.run(
        ["mount", *options, "tmpfs", str(folder)], check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"needs the right to mount a small file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("megabytes", [1, 3, 9, 14])
def test_a_file_run_on_a_full_disk_ends_in_words(tmp_path: Path, megabytes: int) -> None:
    document = tmp_path / "full.yml"
    document.write_text(PIPELINE)
    with _small_disk(tmp_path / "small", megabytes) as disk:
        done = subprocess.run(
            [sys.executable, "-m", "powernode", "run", str(document)], check=False, text=True,
            capture_output=True, cwd=ROOT, env={**os.environ, "TMPDIR": str(disk)}, timeout=60,
        )  # fmt: skip
        left = list(disk.iterdir())

    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert "no room" in told.lower() or "No space left on device" in told, told
    assert "Traceback" not in told
    assert left == []


def test_a_platform_whose_disk_was_full_tells_it_and_goes_on(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "small", 60) as disk:
        environment = {
            "POWERNODE_VAR": str(disk / "var"), "POWERNODE_SANDBOX": "none",
            "POWERNODE_LEASE_SECONDS": "4", "POWERNODE_HEARTBEAT_SECONDS": "1",
        }  # fmt: skip
        with running(tmp_path / "stack", environment) as stack:
            fill = disk / "fill"
            # A log that outgrows what SQLite's write-ahead file still holds of free pages.
            pipeline = stack.do("pipeline", definition=definition(
                f"test -e {tmp_path}/once || {{ touch {tmp_path}/once;"
                f" head -c 1G /dev/zero > {fill}; {{ yes || true; }} | head -c 20M; }}; echo fine",
            ))  # fmt: skip
            stack.do("trigger", pipeline=pipeline)
            stack.wait(fill.exists)
            stack.wait(lambda: os.statvfs(disk).f_bavail == 0)
            stack.wait(lambda: "no room" in stack.last_lines() or _words(stack), 30)
            fill.unlink()
            counts = stack.finish(1, 60)

            assert counts in ({"success": 1}, {"failure": 1}), stack.last_lines()
            pipeline = stack.do("pipeline", definition=definition("echo again", name="again"))
            stack.do("trigger", pipeline=pipeline)
            assert sum(stack.finish(2, 60).values()) == 2
            told = _words(stack) + stack.last_lines()
            assert "no room" in told or "No space left" in told


def _words(stack: Stack) -> str:
    rows = stack.sql("SELECT error_message FROM pipelines_stepexecution WHERE error_message<>''")
    return "\n".join(row[0] for row in rows)
