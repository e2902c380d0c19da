"""Attempts at steps: history is added to, never overwritten."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from containers.public import release_owners
from devops.storage.logs import close_abandoned
from pipelines.models import StepExecution

# What an attempt waits for that is to begin at a moment; nothing outside is asked.
RETRY = "retry"
_CARRIED = (
    "account_id",
    "run_id",
    "step_id",
    "step_key",
    "step_name",
    "step_type",
    "position",
    "phase",
    "group_key",
    "matrix",
    "matrix_index",
    "continue_on_error",
)


def owner_of(execution_id: uuid.UUID) -> str:
    """How containers name the attempt that they belong to."""
    return f"pipelines.step:{execution_id}"


def let_go(executions: Iterable[StepExecution]) -> None:
    """Leave what attempts that end without a worker had begun: containers go, logs stay."""
    ended = list(executions)
    release_owners(owner_of(each.pk) for each in ended)
    for each in ended:
        close_abandoned(each.pk)


_ENDED = (
    "step_name",
    "attempt",
    "status",
    "reason",
    "started_at",
    "completed_at",
    "duration_ms",
    "exit_code",
    "outputs",
    "error_message",
    "summary",
    "first_error_line",
    "log_truncated",
)


def ended_as(row: StepExecution) -> dict[str, Any]:
    """How an attempt ended, for a re-run that takes it over."""
    return {
        **{name: getattr(row, name) for name in _ENDED},
        "carried_from_id": row.carried_from_id or row.pk,
    }


def repeat_attempt(ended: StepExecution, due_at: datetime | None = None) -> StepExecution:
    """The next attempt at the same step, pending; with `due_at` it waits for that moment."""
    return StepExecution.objects.create(
        attempt=ended.attempt + 1,
        parked_kind=RETRY if due_at else "",
        deadline_at=due_at,
        **{name: getattr(ended, name) for name in _CARRIED},
    )
