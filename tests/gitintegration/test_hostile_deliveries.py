"""Every dialect's address under bytes from strangers and from broken hosts: a 4xx with a reason."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client

from devops.models import Repository
from gitintegration.choices import MAX_DELIVERY_BYTES, Dialect
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.endpoints import configure_webhook, reveal_endpoint
from tests.pipelines.conftest import make_actor

pytestmark = pytest.mark.django_db


def _hexed(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _standard(secret: str, body: bytes) -> dict[str, str]:
    number, stamp = uuid.uuid4().hex, str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": number, "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }  # fmt: skip


# How each host signs a push; written from its documentation, apart from the product's own code.
SIGNED: dict[str, Callable[[str, bytes], dict[str, str]]] = {
    Dialect.GIT: _standard,
    Dialect.GITHUB: lambda secret, body: {
        "x-github-event": "push", "x-github-delivery": str(uuid.uuid4()),
        "x-hub-signature-256": "sha256=" + _hexed(secret, body),
    },
    Dialect.GITLAB: lambda secret, _body: {
        "x-gitlab-event": "Push Hook", "x-gitlab-event-uuid": str(uuid.uuid4()),
        "x-gitlab-token": secret,
    },
    Dialect.GITEA: lambda secret, body: {
        "x-gitea-event": "push", "x-gitea-delivery": str(uuid.uuid4()),
        "x-gitea-signature": _hexed(secret, body),
    },
    Dialect.BITBUCKET: lambda secret, body: {
        "x-event-key": "repo:push", "x-request-uuid": str(uuid.uuid4()),
        "x-hub-signature": "sha256=" + _hexed(secret, body),
    },
}  # fmt: skip


@dataclass
class Sender:
    """Somebody who knows an address and perhaps its secret."""

    dialect: str
    path: str
    secret: str

    def post(
        self,
        body: bytes,
        *,
        secret: str | None = None,
        content_type: str = "application/json",
        path: str = "",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, object]]:
        signed = SIGNED[self.dialect](self.secret if secret is None else secret, body)
        answer = Client().generic(
            "POST", path or self.path, body, content_type=content_type,
            headers=signed if headers is None else headers,
        )  # fmt: skip
        return answer.status_code, json.loads(answer.content)


@pytest.fixture(params=list(SIGNED))
def sender(request: pytest.FixtureRequest) -> Sender:
    actor = make_actor()
    repository = Repository.objects.create(
        account_id=actor.account_id, name="r", full_name="o/r", clone_url="/none"
    )
    revealed = reveal_endpoint(actor, configure_webhook(actor, repository, request.param))
    return Sender(request.param, "/" + revealed.url.split("/", 3)[3], revealed.secret)


BODY = json.dumps({"event": "push", "ref": "refs/heads/main", "note": "ä"}).encode()


def test_a_signed_delivery_is_taken_and_its_repetition_told(sender: Sender) -> None:
    status, told = sender.post(BODY)
    again, repeated = sender.post(BODY)

    assert (status, told["result"]) == (202, "accepted")
    assert (again, repeated["result"]) == (200, "duplicate")
    assert repeated["event_id"] == told["event_id"]


def test_a_wrong_secret_and_an_unknown_address_look_alike(sender: Sender) -> None:
    wrong = sender.post(BODY, secret="whsec_" + base64.b64encode(b"x" * 32).decode())
    nobody = sender.post(BODY, path="/api/v1/webhooks/git/" + "x" * 32)
    unsigned = sender.post(BODY, headers={})

    assert {status for status, _ in (wrong, nobody, unsigned)} == {401}
    assert wrong[1] == nobody[1] == unsigned[1]
    assert wrong[1]["code"] == "signature-invalid"
    assert not GitWebhookEvent.objects.exists()


def test_an_altered_byte_is_refused_where_the_body_is_signed(sender: Sender) -> None:
    if sender.dialect == Dialect.GITLAB:
        pytest.skip("GitLab sends its secret and signs nothing")
    headers = SIGNED[sender.dialect](sender.secret, BODY)

    status, told = sender.post(BODY.replace(b"main", b"evil"), headers=headers)

    assert (status, told["code"]) == (401, "signature-invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense", b"[]", b"1", b"null", b'"x"', b"\xff\xfe\x00", b'{"a": NaN}',
        b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}',
        b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}",
    ],
    ids=lambda body: f"{body[:12]!r} of {len(body)}",
)  # fmt: skip
def test_an_authentic_body_that_no_store_takes_is_refused_with_the_reason(
    sender: Sender, body: bytes
) -> None:
    status, told = sender.post(body)

    # Standard Webhooks sign text: what is none cannot have a signature that fits.
    is_text = body != b"\xff\xfe\x00" or sender.dialect != Dialect.GIT
    assert status == (400 if is_text else 401)
    assert told["detail"]
    assert not GitWebhookEvent.objects.exists()


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_another_content_type_is_refused_with_the_way_out(
    sender: Sender, content_type: str
) -> None:
    status, told = sender.post(BODY, content_type=content_type)

    assert status == 415
    assert "JSON" in str(told["remedy"])


def test_a_body_beyond_the_limit_is_refused(sender: Sender) -> None:
    body = b'{"a": "' + b"x" * MAX_DELIVERY_BYTES + b'"}'

    status, told = sender.post(body)

    assert status == 413
    assert "5 MB" in str(told["detail"])


def test_an_event_that_nobody_knows_is_ignored_and_not_stored(sender: Sender) -> None:
    if sender.dialect == Dialect.GIT:
        body, headers = json.dumps({"event": "moonrise"}).encode(), None
    else:
        body = BODY
        headers = SIGNED[sender.dialect](sender.secret, body)
        name = next(key for key in headers if key.endswith(("-event", "event-key")))
        headers[name] = "moonrise"

    status, told = sender.post(body, headers=headers)

    assert (status, told["result"]) == (200, "ignored")
    assert not GitWebhookEvent.objects.exists()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_a_post_delivers(sender: Sender, method: str) -> None:
    answer = Client().generic(method, sender.path, BODY, content_type="application/json")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
