"""Whether a failed attempt is followed by another one, and when."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from devops.connections import release_connection
from devops.safety.line_search import SearchPatternError
from devops.storage import log_reader
from pipelines.choices import StepStatus
from pipelines.engine.moves import StepMove
from pipelines.engine.session import NO_TRIES, Session

_DEFAULT_MAX_DELAY = 600
# Longer waits give the worker's slot back.
HELD_SECONDS = 30.0


def retry_delay(session: Session, move: StepMove) -> timedelta | None:
    """How long to wait for the next attempt after this end; None when it decides.

    A step that could not begin, that was cancelled, or whose run is over is not tried again.
    """
    execution = move.execution
    is_over = session.is_cancelled or session.timed_out
    if move.changes.get("reason") == "worker_lost" and not is_over:
        # A container was lost with an earlier worker: as if this one had never come to it. Only an
        # attempt that was gone on with ends so, and the next one is none.
        return timedelta()
    policy = session.definitions[execution.step_key].get("retry") or {}
    if move.to != StepStatus.FAILURE or move.changes.get("reason") in NO_TRIES:
        return None
    tries = session.tries[execution.step_key, execution.matrix_index]
    if is_over or tries >= policy.get("attempts", 1):
        return None
    causes = policy.get("on")
    if causes is not None and not any(_is_cause(cause, move) for cause in causes):
        return None
    return timedelta(seconds=_seconds(policy, tries))


def _seconds(policy: Mapping[str, Any], tries: int) -> float:
    first = float(policy.get("delay_seconds") or 0)
    if policy.get("backoff") != "exponential":
        return first
    most = float(policy.get("max_delay_seconds", _DEFAULT_MAX_DELAY))
    return float(min(first * 2 ** (tries - 1), most))


def _is_cause(cause: Any, move: StepMove) -> bool:
    if isinstance(cause, str):
        return bool(move.changes.get("reason") == cause)
    if "exit_code" in cause:
        wanted = cause["exit_code"]
        codes = wanted if isinstance(wanted, list) else [wanted]
        return move.changes.get("exit_code") in codes
    return _log_says(move, cause["log"])


def _log_says(move: StepMove, pattern: str) -> bool:
    try:
        found = log_reader.search(move.execution.pk, pattern, regex=True, limit=1)
    except SearchPatternError:
        # The linter refuses such a pattern; a definition from before it did asks for nothing.
        return False
    finally:
        release_connection()
    return bool(found.lines)
