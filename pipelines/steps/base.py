"""What every step handler gets and gives back."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Done:
    """The step is over; its warnings are written to its log and counted by its run.

    `commit_sha` is the commit that the run's branch stood for: the run's own, if it has none yet.
    """

    status: Literal["success", "failure"] = "success"
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error_message: str = ""
    reason: str = ""
    exit_code: int | None = None
    warnings: tuple[str, ...] = ()
    commit_sha: str = ""


@dataclass(frozen=True, slots=True)
class Parked:
    """The step waits for something outside; no worker is held meanwhile.

    Attributes:
        kind: `external`, `approval` or `decision`.
        ref: what to ask for at the far side when woken; also what `cancel` gets.
        deadline: when to give up waiting.
        detail: a sentence for the run's page.
    """

    kind: Literal["external", "approval", "decision"]
    ref: str
    deadline: datetime
    detail: str


Outcome = Done | Parked


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended; `stopped` is why we ended it.

    Attributes:
        reason: a word for an end that the exit status does not tell, for example its memory.
        message: the same as a sentence.
    """

    exit_code: int
    stopped: str = ""
    reason: str = ""
    message: str = ""

    @property
    def is_success(self) -> bool:
        return self.exit_code == 0 and not self.stopped


class CommandRunner(Protocol):
    """Runs commands where the operator lets them run, streaming their output to the log."""

    def run(
        self,
        command: str | Sequence[str],
        *,
        environment: Mapping[str, str],
        working_directory: str = "",
        shell: str = "",
        network: bool = True,
    ) -> CommandResult:
        """Run a shell script (text) or a program (list) to its end or the step's.

        Raises:
            StepFailedError: the program or the working directory does not exist.
        """
        ...


class StepFailedError(Exception):
    """The step cannot succeed, and why, in words for its owner."""

    def __init__(self, message: str, *, reason: str = "failed") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run as a handler may know it."""

    id: uuid.UUID
    number: int
    attempt: int
    account_id: uuid.UUID
    pipeline_id: uuid.UUID
    pipeline_name: str
    url: str
    ref: str
    branch: str
    commit_sha: str
    clone_url: str
    repository_id: uuid.UUID | None
    is_trusted: bool
    snapshot: Mapping[str, Any]


@dataclass(slots=True)
class StepContext:
    """One attempt at a step.

    Attributes:
        place: names the step within its run; each combination of a matrix has its own.
        key: unique for run, place and attempt; the far side's idempotency key.
        config: the step's configuration after evaluation, an instance of its model.
        environment: the whole environment for commands, secrets included.
        workspace: the folder in which commands run.
        scratch: a folder of this attempt alone, outside the workspace.
        log: writes a line of our own into the step's log.
        mask: takes the run's secrets out of what a handler is about to keep.
        is_resumed: an earlier worker executed this attempt; its command may still run.
        standing: how the run would end as it stands: success, failure or cancelled.
    """

    run: RunFacts
    execution_id: uuid.UUID
    step_key: str
    place: str
    step_name: str
    attempt: int
    key: str
    config: Any
    environment: Mapping[str, str]
    contexts: Mapping[str, Any]
    workspace: Path
    scratch: Path
    log: Callable[[str], None]
    mask: Callable[[bytes], bytes]
    commands: CommandRunner
    should_stop: Callable[[], str]
    deadline_at: datetime | None
    is_resumed: bool = False
    standing: str = "success"


class StepHandler(Protocol):
    """Does the work of one step type; stateless, called from many threads."""

    def execute(self, ctx: StepContext) -> Outcome:
        """Do the work, or start it and park."""
        ...

    def resume(self, ctx: StepContext, ref: str, message: Mapping[str, Any], /) -> Outcome:
        """Go on after parking: `message` is what the waker said, or empty at the deadline."""
        ...

    def cancel(self, ctx: StepContext, ref: str) -> None:
        """Stop what a parked step started."""
        ...


class Immediate:
    """A handler that never parks."""

    def resume(self, ctx: StepContext, _ref: str, _message: Mapping[str, Any], /) -> Outcome:
        raise StepFailedError(f"Step {ctx.step_key} was woken but never waited.")

    def cancel(self, ctx: StepContext, ref: str) -> None:
        """Nothing runs outside."""


class Config(BaseModel):
    """A step type's configuration; unknown fields are refused."""

    model_config = {"extra": "forbid"}
