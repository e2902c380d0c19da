"""`custom`: a shell command of one's own, run like `run_command`."""

from pipelines.step_types import StepType
from pipelines.steps.run_command import OUTPUTS, CommandConfig

TYPE = StepType(
    name="custom",
    title="Custom",
    summary="Run a shell command of your own, with outputs for later steps.",
    config_model=CommandConfig,
    outputs=OUTPUTS,
    effect="workspace",
    example={"command": 'echo version=1.2 >> "$POWERNODE_OUTPUT"'},
    reattaches=True,
)
