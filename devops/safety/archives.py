"""The one reader and writer of tar archives: plain files and folders, bounded."""

import dataclasses
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from devops.safety.archive_reader import (
    BLOCK,
    DEFAULT_LIMITS,
    READ_BYTES,
    ArchiveError,
    ArchiveLimits,
    Summary,
    extract,
)
from devops.safety.beneath import (
    PathNotAllowedError,
    files_beneath,
    open_beneath,
    parts_of,
    read_link_beneath,
)
from devops.safety.compression import Kind, packer

__all__ = [
    "ArchiveError",
    "ArchiveLimits",
    "PathNotAllowedError",
    "Summary",
    "extract",
    "open_beneath",
    "parts_of",
    "write",
]

# Files that a summary names.
LISTED = 1000


def write(  # noqa: PLR0913 - each bounds or names what is written
    root: Path,
    destination: BinaryIO,
    *,
    paths: Iterable[str] | None = None,
    limits: ArchiveLimits = DEFAULT_LIMITS,
    compression: Kind = "gzip",
    keep_links: bool = False,
    prefix: str = "",
    owner: int = 0,
) -> Summary:
    """Write files and folders below ``root`` (all, or those at ``paths``) as a compressed tar.

    Links (unless ``keep_links``), sockets and devices are left out and named in the summary. With
    ``keep_links`` a folder of ``paths`` comes with all that it holds. With ``prefix`` the root
    itself comes too, under that name, and all below it; everything belongs to the ``owner``.

    Raises:
        ArchiveError: more files or bytes than the limits allow.
        PathNotAllowedError: one of ``paths`` leaves ``root``.
        FileNotFoundError: one of ``paths`` does not exist.
    """
    packing = packer(compression)
    naming = _Naming(prefix, owner)
    skipped: list[str] = []
    listed: list[tuple[str, int]] = []
    files = size = 0
    if paths is None:
        entries = files_beneath(root)
    else:
        entries = _deep(root, paths) if keep_links else _named(root, paths)
    if prefix:
        blocks = _packed(root, "", root.stat(), naming)
        destination.writelines(packing.compress(block) for block in blocks)
    for path, status in entries:
        is_link = keep_links and stat.S_ISLNK(status.st_mode)
        if not (is_link or stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            skipped.append(path)
            continue
        files += 1
        if stat.S_ISREG(status.st_mode):
            size += status.st_size
            if len(listed) < LISTED:
                listed.append((path, status.st_size))
        if files > limits.files or size > limits.bytes:
            raise ArchiveError(
                f"There are more than {limits.files} files or {limits.bytes} bytes to pack."
            )
        blocks = _packed(root, path, status, naming)
        destination.writelines(packing.compress(block) for block in blocks)
    destination.write(packing.compress(b"\0" * 2 * BLOCK) + packing.flush())
    return Summary(files, size, tuple(skipped), tuple(listed))


def _named(root: Path, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for path in paths:
        fd = open_beneath(root, path)
        try:
            yield "/".join(parts_of(path)), os.fstat(fd)
        finally:
            os.close(fd)


def _deep(root: Path, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    """The entries at paths and below them, each once."""
    seen: set[str] = set()
    for path in paths:
        for found, status in [*_named(root, [path]), *files_beneath(root, path)]:
            if found and found not in seen:
                seen.add(found)
                yield found, status


@dataclasses.dataclass(frozen=True, slots=True)
class _Naming:
    prefix: str
    owner: int

    def header(self, path: str) -> tarfile.TarInfo:
        header = tarfile.TarInfo("/".join(part for part in (self.prefix, path) if part))
        header.uid = header.gid = self.owner
        return header


def _packed(root: Path, path: str, status: os.stat_result, naming: _Naming) -> Iterator[bytes]:
    header = naming.header(path)
    header.mtime = int(status.st_mtime)
    header.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    if stat.S_ISDIR(status.st_mode):
        header.type = tarfile.DIRTYPE
        yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        return
    if stat.S_ISLNK(status.st_mode):
        header.type = tarfile.SYMTYPE
        header.linkname = read_link_beneath(root, path)
        yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        return
    header.size = status.st_size
    yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    fd = open_beneath(root, path)
    try:
        missing = status.st_size
        while missing > 0:
            # A file that shrinks meanwhile is filled up: the header has already told its size.
            block = os.read(fd, min(READ_BYTES, missing)) or b"\0" * min(READ_BYTES, missing)
            missing -= len(block)
            yield block
    finally:
        os.close(fd)
    yield b"\0" * (-status.st_size % BLOCK)
