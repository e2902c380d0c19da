"""The real platform as processes: started on a folder and port of its own, always stopped."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0
COMMAND_SECONDS = 90.0
Found = TypeVar("Found")
# What a developer's own git is told must not decide about a test.
GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.com",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.com",
}


def wait_until(what: Callable[[], Found], seconds: float, why: str) -> Found:
    """What `what` gives as soon as it gives something true."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"not within {seconds} s: {why}"
        time.sleep(0.02)
    return found


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def embedded_environment(var: Path) -> dict[str, str]:
    """The environment of a person who has set nothing but the data folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("POWERNODE_", "DJANGO_", "GIT_")) and name != "PORT"
    }
    return {**kept, "POWERNODE_VAR": str(var)}


@dataclass(slots=True)
class Platform:
    """A data folder, the `powernode up` on it, and commands against it."""

    var: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return (self.var.parent / "up.log").read_text(errors="replace")

    def start(self, *arguments: str) -> None:
        """Start it and wait until it says that it is ready."""
        with (self.var.parent / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "powernode", "up", "--port", str(self.port), *arguments],
                cwd=ROOT, env=embedded_environment(self.var), stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until(self._is_ready, START_SECONDS, "the platform is ready")

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output
        return "ready:" in self.output

    def interrupt(self) -> float:
        """Ctrl-C; returns the seconds until the platform was gone."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        return time.monotonic() - began

    def children(self) -> dict[str, int]:
        """The supervised processes by what they are."""
        assert self.process is not None
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                if int(parent) == self.process.pid:
                    found[_kind(words)] = int(folder.name)
        return found

    def command(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a `powernode` command on this folder."""
        return subprocess.run(
            [sys.executable, "-m", "powernode", *arguments],
            cwd=ROOT, env={**embedded_environment(self.var), **environment}, check=False,
            capture_output=True, text=True, timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def json(self, *arguments: str) -> Any:
        """The answer of a command that must succeed."""
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, newest first."""
        found: list[dict[str, Any]] = self.json("runs")
        return found

    def git(self, *arguments: str, environment: Mapping[str, str] = GIT) -> str:
        """Run git in the demonstration's clone."""
        done = subprocess.run(
            ["git", *arguments], cwd=self.var / "demo" / "shop", check=False, capture_output=True,
            env={**embedded_environment(self.var), **environment}, text=True,
            timeout=COMMAND_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def push(self, message: str) -> str:
        """Commit everything in the clone, push it, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")
        self.git("push", "--quiet")
        return self.git("rev-parse", "HEAD")

    def run_of(self, commit: str) -> dict[str, Any]:
        """The run that the push of a commit started."""

        def find() -> dict[str, Any] | None:
            return next((row for row in self.runs() if row["commit_sha"] == commit), None)

        found = wait_until(find, 30, f"a run of {commit}")
        assert found is not None
        return found


def _kind(words: list[str]) -> str:
    if "uvicorn" in words:
        return "web"
    return "worker" if "worker" in words else "broker"


@contextlib.contextmanager
def platform(folder: Path) -> Iterator[Platform]:
    """A platform that has not been started yet; it is stopped at the end whatever happens."""
    made = Platform(folder / "var", free_port())
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.process.terminate()
            made.process.wait(30)
