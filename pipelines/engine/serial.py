"""A step that runs alone, with all its attempts."""

from datetime import timedelta

from django.utils import timezone

from pipelines.choices import StepStatus, WaitingFor
from pipelines.engine.attempt import Attempt
from pipelines.engine.control import StepControl
from pipelines.engine.gates import Waiting
from pipelines.engine.moves import Repeat, StepMove
from pipelines.engine.retrying import HELD_SECONDS, retry_delay
from pipelines.engine.turn import Turn, delay_words, parking
from pipelines.models import StepExecution
from pipelines.steps.base import Parked

_LIVE = frozenset({StepStatus.PENDING, StepStatus.RUNNING, StepStatus.WAITING_APPROVAL})


def take_alone(turn: Turn, execution: StepExecution) -> bool:
    """Take a step to its end; false when the run must be left here."""
    current: StepExecution | None = execution
    while current is not None and current.status in _LIVE:
        turn.note_cancel()
        turn.note_deadline()
        left = turn.seconds_left(current)
        current = _wait(turn, current, left) if left else _attempt(turn, current)
    if current is None:
        return False
    if turn.control.reason == "worker_stopped":
        turn.hand_over()
        return False
    return True


# Each of these gives the attempt to go on with, or None when the run was left.


def _wait(turn: Turn, execution: StepExecution, seconds: float) -> StepExecution | None:
    """Wait for the attempt's moment: in this slot when that is soon."""
    if seconds > HELD_SECONDS:
        is_left = turn.leave(*delay_words(execution, execution.deadline_at))
        return None if is_left else execution
    StepControl(turn.control).wait(seconds)
    if turn.control.reason == "worker_stopped":
        turn.hand_over()
        return None
    return execution


def _attempt(turn: Turn, execution: StepExecution) -> StepExecution | None:
    """Make one attempt and take in how it ended."""
    attempt = turn.begin(execution, StepControl(turn.control))
    if attempt is None:
        return execution
    if isinstance(attempt, Waiting):
        return _ask(turn, attempt)
    outcome = turn.perform(attempt)
    if isinstance(outcome, Parked):
        return _park(turn, attempt, outcome)
    if outcome.changes["reason"] == "worker_stopped":
        turn.hand_over([outcome])
        return None
    delay = retry_delay(turn.session, outcome)
    if delay is not None:
        return _again(turn, outcome, delay)
    turn.settle(outcome)
    return execution


def _ask(turn: Turn, gate: Waiting) -> StepExecution | None:
    """Ask people, and let go of the run until they answered."""
    asking = gate.move()
    turn.moves += asking
    if turn.leave(WaitingFor.APPROVAL, gate.detail, asked=1, also=[gate.ask]):
        return None
    for move in asking:
        turn.moves.remove(move)
        move.undo()
    return gate.execution


def _park(turn: Turn, attempt: Attempt, parked: Parked) -> StepExecution | None:
    """Let go of the run, unless the step was woken or the run cancelled meanwhile."""
    turn.moves.append(parking(attempt, parked))
    if turn.leave(parked.kind, parked.detail):
        return None
    turn.commit()
    return attempt.execution


def _again(turn: Turn, ended: StepMove, delay: timedelta) -> StepExecution | None:
    """Commit a failed attempt and the one that follows, for which the run may be left."""
    turn.warnings += ended.warnings
    turn.moves.append(ended)
    due_at = timezone.now() + delay if delay else None
    repeat = Repeat(ended.execution, due_at)
    is_long = delay.total_seconds() > HELD_SECONDS
    if is_long and turn.leave(*delay_words(ended.execution, due_at), [repeat]):
        return None
    (following,) = turn.commit([repeat])
    return following
