"""What every executor of commands has, and why and how fast a command must end."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devops.storage.logs import LogWriter
from pipelines.engine.control import StepControl
from pipelines.engine.workspace import StepFiles, Workspace
from pipelines.steps.base import CommandResult

# Seconds between TERM and KILL.
GRACE_SECONDS = 10.0
STOPPING_GRACE_SECONDS = 1.0
# Reasons for which nobody waits for a command's own tidying.
_URGENT = frozenset({"worker_stopped", "force_cancelled", "lease_lost", "engine_failed"})


@dataclass(slots=True)
class Executor(ABC):
    """Runs one attempt's commands; a subclass says where.

    Attributes:
        deadline: when the attempt's time is over (monotonic seconds), if it ever is.
        on_start: called before each wait for a command.
    """

    workspace: Workspace
    files: StepFiles
    writer: LogWriter
    control: StepControl
    deadline: float | None
    is_trusted: bool
    on_start: Callable[[], None]

    @abstractmethod
    def run(
        self,
        command: str | Sequence[str],
        *,
        environment: Mapping[str, str],
        working_directory: str = "",
        shell: str = "",
        network: bool = True,
    ) -> CommandResult:
        """Run to the end, a cancel, the deadline or the worker's stop, whichever is first."""

    def should_stop(self) -> str:
        """Why the present command must end: a word, or empty."""
        if self.control.reason:
            return self.control.reason
        if self.deadline is not None and time.monotonic() > self.deadline:
            return "timed_out"
        return ""


def grace_of(word: str) -> float:
    """Seconds between TERM and KILL for a word."""
    return STOPPING_GRACE_SECONDS if word in _URGENT else GRACE_SECONDS
