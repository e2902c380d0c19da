"""`notify`: say how the run stands, into the stream, by mail, to a receiver or a chat room."""

import json
import time
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from django.utils import timezone
from pydantic import Field, model_validator

from devops.connections import release_connection
from devops.deliveries import Receiver, deliver_of
from devops.models import WebhookDelivery
from devops.safety.addresses import AddressNotAllowed, split_url
from pipelines.operations.notifications import (
    Note,
    deliveries_of,
    mail_note,
    post_note,
    record_notification,
)
from pipelines.step_types import StepType
from pipelines.steps.base import Config, Done, Outcome, Parked, StepContext, StepFailedError

# How long a step waits for the far side, and how often it looks.
_WAIT = timedelta(seconds=60)
_LOOK = timedelta(seconds=3)
_AT_ONCE_SECONDS = 2.0
_LOOK_SECONDS = 0.1
_MARKS: Mapping[str, str] = {"success": "✅", "failure": "❌", "cancelled": "🚫"}


class NotifyConfig(Config):
    """What to say, where, to whom."""

    channel: Literal["log", "email", "webhook", "slack"] = Field(
        "log", title="Channel", description="`log` writes to the step's log and the event stream."
    )
    to: list[str] = Field(
        default_factory=list, max_length=100, title="To",
        description="email: addresses, `user:<id>`, `role:<role>`.",
    )  # fmt: skip
    url: str = Field(
        "", max_length=2000, title="Address",
        description="webhook and slack; best from a secret: `${{ secrets.CHAT_URL }}`.",
    )  # fmt: skip
    secret: str = Field(
        "", max_length=500, title="Signing secret", description="webhook: `${{ secrets.NAME }}`."
    )
    message: str = Field(
        "", max_length=4000, title="Message", description="Empty: how the run stands."
    )
    title: str = Field(
        "",
        max_length=200,
        title="Title",
        description="Empty: the pipeline's name, the run's number and how it stands.",
    )
    required: bool = Field(
        default=False, title="Fail when it does not arrive", description="Within a minute."
    )

    @model_validator(mode="after")
    def _reaches_somebody(self) -> "NotifyConfig":
        if self.channel == "email" and not self.to:
            raise ValueError("A mail needs recipients: say in `to` who gets it.")
        if self.channel in {"webhook", "slack"} and not self.url.strip():
            raise ValueError(f"The channel {self.channel} needs its address in `url`.")
        return self


TYPE = StepType(
    name="notify",
    title="Notify",
    summary="Tell people and programs how the run stands; under `finally`, how it ended.",
    config_model=NotifyConfig,
    outputs={
        "channel": "Where it was said.",
        "delivered": "Whether it arrived within a minute.",
        "status": "How the run stood: success, failure or cancelled.",
    },
    effect="external",
    docs=(
        "Said once for each step of a run, however often a lost worker makes it repeat. Without a "
        "message it says how the run stands, which under `finally` is its end. Mail and posts are "
        "tried for days; the step waits a minute, then goes on and says so, or fails when "
        "`required` is set. Webhooks are signed by Standard Webhooks; `slack` posts `{text}`, as "
        "the incoming webhooks of many chat rooms take it. Fails without recipients or address, "
        "for an address that is not allowed, and in an untrusted run for every channel but `log`."
    ),
    example={"channel": "email", "to": ["role:admin"]},
)


class NotifyHandler:
    """Writes the message with its deliveries, then looks whether they arrived."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: NotifyConfig = ctx.config
        status = ctx.standing
        note = _note(ctx, config, status)
        ctx.log(f"{note.title}: {note.message}")
        if config.channel == "log":
            key = uuid.uuid5(ctx.run.id, ctx.place)
            record_notification(
                note.account_id, key, title=note.title, message=note.message, url=note.url
            )
            return _done(config, status, delivered=True)
        if not ctx.run.is_trusted:
            raise StepFailedError("An untrusted run may only write to the log.", reason="untrusted")
        _send(ctx, config, note, status)
        until = timezone.now() + _WAIT
        deliver_of(_sender(ctx))
        soon = time.monotonic() + _AT_ONCE_SECONDS
        # Another thread may have taken one; it is over before a parked step could be woken.
        while time.monotonic() < soon and not ctx.should_stop():
            if not any(_is_on_its_way(row) for row in deliveries_of(_sender(ctx))):
                break
            release_connection()
            time.sleep(_LOOK_SECONDS)
        return self._looked(ctx, status, until)

    def resume(self, ctx: StepContext, ref: str, _message: Mapping[str, Any], /) -> Outcome:
        """Look whether everything arrived."""
        state = json.loads(ref)
        return self._looked(ctx, state["status"], datetime.fromisoformat(state["until"]))

    def _looked(self, ctx: StepContext, status: str, until: datetime) -> Outcome:
        config: NotifyConfig = ctx.config
        rows = deliveries_of(_sender(ctx))
        states = {row.status for row in rows}
        if states <= {WebhookDelivery.Status.DELIVERED}:
            return _done(config, status, delivered=bool(rows))
        failed = next((row for row in rows if row.status == WebhookDelivery.Status.FAILED), None)
        if failed is None and timezone.now() < until:
            return _parked(status, until)
        row = failed or next(each for each in rows if each.last_error or each.status == "pending")
        words = f"{row.destination}: {row.last_error or 'no answer yet'}"
        if config.required:
            text = f"The message did not arrive. {words}"
            return Done("failure", {"delivered": False}, text, "not_delivered")
        ctx.log(f"Not arrived: {words}" + ("" if failed else " It is tried again."))
        return _done(config, status, delivered=False)

    def cancel(self, ctx: StepContext, ref: str) -> None:
        """What was said is said."""


def _note(ctx: StepContext, config: NotifyConfig, status: str) -> Note:
    run = ctx.run
    said = {"success": "succeeded", "failure": "failed", "cancelled": "was cancelled"}[status]
    title = config.title or f"{run.pipeline_name} #{run.number} {said}"
    where = f" on {run.branch}" if run.branch else ""
    message = config.message or f"Run #{run.number} of {run.pipeline_name}{where} {said}."
    masked = ctx.mask(message.encode()).decode(errors="replace")
    plain = " ".join(ctx.mask(title.encode()).decode(errors="replace").split())
    sender = _sender(ctx)
    key = f"notify:{run.id.hex}:{sender.hex}"
    return Note(run.account_id, key, plain, masked, run.url, sender)


def _sender(ctx: StepContext) -> uuid.UUID:
    """One for each step of a run: a repeated attempt finds what an earlier one sent."""
    return uuid.uuid5(ctx.run.id, f"notify:{ctx.place}")


def _send(ctx: StepContext, config: NotifyConfig, note: Note, status: str) -> None:
    if config.channel == "email":
        if not mail_note(note, config.to):
            text = "Nobody is to be told: `to` names no address, member or role."
            raise StepFailedError(text, reason="configuration")
        return
    url = config.url.strip()
    try:
        split_url(url)
    except AddressNotAllowed as error:
        raise StepFailedError(f"The address cannot be used: {error}", reason="address") from error
    if config.channel == "slack":
        text = f"{_MARKS[status]} *{note.title}*\n{note.message}\n{note.url}"
        receiver = Receiver(url, (), is_secret=True, is_plain=True, subscription_id=_sender(ctx))
        post_note(note, receiver, {"text": text})
        return
    if not config.secret:
        raise StepFailedError(
            "A webhook is signed: set `secret` to a secret of the account.", reason="configuration"
        )
    receiver = Receiver(url, (config.secret,), is_secret=True, subscription_id=_sender(ctx))
    post_note(note, receiver, {
        "version": 1, "title": note.title, "message": note.message, "url": note.url,
        "status": status, "run_id": str(ctx.run.id), "run_number": ctx.run.number,
        "pipeline": ctx.run.pipeline_name, "branch": ctx.run.branch, "sha": ctx.run.commit_sha,
    })  # fmt: skip


def _is_on_its_way(row: WebhookDelivery) -> bool:
    return row.status == WebhookDelivery.Status.PENDING and not row.last_error


def _parked(status: str, until: datetime) -> Parked:
    ref = json.dumps({"status": status, "until": until.isoformat()})
    again = min(until, timezone.now() + _LOOK)
    return Parked("external", ref, again, "The message is on its way.")


def _done(config: NotifyConfig, status: str, *, delivered: bool) -> Done:
    return Done(outputs={"channel": config.channel, "delivered": delivered, "status": status})
