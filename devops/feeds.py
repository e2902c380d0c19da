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
