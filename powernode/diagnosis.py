"""What is missing or misconfigured on this machine, and how to mend it."""

import fcntl
import json
import shutil
import stat
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, connection

from devops import nudge
from devops.clock import database_now
from devops.errors import DomainError
from devops.safety import processes, sandbox

Level = Literal["ok", "warn", "fail"]
PYTHON_OLDEST = (3, 11)
GIT_OLDEST = (2, 30)
# Bytes.
DISK_FAIL, DISK_WARN = 512 * 1024**2, 5 * 1024**3
# Seconds that this machine's clock may differ from the database's; signed deliveries bear minutes.
CLOCK_WARN = 5.0
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `remedy` says how to mend it."""

    name: str
    level: Level
    finding: str
    remedy: str = ""


def diagnose(host: str, port: int) -> Iterator[Check]:
    """Look at everything, one after the other; nothing is changed."""
    running = platform_runs(settings.POWERNODE_VAR)
    for check in (python, git, bubblewrap, docker, data_folder, disk, keys_file, frontend):
        yield check()
    yield broker(running=running)
    yield port_is_ours(host, port, running=running)
    answer = database()
    yield answer
    needing: dict[str, Callable[[], Check]] = {
        "migrations": lambda: migrations(running=running),
        "worker": lambda: worker(running=running),
        "clock": clock,
    }
    for name, look in needing.items():
        if answer.level == "fail":
            yield Check(name, "warn", "unknown", "Mend the database first.")
        else:
            yield look()


def python() -> Check:
    """The interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if tuple(sys.version_info) < PYTHON_OLDEST:
        return Check("python", "fail", f"Python {version}", "Install Python 3.11 or newer.")
    return Check("python", "ok", f"Python {version}")


def git() -> Check:
    """The program that checkouts use."""
    remedy = "Install git 2.30 or newer (apt install git)."
    try:
        done = processes.run(["git", "--version"], env=_ENVIRONMENT, timeout=10)
    except processes.CommandNotFoundError:
        return Check("git", "fail", "git is not installed", remedy)
    words = done.stdout.decode(errors="replace").split()
    version = words[2] if len(words) > 2 else "?"
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(numbers) < 2 or numbers < GIT_OLDEST:
        return Check("git", "fail", f"git {version}", remedy)
    return Check("git", "ok", f"git {version}")


def bubblewrap() -> Check:
    """The sandbox of steps, tried by running a command in it."""
    preference = settings.POWERNODE_SANDBOX
    info = sandbox.available(preference)
    if info.kind == "bwrap":
        return Check("sandbox", "ok", f"steps are isolated with {info.path}")
    remedy = (
        "Install bubblewrap (apt install bubblewrap) and allow unprivileged user namespaces "
        "(sysctl kernel.unprivileged_userns_clone=1); without it untrusted runs are refused."
    )
    if preference == "bwrap":
        return Check("sandbox", "fail", f"POWERNODE_SANDBOX=bwrap, but {info.reason}", remedy)
    if preference == "none":
        return Check(
            "sandbox", "warn", "switched off: steps can read what the worker can read",
            "Set POWERNODE_SANDBOX=auto.",
        )  # fmt: skip
    return Check("sandbox", "warn", f"steps are not isolated: {info.reason}", remedy)


def docker() -> Check:
    """The operator's Engine; nothing needs it unless pipelines ask for images."""
    url = settings.POWERNODE_DOCKER_HOST
    if not url:
        return Check(
            "docker", "ok", "no Engine is offered to accounts; they may connect their own",
            "Only for steps in containers: set POWERNODE_DOCKER_HOST=unix:///var/run/docker.sock.",
        )  # fmt: skip
    from containers.public import engine_version  # noqa: PLC0415

    try:
        version = engine_version("POWERNODE_DOCKER_HOST", url)
    except DomainError as error:
        return Check("docker", "fail", error.detail, error.remedy)
    return Check("docker", "ok", f"Docker {version} answers on {url}")


def data_folder() -> Check:
    """Where everything is kept."""
    var: Path = settings.POWERNODE_VAR
    probe = var / f".doctor-{time.monotonic_ns()}"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Check(
            "data", "fail", f"{var} cannot be written: {error.strerror}",
            f"Make it (mkdir -p {var}), give it to this user (chown), or set POWERNODE_VAR.",
        )  # fmt: skip
    return Check("data", "ok", f"{var} is writable")


def disk() -> Check:
    """How much room there is."""
    var: Path = settings.POWERNODE_VAR
    place = next(folder for folder in (var, *var.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    level: Level = "fail" if free < DISK_FAIL else "warn" if free < DISK_WARN else "ok"
    remedy = "" if level == "ok" else "Free some, or shorten the POWERNODE_*_RETENTION_DAYS."
    return Check("disk", level, f"{free / 1024**3:.1f} GB free", remedy)


def keys_file() -> Check:
    """The keys of an embedded installation must be nobody else's."""
    path: Path = settings.POWERNODE_VAR / "keys.json"
    if not path.exists():
        return Check("keys", "ok", "the keys come from the environment")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check(
            "keys", "fail", f"{path} can be read by others (mode {mode:04o})", f"chmod 600 {path}"
        )
    return Check("keys", "ok", f"{path} is readable by its owner alone")


def frontend() -> Check:
    """What browsers load."""
    from powernode.configuration import ROOT  # noqa: PLC0415

    folder = ROOT / "powernode" / "static" / "dist"
    if all((folder / name).exists() for name in ("app.css", "app.js", "icons.svg")):
        return Check("frontend", "ok", "the browser's assets are built")
    return Check("frontend", "fail", f"{folder} is not complete", "Run `make setup`.")


def database() -> Check:
    """Whether it answers."""
    where = str(settings.DATABASES["default"]["NAME"])
    if connection.vendor == "sqlite" and not Path(where).exists():
        return Check("database", "ok", f"{where} is made on the first start")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return Check(
            "database", "fail", f"{connection.vendor} does not answer: {str(error).strip()[:200]}",
            "Check POWERNODE_DATABASE_URL and that the server runs.",
        )  # fmt: skip
    return Check("database", "ok", f"{connection.vendor} answers ({where})")


def migrations(*, running: bool) -> Check:
    """Whether the tables fit this version."""
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    where = Path(str(settings.DATABASES["default"]["NAME"]))
    if connection.vendor == "sqlite" and not where.exists():
        return Check("migrations", "ok", "applied on the first start")
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return Check("migrations", "fail", f"unknown: {str(error).strip()[:200]}")
    if not pending:
        return Check("migrations", "ok", "all are applied")
    level: Level = "fail" if running or settings.POWERNODE_PROFILE == "production" else "warn"
    names = ", ".join(f"{step.app_label}.{step.name}" for step, _ in pending[:3])
    return Check(
        "migrations", level, f"{len(pending)} are missing ({names} …)",
        "Run `python manage.py migrate`; `powernode up` does so by itself.",
    )  # fmt: skip


def broker(*, running: bool) -> Check:
    """Redis or Valkey."""
    problem = nudge.broker_problem()
    if not problem:
        return Check("broker", "ok", f"{settings.REDIS_LAYER_URL.rpartition('@')[2]} answers")
    if settings.POWERNODE_PROFILE == "embedded" and not running:
        return Check("broker", "ok", "starts together with the platform (powernode up)")
    return Check(
        "broker", "fail", f"does not answer: {problem}",
        "Check POWERNODE_REDIS_URL and that the server runs; var/log/broker.log says more.",
    )  # fmt: skip


def port_is_ours(host: str, port: int, *, running: bool) -> Check:
    """Whether the web server has its port, or could get it."""
    if answers_health(port):
        if running:
            return Check("port", "ok", f"the platform answers on port {port}")
        return Check(
            "port", "warn", f"another Powernode answers on port {port}",
            f"Use another port: make run PORT={port + 1}",
        )  # fmt: skip
    from powernode.supervisor import StartError, check_port  # noqa: PLC0415

    try:
        check_port(host, port)
    except StartError as error:
        return Check("port", "fail", str(error), f"make run PORT={port + 1}")
    if running:
        return Check("port", "warn", f"the platform runs, but not on port {port}", "Give --port.")
    return Check("port", "ok", f"port {port} is free")


def worker(*, running: bool) -> Check:
    """Whether somebody executes runs."""
    from pipelines.models import Worker  # noqa: PLC0415

    try:
        online = list(
            Worker.objects.filter(status="online", lease_expires_at__gt=database_now()).values_list(
                "name", flat=True
            )
        )
    except DatabaseError:
        online = []
    if online:
        return Check("worker", "ok", f"{len(online)} online: {', '.join(online[:5])}")
    if settings.POWERNODE_PROFILE == "embedded" and not running:
        return Check("worker", "ok", "starts together with the platform (powernode up)")
    return Check(
        "worker", "fail", "none is online: runs wait",
        "Start one with `powernode worker`; var/log/worker.log says why one ended.",
    )  # fmt: skip


def clock() -> Check:
    """This machine's clock against the database's: leases and signatures go by them."""
    now = datetime.now(UTC)  # noqa: TID251  (the very clock that is to be checked)
    if connection.vendor == "sqlite":
        return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")
    try:
        difference = abs((database_now() - now).total_seconds())
    except DatabaseError as error:
        return Check("clock", "warn", f"the database's is unknown: {str(error).strip()[:100]}")
    finding = f"{difference:.1f} s from the database's"
    if difference > CLOCK_WARN:
        return Check("clock", "warn", finding, "Set the clocks by NTP (timedatectl set-ntp true).")
    return Check("clock", "ok", finding)


def platform_runs(var: Path) -> bool:
    """Whether a supervisor holds this data folder."""
    try:
        with (var / "supervisor.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def answers_health(port: int) -> bool:
    """Whether a Powernode serves that port of this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(json.loads(answer.read(4096)).get("status") == "ok")
    except (OSError, ValueError, AttributeError):
        return False
