"""Why a command must end before its own end, and how much time it gets for that."""

import time
from dataclasses import dataclass

from pipelines.engine.control import StepControl

# Seconds between TERM and KILL.
GRACE_SECONDS = 10.0
STOPPING_GRACE_SECONDS = 1.0
# Reasons for which nobody waits for a command's own tidying.
_URGENT = frozenset({"worker_stopped", "force_cancelled", "lease_lost", "engine_failed"})


@dataclass(frozen=True, slots=True)
class Stopping:
    """What ends an attempt's commands: what is said to it, and its deadline (monotonic)."""

    control: StepControl
    deadline: float | None

    def word(self) -> str:
        """Why the present command must end: a word, or empty."""
        if self.control.reason:
            return self.control.reason
        if self.deadline is not None and time.monotonic() > self.deadline:
            return "timed_out"
        return ""


def grace_of(word: str) -> float:
    """Seconds between TERM and KILL for a word."""
    return STOPPING_GRACE_SECONDS if word in _URGENT else GRACE_SECONDS
