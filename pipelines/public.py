"""What packages of step types may use of pipelines."""

from pipelines.step_types import StepType
from pipelines.steps.base import (
    CommandResult,
    CommandRunner,
    Config,
    Done,
    Immediate,
    Outcome,
    Parked,
    RunFacts,
    StepContext,
    StepFailedError,
    StepHandler,
)
from pipelines.steps.registry import register

__all__ = [
    "CommandResult",
    "CommandRunner",
    "Config",
    "Done",
    "Immediate",
    "Outcome",
    "Parked",
    "RunFacts",
    "StepContext",
    "StepFailedError",
    "StepHandler",
    "StepType",
    "register",
]
