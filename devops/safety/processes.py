"""The one place that starts processes: argument lists, clean environments, deadlines, whole groups.

Nothing here uses ``preexec_fn`` or ``user=``: they leave CPython's vfork path, copy the parent's
page tables and are unsafe beside threads.
"""

import contextlib
import dataclasses
import fcntl
import functools
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from devops.safety import process_limits
from devops.safety.process_groups import (
    descendants,
    ended,
    kill_group,
    signal_group,
    start_time_of,
)
from devops.safety.process_limits import Limits

__all__ = [
    "Child",
    "CommandNotFoundError",
    "Completed",
    "Limits",
    "kill_group",
    "run",
    "spawn",
    "start_time_of",
]

PIPE_BYTES = 256 * 1024
READ_BYTES = 64 * 1024
RUN_GRACE_SECONDS = 2.0
_PDEATHSIG_WRAPPER = "setpriv"
_SANDBOX_NAME = "bwrap"


class CommandNotFoundError(Exception):
    """The program of an argument list is absent or not executable."""

    def __init__(self, program: str, path: str) -> None:
        super().__init__(
            f"The program {program!r} was not found or is not executable (PATH={path!r}). "
            "Install it on this machine or name it by its full path."
        )
        self.program = program


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    """What a finished command left; ``returncode`` is negative for a signal, as in POSIX."""

    returncode: int
    stdout: bytes
    stderr: bytes
    timed_out: bool
    truncated: bool


class Child:
    """A running command whose whole process group is ours to end.

    The leader is reaped only after its group was killed: until then its pid cannot be given to
    another process, so no signal can reach a stranger.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], stdout_fd: int, *, sandboxed: bool
    ) -> None:
        self.pid = process.pid
        self.start_time = start_time_of(process.pid) or 0
        self.stdout_fd = stdout_fd
        self.exit_fd = os.pidfd_open(process.pid)
        self._process = process
        self._sandboxed = sandboxed
        self._lock = threading.Lock()
        self._closed = False

    def poll(self) -> int | None:
        """Return the exit code, or None while the command runs; reaps nothing."""
        with self._lock:
            if self._process.returncode is not None:
                return self._process.returncode
            seen = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return None
        return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status

    def wait(self, timeout: float | None = None) -> int | None:
        """Return the exit code once the command ended, or None when ``timeout`` seconds passed.

        What the command left running in its group is killed.
        """
        if self._process.returncode is None and not ended(self.exit_fd, timeout):
            return None
        return self._finish()

    def terminate(self, grace_seconds: float) -> int:
        """End the group: TERM, up to ``grace_seconds``, KILL; return the leader's exit code."""
        if self._process.returncode is None:
            self._ask_to_end()
            if not ended(self.exit_fd, grace_seconds):
                signal_group(self.pid, signal.SIGKILL)
                ended(self.exit_fd, None)
        return self._finish()

    def close(self) -> None:
        """Give the file descriptors back; the command must have been waited for."""
        if not self._closed:
            self._closed = True
            os.close(self.stdout_fd)
            os.close(self.exit_fd)

    def _ask_to_end(self) -> None:
        if not self._sandboxed:
            signal_group(self.pid, signal.SIGTERM)
            return
        # TERM would end the sandbox's own monitor, and with it everything inside at once: the
        # command would have no time to clean up.
        for pid in descendants(self.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)

    def _finish(self) -> int:
        with self._lock:
            if self._process.returncode is None:
                signal_group(self.pid, signal.SIGKILL)
            return self._process.wait()


def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | str,
    env: Mapping[str, str],
    limits: Limits | None = None,
    pass_fds: Sequence[int] = (),
    die_with_parent: bool = True,
) -> Child:
    """Start a command in its own session, with stdout and stderr merged into one pipe.

    ``env`` is the whole environment. ``die_with_parent`` ends the leader when the *thread* that
    called this ends (that is how the kernel defines it), so call it from a thread that outlives
    the child.

    Raises:
        CommandNotFoundError: ``argv[0]`` is absent or not executable.
    """
    program = _resolve(argv[0], cwd, env)
    sandboxed = Path(program).name == _SANDBOX_NAME
    command = [program, *argv[1:]]
    if die_with_parent and not sandboxed:
        command = [*_pdeathsig_prefix(), *command]
    read_fd, write_fd = os.pipe()
    # A user past the kernel's pipe budget keeps the default size: slower, not wrong.
    with contextlib.suppress(OSError):
        fcntl.fcntl(read_fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    os.set_blocking(read_fd, False)
    try:
        process = _start(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=write_fd,
            stderr=write_fd,
            pass_fds=pass_fds,
        )
    except BaseException:
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    if limits is not None:
        process_limits.apply(process.pid, limits)
    return Child(process, read_fd, sandboxed=sandboxed)


def run(  # noqa: PLR0913 - each argument bounds the command; none can be left out
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    cwd: Path | str | None = None,
    input: bytes | None = None,  # noqa: A002 - the name that subprocess.run gave it
    max_output_bytes: int = 1024 * 1024,
    limits: Limits | None = None,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run a command to its end and return what it said; an exit code is never an exception.

    ``timeout`` is in seconds, after it the whole group is ended. Of stdout and of stderr the
    first ``max_output_bytes`` each are kept and the rest is read and dropped.

    Raises:
        CommandNotFoundError: ``argv[0]`` is absent or not executable.
    """
    where = cwd if cwd is not None else Path("/")
    process = _start(
        [_resolve(argv[0], where, env), *argv[1:]],
        cwd=where,
        env=env,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
    )
    if limits is not None:
        process_limits.apply(process.pid, limits)
    exit_fd = os.pidfd_open(process.pid)
    talk = _Conversation(process, exit_fd, input or b"", max_output_bytes)
    try:
        timed_out = not talk.until(time.monotonic() + timeout)
        if timed_out:
            signal_group(process.pid, signal.SIGTERM)
            talk.until(time.monotonic() + RUN_GRACE_SECONDS)
    finally:
        signal_group(process.pid, signal.SIGKILL)
        returncode = process.wait()
        talk.close()
        os.close(exit_fd)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                # Unsent input of a command that ended early has nowhere to go.
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
    return Completed(
        returncode=returncode,
        stdout=bytes(talk.stdout),
        stderr=bytes(talk.stderr),
        timed_out=timed_out,
        truncated=talk.truncated,
    )


class _Conversation:
    """Feeds a command and collects what it says, bounded, until it has ended."""

    def __init__(
        self, process: subprocess.Popen[bytes], exit_fd: int, feed: bytes, limit: int
    ) -> None:
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.truncated = False
        self._exit_fd = exit_fd
        self._feed = memoryview(feed)
        self._limit = limit
        self._selector = selectors.DefaultSelector()
        self._selector.register(exit_fd, selectors.EVENT_READ)
        for pipe, sink in ((process.stdout, self.stdout), (process.stderr, self.stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, selectors.EVENT_READ, sink)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            self._selector.register(process.stdin, selectors.EVENT_WRITE)

    def until(self, deadline: float) -> bool:
        """Return True once the command has ended and its output is read, False at the deadline."""
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            over = False
            for key, events in self._selector.select(remaining):
                if key.fd == self._exit_fd:
                    over = True
                elif events & selectors.EVENT_WRITE:
                    self._write(key)
                else:
                    self._read(key)
            if over:
                self._drain()
                return True

    def close(self) -> None:
        """Give the selector back."""
        self._selector.close()

    def _drain(self) -> None:
        # A descendant may hold the pipe open for ever: take what is there, wait for no end, and
        # take no more than a full pipe of it.
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, bytearray):
                for _ in range(PIPE_BYTES // READ_BYTES):
                    if not self._read(key):
                        break

    def _read(self, key: selectors.SelectorKey) -> bool:
        try:
            block = os.read(key.fd, READ_BYTES)
        except BlockingIOError:
            return False
        if not block:
            self._selector.unregister(key.fileobj)
            return False
        room = self._limit - len(key.data)
        key.data.extend(block[:room] if room > 0 else b"")
        self.truncated = self.truncated or len(block) > room
        return True

    def _write(self, key: selectors.SelectorKey) -> None:
        try:
            self._feed = self._feed[os.write(key.fd, self._feed[:READ_BYTES]) :]
        except BrokenPipeError:
            self._feed = self._feed[:0]
        if not self._feed:
            self._selector.unregister(key.fileobj)
            pipe = key.fileobj
            if not isinstance(pipe, int):
                pipe.close()  # type: ignore[attr-defined]


def _start(
    command: list[str],
    *,
    cwd: Path | str,
    env: Mapping[str, str],
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
    pass_fds: Sequence[int],
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - a list, never a shell; that is what this module is for
        command,
        cwd=cwd,
        env=dict(env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
    )


def _resolve(program: str, cwd: Path | str, env: Mapping[str, str]) -> str:
    path = env.get("PATH", os.defpath)
    found: str | None
    if "/" in program:
        candidate = Path(cwd) / program
        found = str(candidate) if os.access(candidate, os.X_OK) and candidate.is_file() else None
    else:
        found = shutil.which(program, path=path)
    if found is None:
        raise CommandNotFoundError(program, path)
    return found


@functools.cache
def _pdeathsig_prefix() -> tuple[str, ...]:
    wrapper = shutil.which(_PDEATHSIG_WRAPPER, path="/usr/bin:/bin")
    return () if wrapper is None else (wrapper, "--pdeathsig", "KILL", "--")
