"""Where the operator lets commands run."""

from django.conf import settings

from pipelines.steps.base import StepFailedError

_WORDS = {
    "process": "Commands run in containers only on this installation: give the step an `image`.",
    "docker": "This installation runs no commands in containers: leave `image` out.",
}


def require_executor(name: str) -> None:
    """Refuse an executor that the operator did not name in `POWERNODE_EXECUTORS`.

    Raises:
        StepFailedError: what to do instead.
    """
    if name not in settings.POWERNODE_EXECUTORS:
        raise StepFailedError(_WORDS[name], reason="executor")
