"""`post_comment`: a comment on a pull request or issue at the repository's git host."""

from pydantic import Field, field_validator, model_validator

from gitintegration.public import ensure_comment
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.hosting import (
    MAX_BODY,
    check_trust,
    checked_source,
    host_words,
    signature_of,
    text_of,
    trigger_facts,
)


class PostCommentConfig(Config):
    """What to say, and where."""

    issue_number: int | None = Field(
        None, ge=1, title="Number", description="Empty: the trigger's pull request or issue."
    )
    body: str = Field("", title="Text", description="Markdown.", max_length=MAX_BODY)
    body_file: str = Field("", title="Text from a file", description="Below the workspace.")
    body_from: str = Field("", title="Text from an output", description="As `step_key.output`.")
    header: str = Field(
        "", title="Above the text", description="Markdown before it.", max_length=2000
    )
    footer: str = Field(
        "", title="Below the text", description="Markdown after it.", max_length=2000
    )
    no_signature: bool = Field(
        default=False,
        title="Without the line that names the run",
        description="The line leads from the comment to the run.",
    )

    @field_validator("body_from")
    @classmethod
    def _names_an_output(cls, value: str) -> str:
        return checked_source(value)

    @model_validator(mode="after")
    def _says_something(self) -> "PostCommentConfig":
        if not (self.body or self.body_file or self.body_from):
            raise ValueError("There is nothing to say: set `body`, `body_file` or `body_from`.")
        return self


TYPE = StepType(
    name="post_comment",
    title="Post a comment",
    summary="Say something on a pull request or issue; a later run edits the same comment.",
    config_model=PostCommentConfig,
    outputs={"comment_id": "Its id at the host.", "comment_url": "Its address."},
    effect="external",
    docs=(
        "The text is the file's, else the output's, else `body`. The comment carries a "
        "hidden marker of pipeline and step, by which the next run finds and edits it. "
        "Fails without a number or a text, when the host refuses, and for an untrusted "
        "run."
    ),
    example={"body": "Tests: ${{ steps.tests.status }}"},
)


class PostCommentHandler(Immediate):
    """One comment per pipeline and step: found by its hidden marker and edited."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: PostCommentConfig = ctx.config
        check_trust(ctx)
        number = config.issue_number or _number(ctx)
        if number is None:
            raise StepFailedError(
                "There is no pull request or issue to comment on. Set `issue_number`.",
                reason="configuration",
            )
        body = text_of(ctx, config.body, config.body_file, config.body_from)
        if not body.strip():
            raise StepFailedError("There is nothing to say: the text is empty.")
        signature = "" if config.no_signature else signature_of(ctx)
        parts = [part for part in (config.header, body, config.footer, signature) if part]
        marker = f"{ctx.run.pipeline_id.hex}:{ctx.place}"
        text = ctx.mask("\n\n".join(parts).encode()).decode(errors="replace")[:MAX_BODY]
        with host_words():
            comment = ensure_comment(ctx.run.repository_id, number, marker, text)
        ctx.log(f"Commented on #{number}: {comment.web_url}")
        return Done(outputs={"comment_id": comment.id, "comment_url": comment.web_url})


def _number(ctx: StepContext) -> int | None:
    for name in ("pull_request", "issue"):
        number = trigger_facts(ctx, name).get("number")
        if isinstance(number, int) and number > 0:
            return number
    return None
