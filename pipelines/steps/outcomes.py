"""How a command's end becomes a step's end."""

import signal

from pipelines.steps.base import CommandResult, Done


def outcome_of(result: CommandResult) -> Done:
    """A command's end as a step's end."""
    outputs = {"exit_code": result.exit_code}
    if result.is_success:
        return Done(outputs=outputs, exit_code=0)
    return Done(
        "failure", outputs, exit_code=result.exit_code,
        reason=result.stopped or result.reason or "exit_code",
        error_message=result.message or _words(result.exit_code),
    )  # fmt: skip


def _words(exit_code: int) -> str:
    if exit_code == 126:
        return "The command was found but could not be executed (exit status 126)."
    if exit_code == 127:
        return "A program of the command was not found on the worker (exit status 127)."
    # A shell adds 128 to a signal's number; other programs end with high numbers of their own.
    number = -exit_code if exit_code < 0 else exit_code - 128
    if 0 < number < signal.NSIG:
        return f"The command was ended by signal {number}."
    return f"The command ended with exit status {exit_code}."
