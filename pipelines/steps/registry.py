"""Which handler runs which step type; third parties enter theirs by entry point."""

import logging
from importlib.metadata import entry_points

from pipelines import step_types
from pipelines.step_types import StepType
from pipelines.steps.base import StepHandler

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "powernode.step_handlers"
_handlers: dict[str, StepHandler] = {}


def register(step_type: StepType, handler: StepHandler) -> None:
    """Make a step type known to the linter, the forms and the engine."""
    step_types.register(step_type)
    _handlers[step_type.name] = handler


def handler_for(name: str) -> StepHandler | None:
    """The handler of a step type, or None when nobody registered one in this process."""
    return _handlers.get(name)


def load_entry_points() -> None:
    """Let installed packages register: each entry point names a function without arguments.

    A package that fails is logged and left out; it must not keep the platform from starting.
    """
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry.load()()
        except Exception:
            logger.exception("step handlers of %s could not be loaded", entry.value)
