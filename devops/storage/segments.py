"""The files of live log streams: append-only segments that are read by the index alone."""

import os
import shutil
import uuid
from pathlib import Path

from django.conf import settings

SEGMENT_BYTES = 8 * 1024 * 1024


def folder_of(stream_id: uuid.UUID) -> Path:
    """Return the folder of a stream's segments; the last byte of the id spreads them."""
    return Path(settings.POWERNODE_LOG_ROOT) / stream_id.hex[-2:] / stream_id.hex


def path_of(stream_id: uuid.UUID, segment: int) -> Path:
    """Return the file of the segment that starts at offset ``segment``."""
    return folder_of(stream_id) / f"{segment}.log"


def open_new(stream_id: uuid.UUID, segment: int) -> int:
    """Create a segment and return its descriptor; what a crash left under its name is cut off."""
    path = path_of(stream_id, segment)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, flags, 0o600)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, however many calls the kernel makes of it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def drop(stream_id: uuid.UUID, segment: int) -> None:
    """Delete one segment; an absent one is fine."""
    path_of(stream_id, segment).unlink(missing_ok=True)


def drop_all(stream_id: uuid.UUID) -> None:
    """Delete every segment of a stream; absent ones are fine."""
    folder = folder_of(stream_id)
    if folder.exists():
        shutil.rmtree(folder)


class SegmentReader:
    """Reads ranges of a stream's segments, keeping the last one open."""

    def __init__(self, stream_id: uuid.UUID) -> None:
        self._stream_id = stream_id
        self._segment: int | None = None
        self._fd = -1

    def read(self, segment: int, offset: int, length: int) -> bytes:
        """Return ``length`` bytes at stream offset ``offset``.

        Bytes that a crash of the machine lost are NULs, so that later offsets still hold.

        Raises:
            FileNotFoundError: the segment was dropped or compacted meanwhile.
        """
        if segment != self._segment:
            self.close()
            self._fd = os.open(path_of(self._stream_id, segment), os.O_RDONLY | os.O_CLOEXEC)
            self._segment = segment
        return os.pread(self._fd, length, offset - segment).ljust(length, b"\0")

    def close(self) -> None:
        """Give the descriptor back."""
        if self._segment is not None:
            os.close(self._fd)
            self._segment = None
