"""`notify`: say something to somebody; in this release into the log and the outbox."""

import uuid
from typing import Literal

from pydantic import Field

from pipelines.operations.notifications import record_notification
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Immediate, Outcome, StepContext


class NotifyConfig(Config):
    """What to say."""

    channel: Literal["log"] = Field(
        "log", title="Channel", description="`log` writes to the step's log and the event stream."
    )
    message: str = Field("", max_length=4000, title="Message")
    title: str = Field("", max_length=200, title="Title")


TYPE = StepType(
    name="notify",
    title="Notify",
    summary="Tell listeners how the run stands.",
    config_model=NotifyConfig,
    outputs={"channel": "Where it was said.", "delivered": "Whether it was."},
    effect="external",
    example={"message": "Tests: ${{ steps.tests.status }}"},
)


class NotifyHandler(Immediate):
    """Records one message per step of a run, however often a lost worker makes it repeat."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: NotifyConfig = ctx.config
        title = config.title or f"{ctx.run.pipeline_name} #{ctx.run.number}"
        message = config.message or f"Run #{ctx.run.number} of {ctx.run.pipeline_name}"
        key = uuid.uuid5(ctx.run.id, ctx.step_key)
        record_notification(ctx.run.account_id, key, title=title, message=message, url=ctx.run.url)
        ctx.log(f"{title}: {message}")
        return Done(outputs={"channel": config.channel, "delivered": True})
