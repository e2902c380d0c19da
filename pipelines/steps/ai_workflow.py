"""`ai_workflow`: several questions in turn, each with the answers before it, under one budget."""

import json
from dataclasses import replace
from typing import Any

from pydantic import Field, model_validator

from pipelines.ai.proposals import instruction
from pipelines.step_types import StepType
from pipelines.steps.ai_asking import (
    AskingConfig,
    check_secrets,
    conversation,
    figures,
    gather,
    rendered,
    told,
)
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext
from pipelines.steps.claude_execute import checked_answer, shape_of


class Stage(Config):
    """One question."""

    name: str = Field(
        pattern=r"^[a-z_][a-z0-9_]{0,39}$", title="Name",
        description="Its answer is the variable of this name in later stages.",
    )  # fmt: skip
    prompt: str = Field(
        "", max_length=65_536, title="Prompt", json_schema_extra={"x-command": True}
    )
    prompt_template: str = Field("", max_length=80, title="Prompt template")
    output_schema: dict[str, Any] | str | None = Field(None, title="Shape of the answer")

    @model_validator(mode="after")
    def _asks_something(self) -> "Stage":
        if bool(self.prompt) == bool(self.prompt_template):
            raise ValueError("Give either `prompt` or `prompt_template`.")
        shape_of(self.output_schema)
        return self


class AiWorkflowConfig(AskingConfig):
    """The questions, what is shown with the first, and the budget of all."""

    stages: list[Stage] = Field(
        min_length=1,
        max_length=20,
        title="Stages",
        description="Asked in this order; each a name with a prompt.",
    )

    @model_validator(mode="after")
    def _are_told_apart(self) -> "AiWorkflowConfig":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("Two stages have one name.")
        return self


TYPE = StepType(
    name="ai_workflow",
    title="Ask an AI in stages",
    summary="Several questions to a language model, each built on the answers before.",
    config_model=AiWorkflowConfig,
    outputs={
        "result": "The last answer.",
        "stages": "Every answer by the name of its stage.",
        "cost_usd": "What all of them cost, over all attempts.",
        "input_tokens": "Tokens read.",
        "output_tokens": "Tokens written.",
        "turns": "How often the model was asked.",
        "model": "Which one.",
        "stop_reason": "Why the last answer ended.",
    },
    effect="external",
    docs=(
        "Like `claude_execute`, without secrets or any right to write, under one budget for all "
        "stages. Each stage is a conversation of its own: it gets its prompt, the material, and "
        "the earlier answers as variables by their names, long ones as material. Fails at the "
        "first stage that fails, for the same reasons."
    ),
    example={
        "stages": [
            {"name": "risks", "prompt": "List the risks of the change."},
            {"name": "verdict", "prompt": "Judge: {{ risks }}", "output_schema": "verdict"},
        ],
        "context": {"diff": True},
        "budget": {"usd": 0.5},
    },
)


class AiWorkflowHandler(Immediate):
    """One stage after the other; the budget is the step's."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: AiWorkflowConfig = ctx.config
        check_secrets(ctx)
        talk = conversation(ctx, config)
        answers: dict[str, Any] = {}
        with told(ctx, talk):
            gathered = gather(ctx, config)
            for stage in config.stages:
                ctx.log(f"Stage {stage.name}: asking {talk.model} of {talk.config.name}.")
                material = replace(gathered, pieces=list(gathered.pieces))
                prompt = rendered(
                    ctx, config, material, slug=stage.prompt_template, text=stage.prompt,
                    more={name: _text(answer) for name, answer in answers.items()},
                )  # fmt: skip
                schema = shape_of(stage.output_schema)
                parts = [prompt, material.fenced(), instruction(schema)]
                # What was said before is told by variables alone, so that nothing grows unseen.
                talk.messages.clear()
                said = talk.say("\n\n".join(part for part in parts if part))
                answers[stage.name] = checked_answer(talk, said, schema)["result"]
        last = answers[config.stages[-1].name]
        return Done(outputs={"result": last, "stages": answers, **figures(talk)})


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, indent=1)
