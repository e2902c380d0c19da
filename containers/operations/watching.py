"""What the watcher of a container brings along, and how it hears of the end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from devops.errors import Conflict


class Log(Protocol):
    """Where a container's output goes: the owner's own log."""

    def write(self, block: bytes, /) -> None:
        """Take output."""

    def tick(self) -> float | None:
        """Flush what waits too long; the seconds until the next call is of use."""

    def settle(self) -> int:
        """Write all that is held back; the offset after it."""

    def skip(self, count: int, /) -> None:
        """Leave out the next bytes: the log has them already."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the watcher of a container knows of its owner.

    Attributes:
        should_stop: why the command must end now: a word, or empty.
        grace: seconds between TERM and KILL for such a word; None: let go of it untouched.
        log_known: how long the owner's log was when this watcher began.
    """

    log: Log
    should_stop: Callable[[], str]
    grace: Callable[[str], float | None]
    log_known: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container's command ended; `message` is for its owner, empty when all is said."""

    exit_code: int
    stopped: str = ""
    message: str = ""
    reason: str = ""


class ServiceFailed(Conflict):
    """A container beside the command did not come up."""

    code = "service-failed"
    title = "A service did not come up"


class ContainerLost(Conflict):
    """What ran was lost with its machine or its Engine; the owner has to begin anew."""

    code = "container-lost"
    title = "The container is gone"
