"""`run_command` and `custom`: a shell command in the workspace."""

import signal
from typing import Literal

from pydantic import Field

from pipelines.step_types import StepType
from pipelines.steps.base import CommandResult, Config, Done, Immediate, Outcome, StepContext


class CommandConfig(Config):
    """A shell command, and where it runs."""

    command: str = Field(
        min_length=1, max_length=65_536, title="Command",
        description="Shell script; the first failing line ends it.",
        json_schema_extra={"x-command": True, "format": "shell"},
    )  # fmt: skip
    working_directory: str = Field(
        "", title="Folder", description="Below the workspace; empty: its root."
    )
    shell: Literal["", "bash", "sh"] = Field(
        "", title="Shell", description="Empty: bash where the worker has it, else sh."
    )


_OUTPUTS = {
    "exit_code": "The command's exit status.",
    "*": "Whatever the command writes to $POWERNODE_OUTPUT as key=value.",
}

RUN_COMMAND = StepType(
    name="run_command",
    title="Run a command",
    summary="Run a shell command in the workspace.",
    config_model=CommandConfig,
    outputs=_OUTPUTS,
    effect="workspace",
    example={"command": "make build"},
    reattaches=True,
)
CUSTOM = StepType(
    name="custom",
    title="Custom",
    summary="Run a shell command of your own, with outputs for later steps.",
    config_model=CommandConfig,
    outputs=_OUTPUTS,
    effect="workspace",
    example={"command": 'echo version=1.2 >> "$POWERNODE_OUTPUT"'},
    reattaches=True,
)


class CommandHandler(Immediate):
    """Runs the command; its exit status is the step's verdict."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: CommandConfig = ctx.config
        result = ctx.commands.run(
            config.command,
            environment=ctx.environment,
            working_directory=config.working_directory,
            shell=config.shell,
        )
        return outcome_of(result)


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
