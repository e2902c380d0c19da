"""Reads tar archives: plain files and folders, bounded, links refused or made last.

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
from pathlib import Path
from typing import BinaryIO

from devops.safety.beneath import PathNotAllowedError, make_folders, parts_of
from devops.safety.compression import (
    GZIP_MAGIC,
    GZIP_WINDOW,
    ZSTD_MAGIC,
    CompressionError,
    ZstdReader,
)

BLOCK = 512
READ_BYTES = 64 * 1024
# Source: POSIX.1-2017, pax "pax Header Block"; the size is ours.
EXTENDED_BYTES = 64 * 1024
_LENGTH_DIGITS = 6
# Ratios mean nothing for the first bytes.
RATIO_FREE_BYTES = 1024 * 1024
_LINK_BYTES = 4096
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


DEFAULT_LIMITS = ArchiveLimits()


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """What went into or came out of an archive.

    ``skipped`` are links, sockets and devices; ``listed`` path and size of the first files that
    went in.
    """

    files: int
    bytes: int
    skipped: tuple[str, ...] = ()
    listed: tuple[tuple[str, int], ...] = ()


def extract(
    source: BinaryIO,
    destination: Path,
    *,
    limits: ArchiveLimits = DEFAULT_LIMITS,
    keep_links: bool = False,
) -> Summary:
    """Unpack a tar archive (plain, gzip or zstd) into the new folder ``destination``.

    The folder appears when all is unpacked. Owners and set-id bits are not taken over. With
    ``keep_links`` symbolic links are made, after everything else, so that no entry is ever
    written through one, and files keep their times.

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
            summary = _Extraction(
                root, _Expanded(source, limits), limits, keep_links=keep_links
            ).run()
        finally:
            os.close(root)
        part.rename(destination)
    except BaseException:
        shutil.rmtree(part)
        raise
    return summary


class _Expanded:
    """The tar stream behind an optional compressed layer, bounded in bytes and in ratio."""

    def __init__(self, source: BinaryIO, limits: ArchiveLimits) -> None:
        self._source = source
        self._limits = limits
        self._taken = 0
        self._given = 0
        self._raw = self._fetch(READ_BYTES)
        self._inflate = self._new_layer() if self._raw.startswith(GZIP_MAGIC) else None
        is_zstd = self._raw.startswith(ZSTD_MAGIC)
        self._zstd = ZstdReader(self._next_raw, READ_BYTES) if is_zstd else None
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
        return zlib.decompressobj(GZIP_WINDOW)

    def _next_raw(self, count: int) -> bytes:
        block, self._raw = self._raw, b""
        return block or self._fetch(count)

    def _more(self) -> bytes:
        if self._zstd is not None:
            try:
                block = self._zstd.read(READ_BYTES)
            except CompressionError as error:
                raise ArchiveError(f"Archive is not valid zstd: {error}") from error
        elif self._inflate is None:
            block = self._next_raw(READ_BYTES)
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
                if not self._raw.startswith(GZIP_MAGIC):
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

    def __init__(
        self, root: int, stream: _Expanded, limits: ArchiveLimits, *, keep_links: bool
    ) -> None:
        self._root = root
        self._stream = stream
        self._limits = limits
        self._keep_links = keep_links
        self._links: list[tuple[list[str], str]] = []
        self._files = 0
        self._bytes = 0

    def run(self) -> Summary:
        """Unpack every entry, up to the end mark."""
        name: str | None = None
        size: int | None = None
        pax: dict[str, str] = {}
        while (header := self._header()) is not None:
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                name, size, pax = _extended(self._small(header.size))
            elif header.type == tarfile.XGLTYPE:
                self._small(header.size)
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                name = self._small(header.size).rstrip(b"\0").decode(errors="surrogateescape")
            else:
                link = pax.get("linkpath", header.linkname)
                self._entry(header, header.name if name is None else name, size, link)
                name, size, pax = None, None, {}
        self._make_links()
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

    def _entry(self, header: tarfile.TarInfo, name: str, size: int | None, link: str) -> None:
        is_link = self._keep_links and header.type == tarfile.SYMTYPE
        is_folder = not is_link and _is_folder(header, name)
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
            elif is_link:
                self._links.append((parts, _link_target(link, name)))
            else:
                self._file(parts, name, header.size if size is None else size, header)
        except (FileExistsError, PathNotAllowedError) as error:
            raise ArchiveError(f"Archive names the same path twice: {name}") from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise ArchiveError(f"Archive has a name that is too long: {name[:80]}") from error

    def _make_links(self) -> None:
        """Make the links last: nothing is written through them."""
        for parts, target in self._links:
            name = "/".join(parts)
            try:
                folder = make_folders(self._root, parts[:-1])
                try:
                    os.symlink(target, parts[-1], dir_fd=folder)
                finally:
                    os.close(folder)
            except (FileExistsError, PathNotAllowedError, IndexError) as error:
                raise ArchiveError(f"Archive names the same path twice: {name}") from error

    def _file(self, parts: list[str], name: str, size: int, header: tarfile.TarInfo) -> None:
        self._bytes += size
        if not parts or size < 0 or self._bytes > self._limits.bytes:
            raise ArchiveError(f"Archive expands beyond limit at {name}.")
        folder = make_folders(self._root, parts[:-1])
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            bits = 0o700 if header.mode & stat.S_IXUSR else 0o600
            fd = os.open(parts[-1], flags, bits, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(fd, "wb") as file:
            missing = size
            while missing > 0:
                block = self._stream.exactly(min(READ_BYTES, missing))
                missing -= len(block)
                file.write(block)
            if self._keep_links:
                file.flush()
                os.utime(file.fileno(), (header.mtime, header.mtime))
        self._stream.exactly(-size % BLOCK)


def _link_target(link: str, name: str) -> str:
    if not link or "\0" in link or len(os.fsencode(link)) > _LINK_BYTES:
        raise ArchiveError(f"Archive contains a broken link: {name}")
    return link


def _is_folder(header: tarfile.TarInfo, name: str) -> bool:
    if header.type in _LINKS or header.type == tarfile.GNUTYPE_LONGLINK:
        raise ArchiveError(f"Archive contains a link: {name}")
    # Old archives mark a folder by its trailing slash alone.
    if header.type == tarfile.DIRTYPE or (header.type == tarfile.AREGTYPE and name.endswith("/")):
        return True
    if header.type not in _FILES:
        raise ArchiveError(f"Archive contains something else than files and folders: {name}")
    return False


def _extended(data: bytes) -> tuple[str | None, int | None, dict[str, str]]:
    """Return path, size and link of a pax header. Source: POSIX.1-2017, "pax Extended Header"."""
    name: str | None = None
    size: int | None = None
    texts: dict[str, str] = {}
    while data:
        digits, _, _ = data.partition(b" ")
        known = digits.isdigit() and len(digits) <= _LENGTH_DIGITS
        if not known or not len(digits) + 1 < int(digits) <= len(data):
            raise ArchiveError("Archive has a broken extended header.")
        key, _, value = data[len(digits) + 1 : int(digits) - 1].partition(b"=")
        data = data[int(digits) :]
        if key == b"path":
            name = value.decode(errors="surrogateescape")
        elif key == b"linkpath":
            texts["linkpath"] = value.decode(errors="surrogateescape")
        elif key == b"size":
            if not value.isdigit() or len(value) > 15:
                raise ArchiveError("Archive has a broken extended header.")
            size = int(value)
        elif key.startswith(b"GNU.sparse"):
            raise ArchiveError("Archive contains a sparse file.")
    return name, size, texts
