"""Blobs: bytes that are written once, whole or not at all, and read back by their row."""

import contextlib
import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from django.conf import settings

from devops.errors import DomainError
from devops.ids import uuid7
from devops.models.storage import Blob

BLOCK_BYTES = 1024 * 1024
# The name of a blob's file, also while it is being written; anything else there is not ours.
_KEY = re.compile(r"[0-9a-f]{32}|\.[0-9a-f]{32}\.part")


class BlobStoreFull(DomainError):
    """There is no room for the blob; nothing of it was kept."""

    code = "blob-store-full"
    status = 507
    title = "The blob store is full"
    remedy = "Free space on the blob store, or lower the retention of artifacts and logs."


class BlobTooLarge(DomainError):
    """The blob is larger than its caller allows; nothing of it was kept."""

    code = "blob-too-large"
    status = 413
    title = "The upload is too large"


class BlobBackend(Protocol):
    """A place for bytes under keys of our own making (hexadecimal and ``/``)."""

    def write(self, key: str, blocks: Iterable[bytes]) -> None:
        """Store all blocks durably, then make the key visible; on an error nothing stays."""

    def open(self, key: str) -> BinaryIO:
        """Open for reading with ``seek``.

        Raises:
            FileNotFoundError: there is no such key.
        """

    def delete(self, key: str) -> None:
        """Forget a key; an absent one is fine."""

    def keys(self, older_than: datetime) -> Iterator[str]:
        """All keys that were last written before, those of unfinished writes too."""


class LocalFolder:
    """Blobs as files of one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, key: str, blocks: Iterable[bytes]) -> None:
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_name(f".{target.name}.part")
        try:
            with part.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                for block in blocks:
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
            part.rename(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    def open(self, key: str) -> BinaryIO:
        return (self._root / key).open("rb")

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def keys(self, older_than: datetime) -> Iterator[str]:
        for path in self._root.glob("[0-9a-f][0-9a-f]/*"):
            # It may be deleted while we look.
            with contextlib.suppress(FileNotFoundError):
                if _KEY.fullmatch(path.name) and path.lstat().st_mtime < older_than.timestamp():
                    yield f"{path.parent.name}/{path.name}"


def backend() -> BlobBackend:
    """Return the backend that the operator chose."""
    return LocalFolder(Path(settings.POWERNODE_BLOB_ROOT))


def store(
    stream: BinaryIO | Iterable[bytes],
    *,
    account_id: uuid.UUID,
    max_bytes: int,
    media_type: str,
    name: str,
) -> Blob:
    """Store all of ``stream`` and return its row.

    The bytes are durable before the row is written: a crash between leaves a file without a row,
    never a row without its bytes.

    Raises:
        BlobTooLarge: the stream is longer than ``max_bytes``.
        BlobStoreFull: the backend has no room.
    """
    key_id = uuid7()
    key = f"{key_id.hex[-2:]}/{key_id.hex}"
    counted = _Counted(_blocks(stream), max_bytes, name)
    try:
        backend().write(key, counted)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BlobStoreFull(
            f"There is no room for {name!r}: {counted.size} bytes were read when the store was "
            f"full, up to {max_bytes} may be needed."
        ) from error
    return Blob.objects.create(
        id=key_id,
        account_id=account_id,
        sha256=counted.digest.hexdigest(),
        size_bytes=counted.size,
        media_type=media_type,
        name=name[:255],
        path=key,
    )


def open_blob(blob: Blob) -> BinaryIO:
    """Open a blob for reading; close it after use.

    Raises:
        FileNotFoundError: the row has lost its bytes.
    """
    return backend().open(blob.path)


def delete(blob: Blob) -> None:
    """Delete a blob: the row first, so that no row ever points at nothing."""
    path = blob.path
    blob.delete()
    backend().delete(path)


def forget(blob: Blob) -> None:
    """Delete the bytes of a blob whose row is gone already."""
    backend().delete(blob.path)


class _Counted:
    """Counts and hashes blocks on their way, and stops at the limit."""

    def __init__(self, blocks: Iterable[bytes], limit: int, name: str) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._blocks = blocks
        self._limit = limit
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.size += len(block)
            if self.size > self._limit:
                raise BlobTooLarge(
                    f"{self._name!r} is larger than the limit of {self._limit} bytes.",
                    remedy="Store less, or ask the operator to raise the limit.",
                )
            self.digest.update(block)
            yield block


def _blocks(stream: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read = getattr(stream, "read", None)
    if read is None:
        yield from stream
        return
    while block := read(BLOCK_BYTES):
        yield block


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some file systems cannot sync a folder; the file itself is already durable.
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)
