"""The real platform as processes on loopback ports: `powernode up`, further workers, a driver."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.schemas import copy_sqlite

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


class Stack:
    """One running platform below a folder of its own."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("POWERNODE_")}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = {
            **inherited,
            "POWERNODE_VAR": str(folder / "var"),
            "POWERNODE_SITE_URL": f"http://127.0.0.1:{self.port}",
            "PYTHONPATH": str(ROOT),
            **(environment or {}),
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self._driver: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.facts: dict[str, str] = {}

    def up(self) -> None:
        """Start everything under the supervisor and wait for the web process."""
        if "POWERNODE_DATABASE_URL" not in self.environment:
            copy_sqlite(Path(self.environment["POWERNODE_VAR"]))
        self.supervisor = self.spawn("up", "up", "--port", str(self.port))
        self.wait(self._answers, START_SECONDS)
        self.facts = self.do("setup")

    def migrate(self) -> None:
        """The schema alone, for a stack whose processes are started one by one."""
        copy_sqlite(Path(self.environment["POWERNODE_VAR"]))
        self.facts = self.do("setup")

    def spawn(self, name: str, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """A command of the platform; its output goes to a file."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "powernode", *arguments], cwd=ROOT, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL, env={**self.environment, **more}, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self, name: str, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        """A worker of its own; returns when it is ready."""
        ready = self.folder / f"{name}.ready"
        ready.unlink(missing_ok=True)
        process = self.spawn(
            name, "worker", "--name", name, *arguments, POWERNODE_READY_FILE=str(ready), **more
        )
        self.wait(lambda: ready.exists() or process.poll() is not None, START_SECONDS)
        return process

    def do(self, command: str, **arguments: Any) -> Any:
        """What the driver answers.

        Raises:
            RuntimeError: the command failed; the driver's words.
        """
        with self._lock:
            if self._driver is None:
                with (self.folder / "driver.log").open("ab") as log:
                    self._driver = subprocess.Popen(
                        [sys.executable, "-m", "tests.stack_driver"], cwd=ROOT, text=True,
                        env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=log,
                    )  # fmt: skip
            assert self._driver.stdin is not None
            assert self._driver.stdout is not None
            self._driver.stdin.write(json.dumps({"do": command, "with": arguments}) + "\n")
            self._driver.stdin.flush()
            answer = json.loads(self._driver.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def sql(self, statement: str, *parameters: Any) -> list[list[Any]]:
        """Rows of the platform's database."""
        found: list[list[Any]] = self.do("sql", statement=statement, parameters=list(parameters))
        return found

    def counts(self) -> dict[str, int]:
        """How many runs there are in each status."""
        rows = self.sql("SELECT status, count(*) FROM pipelines_pipelinerun GROUP BY status")
        return dict(rows)

    def finish(self, runs: int, seconds: float) -> dict[str, int]:
        """Wait until so many runs are over; the counts, whatever they are by then."""
        over = ("success", "failure", "cancelled")
        with contextlib.suppress(TimeoutError):
            self.wait(lambda: sum(self.counts().get(s, 0) for s in over) >= runs, seconds)
        return self.counts()

    def wait(self, what: Callable[[], Any], seconds: float = 30.0) -> Any:
        """What `what` gives once it is true.

        Raises:
            TimeoutError: it did not become true; the last lines of every process.
        """
        until = time.monotonic() + seconds
        while not (found := what()):
            if time.monotonic() > until:
                raise TimeoutError(f"not within {seconds} s\n{self.last_lines()}")
            time.sleep(0.02)
        return found

    def last_lines(self) -> str:
        """What the processes said last."""
        logs = [*self.folder.glob("*.log"), *(self.folder / "var" / "log").glob("*.log")]
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-12:])
            for log in logs
        )

    def child(self, word: str) -> int:
        """The process id of the supervisor's child whose command line has the word; 0 without."""
        for pid in children_of(self.supervisor.pid):
            if word in command_line(pid):
                return pid
        return 0

    def down(self) -> None:
        """End everything that was started."""
        if self._driver is not None and self._driver.stdin is not None:
            self._driver.stdin.close()
            self._driver.wait(10)
            if self._driver.stdout is not None:
                self._driver.stdout.close()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()
                process.wait(5)

    def _answers(self) -> bool:
        process = self.processes[0]
        if process.poll() is not None:
            raise RuntimeError(self.last_lines())
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1) as it:
                return bool(it.status == 200)
        except OSError:
            return False


@contextlib.contextmanager
def running(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Stack]:
    """A platform under its supervisor, ended afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = Stack(folder, environment)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def definition(*commands: str, name: str = "p", **more: Any) -> dict[str, Any]:
    """A pipeline of shell commands."""
    steps = [
        {
            "key": f"s{number}", "name": f"s{number}", "step_type": "custom",
            "configuration": {"command": command}, "condition": "", "continue_on_error": False,
            "is_active": True,
        }
        for number, command in enumerate(commands, start=1)
    ]  # fmt: skip
    return {
        "name": name, "triggers": {"manual": {}, "push": {"branches": ["main"]}},
        "environment": {}, "runner_labels": [], "timeout_minutes": 30, "allow_concurrent": True,
        "settings": {}, "features": {}, "steps": steps, **more,
    }  # fmt: skip


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children_of(pid: int) -> list[int]:
    """The direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def command_line(pid: int) -> str:
    """The arguments of a process, or empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
