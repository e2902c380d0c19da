"""A package of step types, as anybody may write one: it imports `pipelines.public` only.

Its metadata name the function below under the entry point group `powernode.step_handlers`.
"""

from pydantic import Field

from pipelines.public import (
    Config,
    Done,
    Immediate,
    Outcome,
    StepContext,
    StepFailedError,
    StepType,
    register,
)


class GreetConfig(Config):
    """Whom to greet."""

    whom: str = Field(min_length=1, max_length=100, title="Whom")
    politely: bool = Field(default=True, title="Politely")


GREET = StepType(
    name="greet",
    title="Greet",
    summary="Write a greeting into the workspace.",
    config_model=GreetConfig,
    outputs={"greeting": "What was said."},
    effect="workspace",
    docs="Fails when somebody is not to be greeted.",
    example={"whom": "world"},
)


class GreetHandler(Immediate):
    """Says it in the log, and keeps it in a file."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: GreetConfig = ctx.config
        if config.whom == "nobody":
            raise StepFailedError("There is nobody to greet.", reason="nobody")
        greeting = f"{'Good day' if config.politely else 'Hi'}, {config.whom}"
        (ctx.workspace / "greeting.txt").write_text(greeting)
        ctx.log(greeting)
        return Done(outputs={"greeting": greeting})


def register_steps() -> None:
    """What the entry point names."""
    register(GREET, GreetHandler())
