"""Receivers of git events: signed in two ways, tried again, switched off, changed over, resent."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.access import Actor
from devops.deliveries import deliver_due
from devops.errors import Conflict, Invalid
from devops.models import OutboxMessage, WebhookDelivery
from gitintegration.clients.fakes.server import serving
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.fakes.web import Answer, Request
from gitintegration.models import AccountGitWebhookConfig
from gitintegration.operations.account_webhooks import (
    create_account_webhook,
    delete_account_webhook,
    health_of,
    masked_secret,
    note_delivery,
    regenerate_secret,
    resend,
    secret_key,
    send_test,
    signature_secret,
    update_account_webhook,
)
from tests.client import ApiClient
from tests.factories.devops import actor_of
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, told

pytestmark = pytest.mark.django_db


class Receiver:
    """Somebody's program that answers as it is told."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 204
        self.got: list[Request] = []

    def answer(self, request: Request) -> Answer:
        self.got.append(request)
        return Answer(self.status)


@pytest.fixture
def receiver(tmp_path: Path, settings: Settings) -> Iterator[Receiver]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    made = Receiver("")
    with serving(lambda _host: made.answer, HostState(tmp_path / "receiver")) as host:
        made.url = f"{host.url}/hook"
        yield made


@pytest.fixture
def actor(alice: ApiClient) -> Actor:
    return actor_of(alice)


def enter(actor: Actor, receiver: Receiver, **values: Any) -> AccountGitWebhookConfig:
    return create_account_webhook(actor, {"name": "Ours", "url": receiver.url, **values})


def standard_signature(secret: str, request: Request) -> str:
    """Standard Webhooks, reckoned by hand."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    mac = hmac.new(key, signed + request.body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def older_signature(secret: str, request: Request) -> str:
    """`t=<unix>,v1=<hex HMAC of "<unix>.<body>">`, reckoned by hand."""
    stamp = request.headers["webhook-timestamp"]
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + request.body, hashlib.sha256)
    return f"t={stamp},v1={mac.hexdigest()}"


def deliver() -> int:
    """Have everything that waits be tried now, and count how it ended."""
    WebhookDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())
    count = deliver_due()
    ended = OutboxMessage.objects.filter(name="webhook_delivery_ended", handled_at=None)
    for key in list(ended.values_list("pk", flat=True)):
        note_delivery(str(key))
    return count


def test_a_delivery_carries_both_signatures(actor: Actor, receiver: Receiver) -> None:
    config = enter(actor, receiver, custom_headers={"X-Team": "ops"})
    sent = send_test(actor, config)
    assert deliver() == 1
    (got,) = receiver.got
    assert got.headers["webhook-signature"] == standard_signature(secret_key(config), got)
    assert got.headers["x-powernode-signature"] == older_signature(signature_secret(config), got)
    assert (got.headers["webhook-id"], got.headers["x-team"]) == (str(sent.pk), "ops")
    assert got.headers["content-type"] == "application/json"
    body = json.loads(got.body)
    assert body["type"] == "test.webhook"
    assert body["data"]["event_type"] == "test.webhook"
    assert body["data"]["account_id"] == str(actor.account_id)
    assert body["data"]["webhook_config_id"] == str(config.pk)


def test_a_form_is_signed_as_it_is_sent(actor: Actor, receiver: Receiver) -> None:
    config = enter(actor, receiver, content_type="application/x-www-form-urlencoded")
    send_test(actor, config)
    deliver()
    (got,) = receiver.got
    assert got.headers["webhook-signature"] == standard_signature(secret_key(config), got)
    (payload,) = parse_qs(got.body.decode())["payload"]
    assert json.loads(payload)["type"] == "test.webhook"


def pauses(actor: Actor, receiver: Receiver, **policy: Any) -> list[int]:
    """The seconds between the tries of a delivery that never arrives."""
    receiver.status = 503
    sent = send_test(actor, enter(actor, receiver, **policy))
    found = []
    while sent.status == "pending":
        before = timezone.now()
        deliver()
        sent.refresh_from_db()
        if sent.next_attempt_at is not None:
            found.append(round((sent.next_attempt_at - before).total_seconds()))
    assert sent.status == "failed"
    assert sent.attempts == len(found) + 1 == len(receiver.got)
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 1
    return found


def test_linear_pauses_grow_by_five_seconds(actor: Actor, receiver: Receiver) -> None:
    found = pauses(actor, receiver, retry_limit=4, retry_backoff="linear")
    assert found == [5, 10, 15, 20]


def test_exponential_pauses_double_up_to_five_minutes(actor: Actor, receiver: Receiver) -> None:
    found = pauses(actor, receiver, retry_limit=8, retry_backoff="exponential")
    assert found == [5, 10, 20, 40, 80, 160, 300, 300]


def test_without_retries_one_try_is_all(actor: Actor, receiver: Receiver) -> None:
    assert pauses(actor, receiver, retry_limit=0) == []


def test_a_receiver_that_is_gone_is_not_tried_again(actor: Actor, receiver: Receiver) -> None:
    receiver.status = 410
    sent = send_test(actor, enter(actor, receiver))
    deliver()
    sent.refresh_from_db()
    assert (sent.status, sent.attempts) == ("failed", 1)


def test_ten_failures_in_a_row_switch_a_receiver_off_with_one_notice(
    actor: Actor, receiver: Receiver
) -> None:
    config = enter(actor, receiver, retry_limit=0)
    receiver.status = 500
    for number in range(1, 13):
        send_test(actor, config)
        deliver()
        config.refresh_from_db()
        assert config.is_active is (number < 10)
    assert "500" in config.disabled_reason
    (notice,) = told("account_webhook_disabled")
    assert notice["account_webhook"]["id"] == str(config.pk)
    mail = WebhookDelivery.objects.get(kind="email")
    assert config.created_by is not None
    assert mail.destination == config.created_by.email
    assert "switched off" in mail.payload["subject"]
    update_account_webhook(actor, config, {"is_active": True})
    assert (config.consecutive_failures, config.disabled_reason) == (0, "")


def test_a_success_between_failures_keeps_a_receiver_on(actor: Actor, receiver: Receiver) -> None:
    config = enter(actor, receiver, retry_limit=0)
    for number in range(1, 15):
        receiver.status = 200 if number == 9 else 500
        send_test(actor, config)
        deliver()
    config.refresh_from_db()
    assert config.is_active
    assert (config.success_count, config.failure_count) == (1, 13)
    assert health_of(config) == (7.14, "critical")


def test_for_a_day_both_secrets_verify(actor: Actor, receiver: Receiver) -> None:
    config = enter(actor, receiver)
    old = secret_key(config)
    fresh = regenerate_secret(actor, config)
    assert fresh != old
    send_test(actor, config)
    deliver()
    got = receiver.got[-1]
    signatures = got.headers["webhook-signature"].split()
    assert set(signatures) == {standard_signature(each, got) for each in (old, fresh)}
    config.previous_secret_until = timezone.now() - timedelta(seconds=1)
    config.save()
    send_test(actor, config)
    deliver()
    got = receiver.got[-1]
    assert got.headers["webhook-signature"] == standard_signature(fresh, got)


def test_a_delivery_is_sent_again_under_its_id_and_the_present_secret(
    actor: Actor, receiver: Receiver
) -> None:
    config = enter(actor, receiver, retry_limit=0)
    receiver.status = 500
    sent = send_test(actor, config)
    with pytest.raises(Conflict):
        resend(actor, config, sent)
    deliver()
    regenerate_secret(actor, config)
    fresh = regenerate_secret(actor, config)
    receiver.status = 200
    sent.refresh_from_db()
    resend(actor, config, sent)
    assert deliver() == 1
    sent.refresh_from_db()
    assert (sent.status, len(sent.tries)) == ("delivered", 2)
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert standard_signature(fresh, second) in second.headers["webhook-signature"].split()


def test_a_delivery_follows_its_receiver_to_a_new_address(actor: Actor, receiver: Receiver) -> None:
    config = enter(actor, receiver, retry_limit=0)
    receiver.status = 500
    sent = send_test(actor, config)
    deliver()
    update_account_webhook(actor, config, {"url": receiver.url + "/moved"})
    receiver.status = 200
    sent.refresh_from_db()
    resend(actor, config, sent)
    deliver()
    assert receiver.got[-1].path == "/hook/moved"


def test_what_is_on_its_way_to_a_removed_receiver_is_given_up(
    actor: Actor, receiver: Receiver
) -> None:
    config = enter(actor, receiver)
    sent = send_test(actor, config)
    delete_account_webhook(actor, config)
    assert deliver() == 0
    sent.refresh_from_db()
    assert (sent.status, receiver.got) == ("failed", [])


@ON_GITEA
@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, True),
        ({"event_types": ["*"]}, True),
        ({"event_types": ["push"]}, True),
        ({"event_types": ["release"]}, False),
        ({"is_active": False}, False),
        ({"branch_filter_type": "exact", "branch_filter": "main"}, True),
        ({"branch_filter_type": "wildcard", "branch_filter": "release/**"}, False),
    ],
)
def test_an_event_goes_to_who_wants_it_once(
    site: Site, receiver: Receiver, values: dict[str, Any], wanted: bool
) -> None:
    enter(site.actor, receiver, **values)
    site.hooked()
    site.world.state.push_file(site.world.widgets, "main", "a", "1")
    site.receive()
    assert deliver() == int(wanted)
    if wanted:
        (got,) = receiver.got
        body = json.loads(got.body)
        assert (body["type"], body["data"]["repository"]) == ("git.push", "acme/widgets")
        assert body["data"]["sha"] == site.world.head


@pytest.mark.parametrize(
    "values",
    [
        {"url": "http://10.0.0.1/hook"},
        {"url": "ftp://example.com/"},
        {"event_types": ["invented"]},
        {"content_type": "text/plain"},
        {"custom_headers": {"Webhook-Signature": "mine"}},
        {"custom_headers": {"X-A": "b\r\nX-C: d"}},
        {"custom_headers": {f"X-{number}": "v" for number in range(21)}},
        {"branch_filter_type": "regex", "branch_filter": "("},
    ],
)
def test_a_receiver_that_could_not_be_told_is_refused(
    actor: Actor, receiver: Receiver, values: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        enter(actor, receiver, **values)


def test_of_a_secret_only_the_ends_are_shown(actor: Actor, receiver: Receiver) -> None:
    config = enter(actor, receiver)
    shown, secret = masked_secret(config), secret_key(config)
    assert shown == secret[:8] + "*" * 24 + secret[-8:]
    assert secret not in config.encrypted_secret_key
