"""What the engine's commits are made of: the right to write, a step's move, a run's verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from devops.sqlforms import db_json, db_moment, db_text
from pipelines.choices import PEOPLE, TIMED_OUT, RunStatus, StepStatus
from pipelines.documents.expansion import NAME_MAX
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.attempts import RETRY
from pipelines.operations.cancellation import CANCELLED, cancel_words

# Characters that the columns hold.
REASON_MAX = 30
DETAIL_MAX = 500
_LIMITS = {"reason": REASON_MAX, "error_message": 20_000, "step_name": NAME_MAX}


@dataclass(slots=True)
class Lease:
    """A worker's right to write to a run, until someone raises the fence."""

    run: PipelineRun
    fence: int
    cancel_requested: bool = False


@dataclass(slots=True)
class StepMove:
    """One attempt's move: what it was, what it becomes, and what is learned with it."""

    execution: StepExecution
    to: str
    changes: dict[str, Any] = field(default_factory=dict)
    seen: str = ""
    warnings: int = 0
    # What the run's branch stood for, where the step found it out.
    commit_sha: str = ""

    def __post_init__(self) -> None:
        self.seen = self.execution.status

    def apply(self) -> None:
        """Show the move on the row in memory; the commit compares with what was seen."""
        self.execution.status = self.to
        for name, value in self.changes.items():
            setattr(self.execution, name, value)

    def undo(self) -> None:
        """Take back on the row in memory what could not be committed."""
        self.execution.status = self.seen

    @classmethod
    def start(
        cls, execution: StepExecution, deadline_at: datetime | None, name: str = ""
    ) -> "StepMove":
        """The move of an attempt that begins now, under a name if it has a new one."""
        moment = execution.started_at or timezone.now()
        changes: dict[str, Any] = {"started_at": moment, "deadline_at": deadline_at}
        if name and name != execution.step_name:
            changes["step_name"] = name
        if execution.parked_kind:
            changes["parked_kind"] = ""
        return cls(execution, StepStatus.RUNNING, changes)

    @classmethod
    def skip(cls, execution: StepExecution, reason: str, message: str = "") -> "StepMove":
        """The move of an attempt that never begins."""
        return cls(execution, StepStatus.SKIPPED, {"reason": reason, "error_message": message})


# The only columns that a move may write, by the name of the attribute.
MOVE_COLUMNS = frozenset(
    {
        "reason",
        "error_message",
        "started_at",
        "completed_at",
        "deadline_at",
        "duration_ms",
        "exit_code",
        "outputs",
        "summary",
        "first_error_line",
        "log_truncated",
        "step_name",
        "parked_kind",
        "parked_ref",
        "wake_message",
    }
)


@dataclass(frozen=True, slots=True)
class Repeat:
    """An ended attempt that another one follows, at once or at a moment."""

    execution: StepExecution
    due_at: datetime | None = None


# Writes more into the transaction of a commit.
Write = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Wait:
    """What a run is left for. Whatever happened of it meanwhile, or a cancel, calls it back.

    Attributes:
        knows_cancel: the cancel that stands on the row was taken in already.
        asked: steps whose gate waits for an answer.
        also: what is written with it.
    """

    waiting_for: str
    detail: str
    knows_cancel: bool = False
    asked: int = 0
    also: Sequence[Write] = ()


@dataclass(frozen=True, slots=True)
class RunChange:
    """What a commit does to the run itself, beside moving steps."""

    assignments: tuple[str, ...] = ()
    values: tuple[object, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    wait: Wait | None = None
    also: tuple[Write, ...] = ()


def time_left(run: PipelineRun, wait: Wait) -> tuple[int | None, datetime | None]:
    """What is left of the run's time in milliseconds where it stands still, else when it ends."""
    if run.deadline_at is None or wait.waiting_for not in PEOPLE:
        return None, run.deadline_at
    left = (run.deadline_at - timezone.now()).total_seconds()
    return max(0, round(left * 1000)), None


def cleanup_of(run: PipelineRun) -> RunChange:
    """What a run whose time is over says of itself while what runs in any case still runs."""
    if run.reason != TIMED_OUT:
        return RunChange()
    values = (TIMED_OUT, db_moment(run.deadline_at))
    return RunChange(("reason=%s", "deadline_at=%s"), values)


def is_delayed(execution: StepExecution) -> bool:
    """Whether an attempt waits for the moment that its retry named."""
    return execution.status == StepStatus.PENDING and execution.parked_kind == RETRY


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended."""

    status: str
    reason: str = ""
    error_message: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def cancelled(cls, run: PipelineRun, outputs: dict[str, Any]) -> "Verdict":
        """The end of a run that was asked to stop."""
        reason = run.cancel_reason or CANCELLED
        return cls(RunStatus.CANCELLED, reason, cancel_words(run.cancelled_by, reason), outputs)


def move_value(name: str, value: object) -> object:
    """A value of a move as its column takes it."""
    if isinstance(value, str):
        # What a command or a handler says must never make the end of its step impossible to write.
        return db_text(value, _LIMITS.get(name))
    if isinstance(value, datetime):
        return db_moment(value)
    if isinstance(value, dict | list):
        return db_json(value)
    return value
