"""Answers that go on for long, read in a thread of their own so that the asker can look away."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
# Pieces that wait for the asker; the Engine splits a container's output at 16 KB.
_WAITING_MAX = 64
_LOOK_SECONDS = 0.5


class StreamBroken(Exception):
    """The connection broke before the answer was complete."""


class Reader(Generic[T]):
    """Reads a stream ahead, boundedly; `take` gives what came, in order."""

    def __init__(self, stream: Any, give_back: Callable[[], object] | None = None) -> None:
        self._stream = stream
        self._give_back = give_back
        self._pieces: queue.Queue[T | BaseException | None] = queue.Queue(_WAITING_MAX)
        self._is_closed = threading.Event()
        self.is_over = False
        threading.Thread(target=self._read, name="engine-stream", daemon=True).start()

    def take(self, seconds: float) -> list[T]:
        """All pieces that are here, waiting up to `seconds` for the first; empty at the end, too.

        Raises:
            StreamBroken: the connection broke; what came before was given out.
        """
        pieces: list[T] = []
        try:
            piece = self._pieces.get(timeout=max(0.0, seconds))
            while True:
                if piece is None:
                    self.is_over = True
                    return pieces
                if isinstance(piece, BaseException):
                    if pieces:
                        self._pieces.put(piece)
                        return pieces
                    self.is_over = True
                    raise StreamBroken(f"{type(piece).__name__}: {piece}") from piece
                pieces.append(piece)
                if len(pieces) >= _WAITING_MAX:
                    return pieces
                piece = self._pieces.get_nowait()
        except queue.Empty:
            return pieces

    def close(self) -> None:
        """Stop reading."""
        self._is_closed.set()
        close = getattr(self._stream, "close", None)
        # A generator that is being read cannot be closed from here; it ends with its connection.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            if close is not None:
                close()

    def _read(self) -> None:
        end: BaseException | None = None
        try:
            for piece in self._iterate():
                if not self._put(piece):
                    return
        except BaseException as error:  # noqa: BLE001  (the asker gets it)
            end = error
        finally:
            if self._give_back is not None:
                self._give_back()
        self._put(end)

    def _iterate(self) -> Iterator[T]:
        yield from self._stream

    def _put(self, piece: T | BaseException | None) -> bool:
        while not self._is_closed.is_set():
            with contextlib.suppress(queue.Full):
                self._pieces.put(piece, timeout=_LOOK_SECONDS)
                return True
        return False
