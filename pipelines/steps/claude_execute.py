"""`claude_execute`: have a language model judge or propose, within a budget and without power."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from pipelines.ai.conversation import Conversation
from pipelines.ai.proposals import (
    NAMED_SCHEMAS,
    ProposalRefused,
    check_patch,
    check_schema,
    instruction,
    proposal_schema,
    read_answer,
    without_mentions,
)
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
from pipelines.steps.base import (
    Config,
    Done,
    Immediate,
    Outcome,
    StepContext,
    StepFailedError,
)


class Proposals(Config):
    """What the model may propose, each at most so often; 0: not at all."""

    comment: int = Field(0, ge=0, le=1, title="A comment")
    review: int = Field(0, ge=0, le=100, title="Findings")
    labels: int = Field(0, ge=0, le=20, title="Labels")
    patch: int = Field(0, ge=0, le=1, title="A patch")

    def wanted(self) -> dict[str, int]:
        return {name: count for name, count in self.model_dump().items() if count}


class ClaudeExecuteConfig(AskingConfig):
    """What the model is asked, shown and allowed."""

    prompt: str = Field(
        "", max_length=65_536, title="Prompt",
        description="Liquid. What outsiders wrote goes in by `context` or a variable.",
        json_schema_extra={"x-command": True},
    )  # fmt: skip
    prompt_template: str = Field(
        "", max_length=80, title="Prompt template", description="Its key, instead of a prompt."
    )
    output_schema: dict[str, Any] | str | None = Field(
        None, title="Shape of the result",
        description=f"A JSON Schema, or {' or '.join(sorted(NAMED_SCHEMAS))}.",
    )  # fmt: skip
    propose: Proposals = Field(
        default_factory=Proposals, title="Proposals",
        description="What it may propose, each at most so often; a later step acts on it.",
    )  # fmt: skip

    @field_validator("output_schema")
    @classmethod
    def _is_a_schema(cls, value: dict[str, Any] | str | None) -> dict[str, Any] | str | None:
        shape_of(value)
        return value

    @model_validator(mode="after")
    def _asks_something(self) -> "ClaudeExecuteConfig":
        if bool(self.prompt) == bool(self.prompt_template):
            raise ValueError("Give either `prompt` or `prompt_template`.")
        return self


TYPE = StepType(
    name="claude_execute",
    title="Ask an AI",
    summary="Have a language model review, explain or propose, within a budget.",
    config_model=ClaudeExecuteConfig,
    outputs={
        "result": "The answer: text, or what `output_schema` says.",
        "comment": "A proposed comment, without mentions.",
        "review": "Proposed findings: path, line, severity, message.",
        "labels": "Proposed labels.",
        "patch": "A proposed unified diff.",
        "cost_usd": "What it cost, over all attempts.",
        "input_tokens": "Tokens read.",
        "output_tokens": "Tokens written.",
        "turns": "How often the model was asked.",
        "model": "Which one.",
        "stop_reason": "Why it ended.",
    },
    effect="external",
    docs=(
        "The model reads and proposes; it holds no secret, runs nothing and writes nowhere. A "
        "later step acts on its outputs: `post_comment` with `body_from`, `create_pr` with "
        "`patch_from`. Everything it is shown is masked, and fenced as the words of others. Its "
        "answer must fit `output_schema` and `propose`; it may mend it once. No call begins that "
        "could go beyond the step's budget or the provider's month. After a worker's death, "
        "answers that were paid are used again; one whose fate is unknown counts in full. The "
        "transcript is an artifact. Fails for reason budget, timeout, turns, rate_limit, "
        "overloaded, unreachable, cut, key, model, refusal, length, schema, prompt, no_config, "
        "no_price or secrets."
    ),
    example={
        "prompt_template": "code-review",
        "context": {"diff": True},
        "propose": {"comment": 1},
        "budget": {"usd": 0.5},
    },
)


class ClaudeExecuteHandler(Immediate):
    """Gathers, asks, checks; everything else is for other steps."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: ClaudeExecuteConfig = ctx.config
        check_secrets(ctx)
        talk = conversation(ctx, config)
        wanted, schema = config.propose.wanted(), shape_of(config.output_schema)
        if wanted:
            schema = proposal_schema(wanted, schema)
        with told(ctx, talk):
            material = gather(ctx, config)
            prompt = rendered(
                ctx, config, material, slug=config.prompt_template, text=config.prompt
            )
            parts = [prompt, material.fenced(), instruction(schema, has_patch="patch" in wanted)]
            ctx.log(f"Asking {talk.model} of {talk.config.name}.")
            answer = talk.say("\n\n".join(part for part in parts if part))
            outputs = checked_answer(talk, answer, schema, is_proposal=bool(wanted))
        ctx.log(f"{talk.tally.turns} question(s), {figures(talk)['cost_usd']:.4f} dollars.")
        return Done(outputs={**outputs, **figures(talk)})


def shape_of(named: dict[str, Any] | str | None) -> dict[str, Any] | None:
    """The schema that a setting means; one that exists only at run time is none yet.

    Raises:
        ValueError: it is none.
    """
    if isinstance(named, str):
        if "${{" in named:
            return None
        if named not in NAMED_SCHEMAS:
            raise ValueError(f"Give a JSON Schema, or one of {', '.join(sorted(NAMED_SCHEMAS))}.")
        return NAMED_SCHEMAS[named]
    if named is not None:
        check_schema(named)
    return named


def checked_answer(
    talk: Conversation, answer: str, schema: dict[str, Any] | None, *, is_proposal: bool = False
) -> dict[str, Any]:
    """The outputs in an answer; the model may mend it once.

    Raises:
        StepFailedError: it does not fit after that either.
    """
    try:
        return _outputs(answer, schema, is_proposal=is_proposal)
    except ProposalRefused as error:
        talk.log(f"The answer does not fit: {error}"[:500])
        again = talk.say(f"{error}\nAnswer again with the whole corrected JSON value alone.")
    try:
        return _outputs(again, schema, is_proposal=is_proposal)
    except ProposalRefused as error:
        text = f"The model's answer does not fit, also after one correction. {error}"
        raise StepFailedError(text, reason="schema") from error


def _outputs(answer: str, schema: dict[str, Any] | None, *, is_proposal: bool) -> dict[str, Any]:
    if schema is None:
        return {"result": without_mentions(answer)}
    value = read_answer(answer, schema)
    if not is_proposal:
        return {"result": value}
    if value.get("patch"):
        check_patch(value["patch"])
    if value.get("comment"):
        value["comment"] = without_mentions(value["comment"])
    for finding in value.get("review", ()):
        finding["message"] = without_mentions(finding["message"])
    return dict(value)
