"""The one reader and writer of tar archives: plain files and folders, bounded, links refused.

``tarfile`` serves for header blocks only. Its extraction follows links that the archive itself
planted (also with ``filter="data"`` on Python 3.11), and it reads extended headers of any size.
"""

import dataclasses
import errno
import os
import secrets
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from devops.safety.beneath import (
    PathNotAllowedError,
    files_beneath,
    make_folders,
    open_beneath,
    parts_of,
)

__all__ = [
    "ArchiveError",
    "ArchiveLimits",
    "PathNotAllowedError",
    "Summary",
    "extract",
    "open_beneath",
    "write",
]

BLOCK = 512
READ_BYTES = 64 * 1024
# Source: POSIX.1-2017, pax "pax Header Block"; the size is ours.
EXTENDED_BYTES = 64 * 1024
_LENGTH_DIGITS = 6
# Ratios mean nothing for the first bytes.
RATIO_FREE_BYTES = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


class ArchiveError(ValueError):
    """The archive is broken, hostile or larger than allowed; nothing of it was kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may come to; ``ratio`` is expanded bytes per compressed byte."""

    files: int = 10_000
    bytes: int = 1024 * 1024 * 1024
    ratio: int = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What went into or came out of an archive; ``skipped`` are links, sockets and devices."""

    files: int
    bytes: int
    skipped: tuple[str, ...] = ()


def extract(
    source: BinaryIO, destination: Path, *, limits: ArchiveLimits = ArchiveLimits()
) -> Summary:
    """Unpack a tar archive (plain or gzip) into the new folder ``destination``.

    The folder appears when all is unpacked. Owners, times and set-id bits are not taken over.

    Raises:
        ArchiveError: nothing was unpacked; the message names the entry.
        FileExistsError: ``destination`` exists.
    """
    if destination.exists():
        raise FileExistsError(str(destination))
    part = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}.part")
    part.mkdir(mode=0o700)
    try:
        root = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            summary = _Extraction(root, _Expanded(source, limits), limits).run()
        finally:
            os.close(root)
        part.rename(destination)
    except BaseException:
        shutil.rmtree(part)
        raise
    return summary


def write(
    root: Path,
    destination: BinaryIO,
    *,
    paths: Iterable[str] | None = None,
    limits: ArchiveLimits = ArchiveLimits(),
) -> Summary:
    """Write files and folders below ``root`` (all, or those at ``paths``) as a gzip'd tar.

    Links, sockets and devices are left out and named in the summary.

    Raises:
        ArchiveError: more files or bytes than the limits allow.
        PathNotAllowedError: one of ``paths`` leaves ``root``.
        FileNotFoundError: one of ``paths`` does not exist.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW)
    skipped: list[str] = []
    files = size = 0
    for path, status in files_beneath(root) if paths is None else _named(root, paths):
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            skipped.append(path)
            continue
        files += 1
        size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        if files > limits.files or size > limits.bytes:
            raise ArchiveError(
                f"There are more than {limits.files} files or {limits.bytes} bytes to pack."
            )
        destination.writelines(packer.compress(block) for block in _packed(root, path, status))
    destination.write(packer.compress(b"\0" * 2 * BLOCK) + packer.flush())
    return Summary(files, size, tuple(skipped))


def _named(root: Path, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for path in paths:
        fd = open_beneath(root, path)
        try:
            yield "/".join(parts_of(path)), os.fstat(fd)
        finally:
            os.close(fd)


def _packed(root: Path, path: str, status: os.stat_result) -> Iterator[bytes]:
    header = tarfile.TarInfo(path)
    header.mtime = int(status.st_mtime)
    header.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    if stat.S_ISDIR(status.st_mode):
        header.type = tarfile.DIRTYPE
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


class _Expanded:
    """The tar stream behind an optional gzip layer, bounded in bytes and in ratio."""

    def __init__(self, source: BinaryIO, limits: ArchiveLimits) -> None:
        self._source = source
        self._limits = limits
        self._taken = 0
        self._given = 0
        self._raw = self._fetch(READ_BYTES)
        self._inflate = self._new_layer() if self._raw.startswith(_GZIP_MAGIC) else None
        self._ready = b""

    def exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes.

        Raises:
            ArchiveError: the archive ends before.
        """
        while len(self._ready) < count:
            more = self._more()
            if not more:
                raise ArchiveError("Archive ends in the middle of an entry.")
            self._ready += more
        data, self._ready = self._ready[:count], self._ready[count:]
        return data

    def at_end(self) -> bool:
        """Say whether nothing follows."""
        if not self._ready:
            self._ready = self._more()
        return not self._ready

    def _fetch(self, count: int) -> bytes:
        data = self._source.read(count)
        self._taken += len(data)
        return data

    def _new_layer(self) -> "zlib._Decompress":
        return zlib.decompressobj(_GZIP_WINDOW)

    def _more(self) -> bytes:
        if self._inflate is None:
            block = self._raw or self._fetch(READ_BYTES)
            self._raw = b""
        else:
            block = self._inflated(self._inflate)
        self._given += len(block)
        allowed = self._taken * self._limits.ratio + RATIO_FREE_BYTES
        # Headers and padding come on top of the files' bytes.
        total = self._limits.bytes + self._limits.files * 4 * BLOCK + RATIO_FREE_BYTES
        if self._given > min(allowed, total):
            raise ArchiveError("Archive expands beyond limit.")
        return block

    def _inflated(self, layer: "zlib._Decompress") -> bytes:
        while True:
            if layer.eof:
                self._raw = layer.unused_data or self._raw or self._fetch(READ_BYTES)
                if not self._raw.startswith(_GZIP_MAGIC):
                    return b""
                self._inflate = layer = self._new_layer()
            data = layer.unconsumed_tail or self._raw or self._fetch(READ_BYTES)
            self._raw = b""
            if not data:
                raise ArchiveError("Archive is cut off.")
            try:
                block = layer.decompress(data, READ_BYTES)
            except zlib.error as error:
                raise ArchiveError(f"Archive is not valid gzip: {error}") from error
            if block:
                return block


class _Extraction:
    """Writes the entries of one archive below a folder."""

    def __init__(self, root: int, stream: _Expanded, limits: ArchiveLimits) -> None:
        self._root = root
        self._stream = stream
        self._limits = limits
        self._files = 0
        self._bytes = 0

    def run(self) -> Summary:
        """Unpack every entry, up to the end mark."""
        name: str | None = None
        size: int | None = None
        while (header := self._header()) is not None:
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                name, size = _extended(self._small(header.size))
            elif header.type == tarfile.XGLTYPE:
                self._small(header.size)
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                name = self._small(header.size).rstrip(b"\0").decode(errors="surrogateescape")
            else:
                self._entry(header, header.name if name is None else name, size)
                name = size = None
        return Summary(self._files, self._bytes)

    def _header(self) -> tarfile.TarInfo | None:
        if self._stream.at_end():
            return None
        block = self._stream.exactly(BLOCK)
        if not any(block):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise ArchiveError(f"Archive has a broken header: {error}") from error
        if header.size < 0:
            raise ArchiveError(f"Archive has an entry of negative size: {header.name}")
        return header

    def _small(self, size: int) -> bytes:
        if size > EXTENDED_BYTES:
            raise ArchiveError("Archive has an oversized extended header.")
        return self._stream.exactly(size + -size % BLOCK)[:size]

    def _entry(self, header: tarfile.TarInfo, name: str, size: int | None) -> None:
        is_folder = _is_folder(header, name)
        try:
            parts = parts_of(name)
        except PathNotAllowedError as error:
            raise ArchiveError(f"Archive entry leaves its folder: {name}") from error
        self._files += 1
        if self._files > self._limits.files:
            raise ArchiveError(f"Archive has more than {self._limits.files} entries.")
        try:
            if is_folder:
                os.close(make_folders(self._root, parts))
            else:
                self._file(parts, name, header.size if size is None else size, header.mode)
        except (FileExistsError, PathNotAllowedError) as error:
            raise ArchiveError(f"Archive names the same path twice: {name}") from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise ArchiveError(f"Archive has a name that is too long: {name[:80]}") from error

    def _file(self, parts: list[str], name: str, size: int, mode: int) -> None:
        self._bytes += size
        if not parts or size < 0 or self._bytes > self._limits.bytes:
            raise ArchiveError(f"Archive expands beyond limit at {name}.")
        folder = make_folders(self._root, parts[:-1])
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            bits = 0o700 if mode & stat.S_IXUSR else 0o600
            fd = os.open(parts[-1], flags, bits, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(fd, "wb") as file:
            missing = size
            while missing > 0:
                block = self._stream.exactly(min(READ_BYTES, missing))
                missing -= len(block)
                file.write(block)
        self._stream.exactly(-size % BLOCK)


def _is_folder(header: tarfile.TarInfo, name: str) -> bool:
    if header.type in _LINKS or header.type == tarfile.GNUTYPE_LONGLINK:
        raise ArchiveError(f"Archive contains a link: {name}")
    # Old archives mark a folder by its trailing slash alone.
    if header.type == tarfile.DIRTYPE or (header.type == tarfile.AREGTYPE and name.endswith("/")):
        return True
    if header.type not in _FILES:
        raise ArchiveError(f"Archive contains something else than files and folders: {name}")
    return False


def _extended(data: bytes) -> tuple[str | None, int | None]:
    """Return path and size of a pax header. Source: POSIX.1-2017, "pax Extended Header"."""
    name: str | None = None
    size: int | None = None
    while data:
        digits, _, _ = data.partition(b" ")
        known = digits.isdigit() and len(digits) <= _LENGTH_DIGITS
        if not known or not len(digits) + 1 < int(digits) <= len(data):
            raise ArchiveError("Archive has a broken extended header.")
        key, _, value = data[len(digits) + 1 : int(digits) - 1].partition(b"=")
        data = data[int(digits) :]
        if key == b"path":
            name = value.decode(errors="surrogateescape")
        elif key == b"size":
            if not value.isdigit() or len(value) > 15:
                raise ArchiveError("Archive has a broken extended header.")
            size = int(value)
        elif key.startswith(b"GNU.sparse"):
            raise ArchiveError("Archive contains a sparse file.")
    return name, size
