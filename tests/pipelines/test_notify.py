"""How runs are told of: by mail through a real server, by posts to a real receiver, once."""

import json
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from containers.operations.secrets import create_secret
from devops.choices import Role
from devops.deliveries import deliver_due
from devops.models import OutboxMessage, WebhookDelivery
from pipelines.models import Pipeline, PipelineRun, StepExecution
from pipelines.operations.notifications import Note, mail_note
from pipelines.operations.reporting import report_run
from pipelines.operations.runs import wake_step
from tests.pipelines.approvals.people import email_of, member
from tests.pipelines.conftest import Workshop, fresh, last, log_of, step
from tests.pipelines.postbox import Postbox
from tests.pipelines.receiver import Receiver

SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


def notify(key: str = "tell", phase: str = "finally", **config: Any) -> dict[str, Any]:
    return step(key, step_type="notify", configuration=config, phase=phase)


def start(shop: Workshop, *steps: dict[str, Any], **more: Any) -> PipelineRun:
    return shop.run(*steps, **more)


def go_on(shop: Workshop, run: PipelineRun, key: str = "tell") -> StepExecution:
    """Send what is due and wake the step that waits for it."""
    deliver_due()
    execution = last(run, key)
    if execution.parked_kind:
        assert wake_step(str(execution.pk), {})
        shop.execute(fresh(run))
    return last(run, key)


def test_a_mail_under_finally_tells_the_final_status(workshop: Workshop, mailed: Postbox) -> None:
    other = member(workshop)
    run = start(
        workshop, step("bad", "exit 3"),
        notify(channel="email", to=["ops@example.com", f"user:{other.user_id}", "OPS@example.com"]),
    )  # fmt: skip
    ended = go_on(workshop, run)

    assert ended.outputs == {"channel": "email", "delivered": True, "status": "failure"}
    assert {mail["to"] for mail in mailed.mails} == {"ops@example.com", email_of(other)}
    assert str(mailed.mails[0]["subject"]).endswith("#1 failed")
    assert f"/runs/{run.pk}" in mailed.words("plain")[0]
    assert fresh(run).status == "failure"


def test_each_combination_of_a_matrix_says_what_it_has_to_say(
    open_workshop: Workshop, receiver: Receiver
) -> None:
    said = notify(channel="webhook", url=receiver.url, secret=SECRET, message="${{ matrix.place }}")
    start(open_workshop, {**said, "matrix": {"place": ["here", "there"]}})
    deliver_due()

    said_there = [json.loads(body)["data"]["message"] for _, body in receiver.posts]
    assert sorted(said_there) == ["here", "there"]


def test_a_run_over_its_time_is_told_as_failed(workshop: Workshop) -> None:
    run = workshop.trigger(workshop.pipeline(step("late"), notify(channel="log")))
    PipelineRun.objects.filter(pk=run.pk).update(deadline_at=timezone.now())

    run = workshop.execute(run)

    assert (run.status, last(run, "tell").outputs["status"]) == ("failure", "failure")


def test_a_repeated_step_says_nothing_twice(workshop: Workshop, mailed: Postbox) -> None:
    run = start(workshop, notify(channel="email", to=["ops@example.com"]))
    first = WebhookDelivery.objects.get()
    assert first.subscription_id is not None
    key = first.idempotency_key.rpartition(":")[0]
    # What the next attempt of the same step would write.
    again = Note(run.account_id, key, "Other words", "", "", first.subscription_id)
    assert mail_note(again, ["OPS@example.com"]) == ["OPS@example.com"]
    deliver_due()
    assert len(mailed.mails) == 1
    assert str(run.pk.hex) in key


def test_a_webhook_is_signed_and_its_address_hidden(workshop: Workshop, receiver: Receiver) -> None:
    create_secret(workshop.actor, name="HOOK", value=SECRET)
    told = notify(channel="webhook", url=receiver.url, secret="${{ secrets.HOOK }}")
    told["secret_refs"] = ["HOOK"]
    run = start(workshop, told, secret_refs=["HOOK"])
    assert go_on(workshop, run).outputs["delivered"] is True

    headers, body = receiver.posts[0]
    said = Webhook(SECRET).verify(body, headers)
    assert (said["type"], said["data"]["status"], said["data"]["run_number"]) == (
        "notification", "success", 1,
    )  # fmt: skip
    row = WebhookDelivery.objects.get()
    assert "sesame" not in row.destination + json.dumps(row.options) + row.encrypted_secret


def test_a_chat_room_gets_a_line_of_text(workshop: Workshop, receiver: Receiver) -> None:
    run = start(workshop, notify(channel="slack", url=receiver.url, message="Done, I think"))
    assert go_on(workshop, run).outputs["delivered"] is True
    headers, body = receiver.posts[0]
    line, words, address = json.loads(body)["text"].splitlines()
    assert (line, words) == (f"✅ *{run.snapshot['name']} #1 succeeded*", "Done, I think")
    assert address.endswith(f"/runs/{run.pk}")
    assert "webhook-signature" not in headers


@pytest.mark.parametrize("required", [True, False])
def test_what_does_not_arrive_is_said(
    workshop: Workshop, receiver: Receiver, *, required: bool
) -> None:
    receiver.answer = 410
    run = start(workshop, notify(channel="slack", url=receiver.url, required=required))
    ended = go_on(workshop, run)
    assert ended.outputs["delivered"] is False
    assert (ended.status, ended.reason) == (
        ("failure", "not_delivered") if required else ("success", "")
    )
    assert "wants no more" in (ended.error_message if required else log_of(run, "tell"))


@pytest.mark.parametrize(
    ("config", "reason", "said"),
    [
        ({"channel": "${{ 'email' }}"}, "configuration", "say in `to`"),
        ({"channel": "email", "to": ["role:nobody"]}, "configuration", "Nobody is to be told"),
        ({"channel": "slack", "url": "${{ '' }}"}, "configuration", "needs its address"),
        ({"channel": "slack", "url": "file:///etc/passwd"}, "address", "cannot be used"),
        ({"channel": "webhook", "url": "https://example.com"}, "configuration", "signed"),
    ],
)
def test_what_cannot_be_told_fails_in_words(
    workshop: Workshop, config: dict[str, Any], reason: str, said: str
) -> None:
    ended = last(start(workshop, notify(**config)), "tell")
    assert (ended.status, ended.reason) == ("failure", reason)
    assert said in ended.error_message


def test_a_strangers_run_writes_to_nobody(workshop: Workshop) -> None:
    made = workshop.trigger(workshop.pipeline(notify(channel="email", to=["a@example.com"])))
    PipelineRun.objects.filter(pk=made.pk).update(trust_level="untrusted")
    ended = last(workshop.execute(made), "tell")
    assert (ended.status, ended.reason) == ("failure", "untrusted")
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    ("notifications", "command", "told"),
    [
        ({"on_failure": ["a@example.com"], "on_completion": False}, "exit 1", ["a@example.com"]),
        ({"on_failure": ["a@example.com"], "on_completion": False}, "true", []),
        ({"on_completion": ["a@example.com"], "on_failure": False}, "true", ["a@example.com"]),
        ({}, "exit 1", ["own@example.com"]),
        ({"on_failure": False, "on_completion": False}, "exit 1", []),
        ({"on_failure": ["a@example.com"]}, "exit 1", ["a@example.com", "own@example.com"]),
    ],
)
def test_a_pipeline_tells_once_how_its_run_ended(
    workshop: Workshop,
    mailed: Postbox,
    notifications: dict[str, Any],
    command: str,
    told: list[str],
) -> None:
    pipeline = workshop.pipeline(step("do", command), notification_settings=notifications)
    own = [{"type": "email", "value": "own@example.com"}, {"type": "user_id", "value": "0"}]
    Pipeline.objects.filter(pk=pipeline.pk).update(notification_recipients=own)
    run = workshop.execute(workshop.trigger(pipeline))
    message = OutboxMessage.objects.get(topic=f"run.{run.pk.hex}", name="run_completed")
    for _ in range(2):
        report_run(str(message.pk))
        deliver_due()
    assert sorted(str(mail["to"]) for mail in mailed.mails) == told


def test_a_role_among_the_recipients_is_everybody_who_has_it(
    workshop: Workshop, mailed: Postbox
) -> None:
    told = [{"type": "role", "value": "owner"}]
    pipeline = workshop.pipeline(step("do", "true"), notification_recipients=told)
    boss, other = member(workshop, role=Role.OWNER), member(workshop)
    run = workshop.execute(workshop.trigger(pipeline))
    report_run(str(OutboxMessage.objects.get(topic=f"run.{run.pk.hex}", name="run_completed").pk))
    deliver_due()
    addresses = [str(mail["to"]) for mail in mailed.mails]
    assert addresses.count(email_of(boss)) == 1
    assert email_of(other) not in addresses
