"""The compressed layer of archives: written by name, read in bounded blocks."""

import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["gzip", "zstd"]
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 31
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_LEVEL = 1
# What one reader may need for itself; our own writer stays far below.
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024


class CompressionError(ValueError):
    """The compressed bytes are broken or want more memory than allowed."""


class Packer(Protocol):
    """Compresses blocks as they come."""

    def compress(self, block: bytes, /) -> bytes:
        """Return what is ready so far."""
        ...

    def flush(self) -> bytes:
        """Return the rest; nothing may follow."""
        ...


def packer(kind: Kind) -> Packer:
    """Return a compressor: gzip for what people download, zstd for what we read back ourselves."""
    if kind == "gzip":
        return zlib.compressobj(6, zlib.DEFLATED, GZIP_WINDOW)
    import zstandard  # noqa: PLC0415  (only workers need it)

    made: Packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj()
    return made


class ZstdReader:
    """Expands a zstd stream; `read_source` gives its next bytes, at most so many."""

    def __init__(self, read_source: "Callable[[int], bytes]", block_bytes: int) -> None:
        import zstandard  # noqa: PLC0415  (only workers need it)

        self._error: type[Exception] = zstandard.ZstdError
        expander = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        source: Any = _Source(read_source)
        self._reader: BinaryIO = expander.stream_reader(source, read_size=block_bytes)

    def read(self, count: int) -> bytes:
        """Return at most so many expanded bytes, none at the end.

        Raises:
            CompressionError: the stream is broken.
        """
        try:
            return self._reader.read(count)
        except self._error as error:
            raise CompressionError(str(error)) from error


class _Source:
    """The one method of a file that the library asks for."""

    def __init__(self, read: "Callable[[int], bytes]") -> None:
        self.read = read
