"""Private servers for tests: PostgreSQL and Redis on unix sockets below a temporary folder."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 30.0


@dataclass(slots=True)
class Services:
    """What was started, and the environment that makes the product use it."""

    environment: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest when there are several."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return max(found, key=lambda folder: folder.as_posix(), default=None)


def redis_program() -> str | None:
    """A Redis or Valkey server of the machine."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


@contextlib.contextmanager
def postgres(folder: Path, *, fast: bool = True) -> Iterator[str]:
    """A cluster, without fsync when `fast`; yields its URL.

    It is fresh, unless the folder holds one already (see `schemas.copy_postgres`).
    PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`.
    """
    programs = postgres_programs()
    if programs is None:
        raise FileNotFoundError("initdb not found")
    data, socket = folder / "data", folder / "socket"
    for path in (folder, data, socket):
        path.mkdir(parents=True, exist_ok=True)
    prefix = _as_ordinary_user(folder, data, socket)
    if not (data / "PG_VERSION").exists():
        subprocess.run(
            [*prefix, programs / "initdb", "-D", data, "-U", "powernode", "-A", "trust",
             "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"],
            check=True, capture_output=True,
        )  # fmt: skip
    settings = {
        "listen_addresses": "", "unix_socket_directories": str(socket), "max_connections": "100",
    }  # fmt: skip
    if fast:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*prefix, programs / "postgres", "-D", data, *arguments],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(lambda: _ready(programs, socket), server, folder / "log")
        yield f"postgresql://powernode@/postgres?host={socket}"
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        if server.poll() is None:
            server.kill()


@contextlib.contextmanager
def redis(folder: Path, program: str) -> Iterator[str]:
    """A fresh server on a unix socket, nothing kept; yields its URL."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "redis.sock"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(path.exists, server, folder / "log")
        yield f"unix://{path}"
    finally:
        server.terminate()
        server.wait(10)


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Services]:
    """Everything that this machine has a program for."""
    services = Services()
    with contextlib.ExitStack() as stack:
        if postgres_programs() is not None:
            url = stack.enter_context(postgres(folder / "postgres"))
            services.environment["POWERNODE_DATABASE_URL"] = url
            services.notes.append(f"PostgreSQL from {postgres_programs()}")
        else:
            services.notes.append("SQLite: no PostgreSQL here (initdb not found)")
        program = redis_program()
        if program is None:
            from powernode.supervisor import broker_program  # noqa: PLC0415

            program = broker_program()
            services.notes.append("the bundled Valkey: no redis-server here")
        else:
            services.notes.append(f"Redis from {program}")
        url = stack.enter_context(redis(folder / "redis", program))
        services.environment["POWERNODE_REDIS_URL"] = url
        yield services


def _as_ordinary_user(*folders: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            for folder in folders:
                os.chown(folder, user.pw_uid, user.pw_gid)
                folder.chmod(0o755)
            for parent in folders[0].parents:
                if not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
            for folder in folders[1:2]:
                folder.chmod(0o700)
            return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    raise LookupError("PostgreSQL refuses root, and there is no user postgres or nobody")


def _ready(programs: Path, socket: Path) -> bool:
    done = subprocess.run(
        [programs / "pg_isready", "-q", "-h", socket], check=False, capture_output=True
    )
    return done.returncode == 0


def _wait(is_ready: object, server: "subprocess.Popen[bytes]", log: Path) -> None:
    assert callable(is_ready)
    until = time.monotonic() + START_SECONDS
    while not is_ready():
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"a test server did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
