"""`run_command`: a shell command in the workspace."""

from typing import Literal

from pydantic import Field

from pipelines.step_types import StepType
from pipelines.steps.base import Config, Immediate, Outcome, StepContext
from pipelines.steps.outcomes import outcome_of


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


OUTPUTS = {
    "exit_code": "The command's exit status.",
    "*": "Whatever the command writes to $POWERNODE_OUTPUT as key=value.",
}

TYPE = StepType(
    name="run_command",
    title="Run a command",
    summary="Run a shell command in the workspace.",
    config_model=CommandConfig,
    outputs=OUTPUTS,
    effect="workspace",
    example={"command": "make build"},
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
