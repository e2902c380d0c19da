"""Attempts at steps: history is added to, never overwritten."""

from pipelines.models import StepExecution

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


def repeat_attempt(ended: StepExecution) -> StepExecution:
    """The next attempt at the same step, pending."""
    return StepExecution.objects.create(
        attempt=ended.attempt + 1, **{name: getattr(ended, name) for name in _CARRIED}
    )
