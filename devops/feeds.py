"""What a live stream sends: frames read from rows, in order, each with the place behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream; a reader that saw it goes on from `place`, if it names one."""

    type: str
    members: Mapping[str, Any]
    place: str = ""


class Feed(Protocol):
    """A place in rows that grow. Its methods read the database, one call at a time.

    Attributes:
        poll_seconds: how often to look without a nudge, because nudges may be lost.
        is_complete: nothing will follow.
    """

    poll_seconds: float
    is_complete: bool

    def groups(self) -> frozenset[str]:
        """The groups that are nudged when there is more; they may change with each `read`."""

    def begin(self) -> list[Frame]:
        """What a reader is told before the first rows."""

    def read(self) -> list[Frame]:
        """The next frames; none when the reader has everything that there is by now."""


def incomplete_tail(data: bytes) -> int:
    """How many bytes at the end begin a character that is not whole yet (0 to 3)."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < length else 0
        if byte < 0x80:
            return 0
    return 0
