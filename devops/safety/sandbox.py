"""Commands inside bubblewrap: their own view of files, processes and network.

The step's environment goes to bubblewrap through an unnamed file (``--args FD``). As arguments the
values would stand in ``/proc/*/cmdline`` for every user of the machine; as bubblewrap's own
environment a step's ``LD_PRELOAD`` would run outside the sandbox, and pid 1 inside would carry it.
"""

import dataclasses
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from devops.safety import processes

SCRATCH_BYTES = 256 * 1024 * 1024
DEFAULT_READONLY = (
    "/etc/ssl",
    "/etc/resolv.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/ld.so.cache",
)
_PROBE_SECONDS = 10.0
_PROGRAM = "bwrap"
_SEARCH = "/usr/local/bin:/usr/bin:/bin"
_TOP_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


class SandboxUnavailableError(Exception):
    """Isolation was asked for and this machine cannot give it."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The process sandbox is not available: {reason}. Install bubblewrap, or let the "
            "operator allow unsandboxed steps (POWERNODE_SANDBOX=none)."
        )


@dataclasses.dataclass(frozen=True, slots=True)
class SandboxInfo:
    """What isolation this machine gives; ``reason`` says why when ``kind`` is none."""

    kind: Literal["bwrap", "none"]
    path: str | None
    reason: str


class Sandboxed:
    """A wrapped command: give ``argv``, ``env`` and ``pass_fds`` to ``processes.spawn``.

    Close it (or leave its ``with`` block) after the spawn.
    """

    env: Mapping[str, str] = {}

    def __init__(self, argv: list[str], arguments_fd: int) -> None:
        self.argv = argv
        self.pass_fds: tuple[int, ...] = (arguments_fd,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the argument file back."""
        for fd in self.pass_fds:
            os.close(fd)
        self.pass_fds = ()


_known: dict[str, SandboxInfo] = {}


def available(preference: str = "auto") -> SandboxInfo:
    """Say which sandbox works here, found by running a command in it once per process.

    ``preference`` is the operator's ``auto``, ``bwrap`` or ``none``.
    """
    if preference == "none":
        return SandboxInfo("none", None, "switched off by the operator")
    path = shutil.which(_PROGRAM, path=_SEARCH)
    if path is None:
        return SandboxInfo("none", None, f"{_PROGRAM} is not installed")
    if path not in _known:
        info = probe(path)
        if info is None:
            # A machine that is busy for so long says nothing of what it can: the next step asks.
            return SandboxInfo("none", path, f"{_PROGRAM} did not answer in {_PROBE_SECONDS:g} s")
        _known[path] = info
    return _known[path]


def probe(path: str, seconds: float = _PROBE_SECONDS) -> SandboxInfo | None:
    """Try a sandbox with a command that does nothing; None when that was not over in time."""
    with _assemble(path, ["true"], _mounts(DEFAULT_READONLY, ()), "/", network=False, env={}) as it:
        done = processes.run(it.argv, env=it.env, timeout=seconds, pass_fds=it.pass_fds)
    if done.timed_out:
        return None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[:300]
        return SandboxInfo("none", path, said or f"{_PROGRAM} ended with {done.returncode}")
    return SandboxInfo("bwrap", path, "")


def wrap(
    argv: Sequence[str],
    *,
    workdir: Path,
    network: bool,
    readonly: Sequence[str] = DEFAULT_READONLY,
    writable: Sequence[str] = (),
    env: Mapping[str, str],
) -> Sandboxed:
    """Return the command that runs ``argv`` with ``workdir`` as its only writable folder.

    ``workdir`` and ``writable`` keep their paths inside. ``env`` is the whole environment inside;
    HOME defaults to ``workdir``, and ``TMPDIR``, when it names a folder, is ``/tmp`` as well.

    Raises:
        SandboxUnavailableError: this machine cannot isolate.
    """
    info = available()
    if info.path is None or info.kind != "bwrap":
        raise SandboxUnavailableError(info.reason)
    inside = {"HOME": str(workdir), "TMPDIR": "/tmp", **env}  # noqa: S108 - its own /tmp
    # /tmp first: what is shown from below it would lie hidden under it otherwise.
    mounts = [*_scratch(inside["TMPDIR"]), *_mounts(readonly, (sys.base_prefix,))]
    if not any(Path(workdir).is_relative_to(folder) for folder in writable):
        writable = [*writable, str(workdir)]
    for folder in writable:
        mounts += ["--bind", folder, folder]
    return _assemble(info.path, argv, mounts, str(workdir), network=network, env=inside)


def _assemble(
    path: str,
    argv: Sequence[str],
    mounts: Sequence[str],
    chdir: str,
    *,
    network: bool,
    env: Mapping[str, str],
) -> Sandboxed:
    options = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if network:
        options.append("--share-net")
    options += [*mounts, "--chdir", chdir, "--clearenv"]
    for name, value in env.items():
        options += ["--setenv", name, value]
    fd = os.memfd_create("sandbox", os.MFD_CLOEXEC)
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(b"".join(os.fsencode(option) + b"\0" for option in options))
        os.lseek(fd, 0, os.SEEK_SET)
    except BaseException:
        os.close(fd)
        raise
    return Sandboxed([path, "--args", str(fd), "--", *argv], fd)


def _mounts(readonly: Sequence[str], more: Sequence[str]) -> list[str]:
    options = ["--ro-bind", "/usr", "/usr", *_top_folders()]
    options += ["--proc", "/proc", "--dev", "/dev"]
    for path in dict.fromkeys((*readonly, *more)):
        if not Path(path).is_relative_to("/usr"):
            options += ["--ro-bind-try", path, path]
    return options


def _top_folders() -> Iterator[str]:
    for name in _TOP_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            yield from ("--symlink", os.readlink(folder), str(folder))  # noqa: PTH115 - as written
        elif folder.is_dir():
            yield from ("--ro-bind", str(folder), str(folder))


def _scratch(folder: str) -> list[str]:
    if folder != "/tmp" and Path(folder).is_dir():  # noqa: S108 - the path inside
        return ["--bind", folder, "/tmp", "--bind", folder, folder]  # noqa: S108
    return ["--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
