"""How others speak to a run that is being executed in this process."""

import threading
from dataclasses import dataclass, field


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
