"""Files below a folder that hostile code may write to: reached without following any link."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_DEPTH = 64
MAX_PATH_BYTES = 4096
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PathNotAllowedError(ValueError):
    """The path leaves its folder, runs through a link, or names no plain file or folder."""


def parts_of(relative: str) -> list[str]:
    """Return the parts of a relative path, without ``.`` and doubled slashes.

    Raises:
        PathNotAllowedError: it is absolute, climbs, is too deep or holds control characters.
    """
    if has_control_characters(relative):
        raise PathNotAllowedError(f"Path holds control characters: {relative!r}")
    if relative.startswith("/"):
        raise PathNotAllowedError(f"Path leaves the workspace: {relative!r}")
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PathNotAllowedError(f"Path leaves the workspace: {relative!r}")
    if len(parts) > MAX_DEPTH or len(os.fsencode(relative)) > MAX_PATH_BYTES:
        raise PathNotAllowedError(f"Path is too deep or too long: {relative[:80]!r}")
    return parts


def has_control_characters(path: str) -> bool:
    """Whether a path would break a line, or a terminal that shows it."""
    return any(ord(char) < 32 or ord(char) == 127 for char in path)


def open_beneath(
    root: Path | int, relative: str, flags: int = os.O_RDONLY, mode: int = 0o600
) -> int:
    """Open a plain file (or with ``O_DIRECTORY`` a folder) below ``root`` and return its fd.

    No part of the path below ``root`` may be a symbolic link, so nothing outside is ever reached,
    whatever is swapped meanwhile.

    Raises:
        PathNotAllowedError: see ``parts_of``; also for links, pipes, sockets and devices.
        FileNotFoundError: there is no such file.
    """
    parts = parts_of(relative)
    folder = os.dup(root) if isinstance(root, int) else os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in parts[:-1]:
            folder = _stepped(folder, part, relative)
        if not parts:
            return os.dup(folder)
        return _plain(_open_at(folder, parts[-1], relative, flags | os.O_NONBLOCK, mode), relative)
    finally:
        os.close(folder)


def make_folders(root: int, parts: list[str]) -> int:
    """Create the folders that are missing below ``root`` and return the last one's fd.

    Raises:
        PathNotAllowedError: something else than a folder is in the way.
    """
    folder = os.dup(root)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=folder)
            folder = _stepped(folder, part, "/".join(parts))
    except BaseException:
        os.close(folder)
        raise
    return folder


def read_link_beneath(root: Path, relative: str) -> str:
    """Return where a symbolic link below ``root`` points to; it is not followed.

    Raises:
        PathNotAllowedError: see ``parts_of``; also for links on the way.
        OSError: there is no such link.
    """
    *folders, name = parts_of(relative)
    folder = open_beneath(root, "/".join(folders), os.O_RDONLY | os.O_DIRECTORY)
    try:
        return os.readlink(name, dir_fd=folder)
    finally:
        os.close(folder)


def files_beneath(
    root: Path, start: str = "", *, but: frozenset[str] = frozenset()
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every entry below ``root`` in order of names, folders before what they hold.

    With ``start`` only what is below that folder, still by its path from ``root``. Folders whose
    name is in ``but`` are neither yielded nor entered.

    Links and devices are yielded as what they are and never followed; folders deeper than the
    limit are yielded and not entered.
    """
    pending = ["/".join(parts_of(start))]
    while pending:
        relative = pending.pop()
        try:
            folder = open_beneath(root, relative, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, PathNotAllowedError):
            continue
        try:
            found = _entries(folder)
        finally:
            os.close(folder)
        folders = []
        for name, status in found:
            if name in but and stat.S_ISDIR(status.st_mode):
                continue
            path = f"{relative}/{name}" if relative else name
            yield path, status
            if stat.S_ISDIR(status.st_mode) and path.count("/") < MAX_DEPTH - 1:
                folders.append(path)
        pending += reversed(folders)


def _entries(folder: int) -> list[tuple[str, os.stat_result]]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            # What disappears while we look was not there.
            with contextlib.suppress(FileNotFoundError):
                found.append((entry.name, entry.stat(follow_symlinks=False)))
    return sorted(found, key=lambda pair: pair[0])


def _stepped(folder: int, part: str, relative: str) -> int:
    following = _open_at(folder, part, relative, _FOLDER, 0)
    os.close(folder)
    return following


def _open_at(folder: int, part: str, relative: str, flags: int, mode: int) -> int:
    try:
        return os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
            raise PathNotAllowedError(f"Path leaves the workspace: {relative!r}") from error
        raise


def _plain(fd: int, relative: str) -> int:
    kind = os.fstat(fd).st_mode
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        os.set_blocking(fd, True)
        return fd
    os.close(fd)
    raise PathNotAllowedError(f"Not a plain file: {relative!r}")
