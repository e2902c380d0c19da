"""Deliveries are verified over their raw bytes, stored once, understood later."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from devops.access import Actor
from devops.errors import DomainError, Invalid
from devops.models import OutboxMessage, Repository
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.deliveries import (
    NotAuthentic,
    Receipt,
    receive_delivery,
    replay_delivery,
)
from gitintegration.operations.endpoints import configure_webhook, reveal_endpoint
from gitintegration.operations.processing import (
    process_delivery,
    process_waiting,
    sweep_deliveries,
)
from tests.pipelines.conftest import in_threads, make_actor

SHA, BEFORE = "a" * 40, "b" * 40


class Sender:
    """A git host that knows a repository's address and secret."""

    def __init__(self, dialect: str) -> None:
        self.actor: Actor = make_actor()
        self.dialect = dialect
        self.repository = Repository.objects.create(
            account_id=self.actor.account_id, name="r", full_name="o/r", clone_url="/none"
        )
        self.endpoint = configure_webhook(self.actor, self.repository, dialect)
        revealed = reveal_endpoint(self.actor, self.endpoint)
        self.token, self.secret = revealed.url.rsplit("/", 1)[1], revealed.secret

    def body(self, **more: Any) -> bytes:
        """A push as the dialect words it."""
        push = {"ref": "refs/heads/main", "before": BEFORE, "after": SHA, "commits": []}
        event = {"event": "push"} if self.dialect == "git" else {"sender": {"login": "me"}}
        return json.dumps({**event, **push, **more}).encode()

    def headers(self, body: bytes, *, delivery: str = "", moment: int = 0) -> dict[str, str]:
        """The signed headers of a delivery."""
        number = delivery or uuid.uuid4().hex
        if self.dialect == "github":
            hexed = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
            return {"x-github-event": "push", "x-github-delivery": number,
                    "x-hub-signature-256": f"sha256={hexed}"}  # fmt: skip
        stamp = str(moment or int(time.time()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        mac = hmac.new(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
        return {"webhook-id": number, "webhook-timestamp": stamp,
                "webhook-signature": "v1," + base64.b64encode(mac).decode()}  # fmt: skip

    def send(self, body: bytes | None = None, **how: Any) -> Receipt:
        """Deliver."""
        body = self.body() if body is None else body
        return receive_delivery(self.token, self.headers(body, **how), body)


@pytest.fixture(params=["git", "github"])
def sender(request: pytest.FixtureRequest, db: None) -> Sender:
    """One of each dialect."""
    return Sender(request.param)


def test_a_signed_push_is_stored_and_becomes_an_event(sender: Sender) -> None:
    receipt = sender.send()
    process_delivery(str(receipt.event_id))

    event = GitWebhookEvent.objects.get()
    assert (receipt.result, event.status, event.ref) == ("accepted", "processed", "refs/heads/main")
    message = OutboxMessage.objects.get(name="git.push")
    assert (message.payload["branch"], message.payload["sha"]) == ("main", SHA)
    sender.endpoint.refresh_from_db()
    assert sender.endpoint.delivery_count == 1


def test_processing_twice_tells_once(sender: Sender) -> None:
    receipt = sender.send()

    for _ in range(3):
        process_delivery(str(receipt.event_id))

    assert OutboxMessage.objects.filter(name="git.push").count() == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers, body: (headers, body[:-1] + b" "),
        lambda _headers, body: ({}, body),
        lambda headers, body: (
            {**headers, "x-hub-signature-256": "", "webhook-signature": ""},
            body,
        ),
        lambda headers, body: (
            {**headers, "x-hub-signature-256": "sha1=" + "0" * 40, "webhook-signature": "v0,AAAA"},
            body,
        ),
        lambda headers, body: (
            {**headers, "x-hub-signature-256": "sha256=é", "webhook-signature": "v1,é"}, body,
        ),
        lambda headers, body: ({**headers, "webhook-signature": "nonsense",
                                "x-hub-signature-256": "nonsense"}, body),
    ],
)  # fmt: skip
def test_a_delivery_that_was_altered_or_not_signed_is_refused(sender: Sender, spoil: Any) -> None:
    body = sender.body()
    headers, body = spoil(sender.headers(body), body)

    with pytest.raises(NotAuthentic):
        receive_delivery(sender.token, headers, body)

    sender.endpoint.refresh_from_db()
    assert sender.endpoint.rejected_count == 1
    assert not GitWebhookEvent.objects.exists()


def test_an_unknown_address_looks_like_a_wrong_signature(sender: Sender) -> None:
    body = sender.body()

    with pytest.raises(NotAuthentic, match="could not be verified"):
        receive_delivery("unknown", sender.headers(body), body)


@pytest.mark.parametrize("age", [-301, 301])
def test_a_plain_git_delivery_of_another_time_is_refused(db: None, age: int) -> None:
    sender = Sender("git")
    body = sender.body()

    with pytest.raises(NotAuthentic):
        receive_delivery(sender.token, sender.headers(body, moment=int(time.time()) + age), body)


def test_a_replay_is_a_duplicate_of_the_same_event(sender: Sender) -> None:
    first = sender.send(delivery="1")

    again = sender.send(delivery="1")
    rewritten = sender.send(delivery="2")

    assert (again.result, again.event_id) == ("duplicate", first.event_id)
    assert (rewritten.result, rewritten.event_id) == ("duplicate", first.event_id)


def test_an_event_that_means_nothing_is_ignored_and_not_stored(sender: Sender) -> None:
    body = sender.body(event="star")
    headers = {**sender.headers(body), "x-github-event": "star"}

    assert receive_delivery(sender.token, headers, body) == Receipt("ignored", None)
    assert not GitWebhookEvent.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"nonsense", b"[]", b"1", b'"x"', b"null", b"\xff\xfe",
        b"[" * 100_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"event":"push","a":"\\u0000"}', b'{"event":"push","a":"\\ud800"}',
        b'{"event":"push","event":"push"}', b'{"a":NaN}', b'{"a":' + b"9" * 5_000 + b"}",
        b'{"event":"push","a":"' + b"x" * (5 * 1024 * 1024) + b'"}',
    ],
    ids=lambda body: body[:20],
)  # fmt: skip
def test_a_signed_body_that_is_no_acceptable_json_is_refused_in_words(
    sender: Sender, body: bytes
) -> None:
    with pytest.raises((Invalid, NotAuthentic)) as refusal:
        sender.send(body)

    assert isinstance(refusal.value, DomainError)
    assert refusal.value.status in {400, 401}
    assert not GitWebhookEvent.objects.exists()


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"after": "0" * 40}, "ignored"),
        ({"ref": "refs/notes/x"}, "ignored"),
        ({"after": "--upload-pack=x"}, "failed"),
        ({"after": "A" * 40}, "failed"),
        ({"before": None}, "failed"),
        ({"commits": 5}, "failed"),
        ({"commits": ["x"]}, "failed"),
        ({"commits": [{"sha": 1, "id": 1, "message": 2}]}, "processed"),
        ({"ref": "refs/heads/" + "x" * 250}, "processed"),
    ],
)
def test_odd_pushes_end_in_a_state_that_says_so(
    sender: Sender, more: dict[str, Any], status: str
) -> None:
    receipt = sender.send(sender.body(**more))

    process_delivery(str(receipt.event_id))

    event = GitWebhookEvent.objects.get()
    assert event.status == status
    assert event.result or event.error_message


def test_two_pushes_of_a_long_branch_have_two_keys(sender: Sender) -> None:
    ref = "refs/heads/" + "x" * 100
    for after in ("1" * 40, "2" * 40):
        process_delivery(str(sender.send(sender.body(ref=ref, after=after)).event_id))

    keys = {message.payload["key"] for message in OutboxMessage.objects.filter(name="git.push")}
    assert len(keys) == 2
    assert all(len(key) <= 80 for key in keys)


def test_a_delivery_whose_task_was_lost_is_found_again(sender: Sender) -> None:
    receipt = sender.send()
    GitWebhookEvent.objects.update(status="processing", next_attempt_at="2020-01-01T00:00Z")

    assert sweep_deliveries() == 1

    process_delivery(str(receipt.event_id))
    assert GitWebhookEvent.objects.get().status == "processed"


def test_a_delivery_is_replayed_by_hand(sender: Sender) -> None:
    receipt = sender.send()
    process_delivery(str(receipt.event_id))

    replay_delivery(sender.actor, GitWebhookEvent.objects.get())

    assert GitWebhookEvent.objects.get().status == "pending"


@pytest.mark.parametrize("dialect", ["git", "github"])
def test_one_push_delivered_by_six_at_once_is_stored_once(
    transactional_db: None, dialect: str, tmp_path: Path
) -> None:
    sender = Sender(dialect)
    bodies = [sender.body(number=number) for number in range(10)]

    def deliver(index: int) -> list[str]:
        # Half of the senders rewrite the unsigned delivery id.
        return [
            sender.send(body, delivery=f"{number}" if index % 2 else f"{index}-{number}").result
            for number, body in enumerate(bodies)
        ]

    results = in_threads(6, deliver)

    flat = [result for each in results for result in each]
    assert flat.count("accepted") == len(bodies)
    assert flat.count("duplicate") == 5 * len(bodies)
    assert GitWebhookEvent.objects.count() == len(bodies)
    assert connection.is_usable()


def test_what_waits_is_understood_together_and_once(sender: Sender) -> None:
    pushes = [("c" * 40, SHA), (SHA, BEFORE), ("d" * 40, "c" * 40)]
    receipts = [sender.send(sender.body(after=after, before=before)) for after, before in pushes]
    other = sender.send(sender.body(ref="refs/heads/other"))

    assert process_waiting() == []
    assert process_waiting() == []

    told = OutboxMessage.objects.filter(name="git.push").order_by("id")
    assert [message.payload["event_id"] for message in told] == [
        str(receipt.event_id) for receipt in [*receipts, other]
    ]
    # The second one pushed what the first had replaced already.
    assert [message.payload["is_superseded"] for message in told] == [False, True, False, False]
    assert set(GitWebhookEvent.objects.values_list("status", "attempts")) == {("processed", 1)}


def test_a_batch_needs_hardly_more_queries_than_one(
    sender: Sender, django_assert_max_num_queries: Any
) -> None:
    for number in range(10):
        sender.send(sender.body(after=f"{number + 1:040x}"))
    # Reading, locking, mirrors, later pushes, receivers, rules; then four for each.
    with django_assert_max_num_queries(8 + 10 * 4 + 3):
        process_waiting()
    assert OutboxMessage.objects.filter(name="git.push").count() == 10


def test_what_cannot_be_read_stops_nothing_else(sender: Sender) -> None:
    broken = sender.send(sender.body(after="c" * 40))
    rows = GitWebhookEvent.objects.filter(pk=str(broken.event_id))
    rows.update(dialect="cvs")
    sound = sender.send()

    process_waiting()

    told = OutboxMessage.objects.get(name="git.push")
    assert told.payload["event_id"] == str(sound.event_id)
    # Counted, so that it is the sweeper's from now on.
    event = rows.get()
    assert (event.status, event.attempts) == ("pending", 1)
    assert process_waiting() == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_of_each_delivery_once() -> None:
    sender = Sender("git")
    for number in range(12):
        sender.send(sender.body(after=f"{number + 1:040x}"))
    in_threads(4, lambda _number: process_waiting())
    assert OutboxMessage.objects.filter(name="git.push").count() == 12
