"""How others speak to a run that is being executed in this process."""

import threading
import time
from dataclasses import dataclass, field

# Seconds between two looks at the run's own ear while a member of it waits.
_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class RunControl:
    """One run's ear: why it must stop, once somebody said so.

    Words: `cancelled` (a person), `force_cancelled` (a person, twice), `lease_lost` (another
    worker has it), `worker_stopped` (this process ends in good order).
    """

    reason: str = ""
    heard_cancel: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self, reason: str) -> None:
        """Have the present command ended, for this reason; a cancel counts once."""
        with self._lock:
            if reason == "cancelled":
                if self.heard_cancel:
                    return
                self.heard_cancel = True
                self.reason = self.reason or reason
            elif self.reason != "lease_lost":
                # Nothing that is said later gives the right to write back.
                self.reason = reason

    def consume_cancel(self) -> None:
        """Go on to the steps that run after a cancel."""
        with self._lock:
            if self.reason == "cancelled":
                self.reason = ""


@dataclass(slots=True)
class StepControl:
    """The ear of one step among several: what is said to it alone, or to its run.

    Own words: `fail_fast` (a sibling failed), `engine_failed` (the engine cannot go on).
    """

    run: RunControl
    own: str = ""

    @property
    def reason(self) -> str:
        """Why the step must stop, or empty."""
        return self.run.reason or self.own

    def stop(self, reason: str) -> None:
        """Have this step's command ended."""
        self.own = self.own or reason

    def wait(self, seconds: float) -> bool:
        """Wait; false when something was said before the time was over."""
        until = time.monotonic() + seconds
        while not self.reason:
            left = until - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(left, _LOOK_SECONDS))
        return False
