import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.test import Client

from containers.models import SecretReference
from devops.models import AuditEvent, Provider, Repository
from gitintegration.models import GitWebhookEvent
from tests.client import Answer, ApiClient
from tests.factories.devops import RepositoryFactory
from tests.factories.pipelines import PipelineFactory, PipelineRepositoryFactory

pytestmark = pytest.mark.django_db

PUSH = {
    "event": "push", "ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40,
    "commits": [], "pusher": "dora",
}  # fmt: skip


@pytest.fixture
def hook(alice: ApiClient) -> dict[str, Any]:
    """The address and secret of a repository's webhook."""
    repository = RepositoryFactory.create(account=alice.account)
    path = f"devops/repositories/{repository.pk}/configure_webhook"
    made: dict[str, Any] = alice.post(path, {"dialect": "git"}).ok(201)
    return made


def deliver(hook: dict[str, Any], body: Any, **changes: Any) -> Answer:
    """Send a delivery as the hook script does; `changes` are headers that differ."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    moment, number = str(int(time.time())), changes.pop("number", "msg_1")
    signed = f"{number}.{moment}.".encode() + changes.pop("signed", raw)
    key = base64.b64decode(hook["secret"].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    headers = {
        "webhook-id": number, "webhook-timestamp": moment, "webhook-signature": f"v1,{signature}",
        **changes.pop("headers", {}),
    }  # fmt: skip
    path = hook["url"].removeprefix("http://127.0.0.1:8000")
    kind = changes.pop("content_type", "application/json")
    return Answer(Client().generic("POST", path, raw, content_type=kind, headers=headers))  # type: ignore[arg-type]


def test_a_signed_delivery_is_accepted_once(alice: ApiClient, hook: dict[str, Any]) -> None:
    first = deliver(hook, PUSH).ok(202)
    assert first["result"] == "accepted"
    again = deliver(hook, PUSH).ok(200)
    assert again == {"result": "duplicate", "event_id": first["event_id"]}
    (row,) = alice.get("git/webhook_events").ok()["results"]
    assert row["id"] == first["event_id"]
    assert row["ref"] == "refs/heads/main"


def test_an_altered_byte_an_unknown_address_and_no_signature_look_alike(
    hook: dict[str, Any],
) -> None:
    altered = deliver(hook, PUSH, signed=b"{}").problem(401).document
    missing = deliver(hook, PUSH, headers={"webhook-signature": ""}).problem(401).document
    unknown = deliver({**hook, "url": hook["url"][:-3] + "xyz"}, PUSH).problem(401).document
    assert altered == missing == unknown
    assert not GitWebhookEvent.objects.exists()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_delivery_of_another_type_is_415(hook: dict[str, Any], kind: str) -> None:
    deliver(hook, PUSH, content_type=kind).problem(415)


def test_a_delivery_beyond_5_mb_is_413(hook: dict[str, Any]) -> None:
    deliver(hook, b'{"a": "' + b"x" * 5 * 1024 * 1024 + b'"}').problem(413)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"a":"\\u0000"}', b"[" * 5000 + b"]" * 5000])
def test_an_authentic_body_that_is_no_object_is_400(hook: dict[str, Any], body: bytes) -> None:
    deliver(hook, body).problem(400)


def test_a_delivery_comes_by_post(hook: dict[str, Any]) -> None:
    path = hook["url"].removeprefix("http://127.0.0.1:8000")
    answer = Answer(Client().get(path))  # type: ignore[arg-type]
    problem = answer.problem(405)
    assert hook["url"].rpartition("/")[2] not in str(problem.document)


def test_deliveries_are_counted_filtered_shown_and_replayed(
    alice: ApiClient, hook: dict[str, Any]
) -> None:
    key = deliver(hook, PUSH).ok(202)["event_id"]
    stats = alice.get("git/webhook_events/stats").ok()
    assert (stats["total"], stats["pending"], stats["success_rate"]) == (1, 1, None)
    assert alice.get("git/webhook_events", {"status": "failed"}).ok()["results"] == []
    detail = alice.get(f"git/webhook_events/{key}").ok()
    assert detail["payload"] == PUSH
    assert "webhook-signature" not in detail["headers"]
    GitWebhookEvent.objects.update(status="failed")
    assert alice.post(f"git/webhook_events/{key}/retry").ok()["status"] == "pending"
    alice.post(f"git/webhook_events/{key}/retry").problem(409)


def test_the_hook_is_shown_once_and_can_be_removed(alice: ApiClient, hook: dict[str, Any]) -> None:
    assert hook["secret"] in hook["hook_script"]
    repository = Repository.objects.get()
    shown = alice.get(f"devops/repositories/{repository.pk}")
    assert shown.ok()["has_webhook"] is True
    assert hook["secret"].encode() not in shown.content
    path = f"devops/repositories/{repository.pk}"
    alice.post(f"{path}/configure_webhook", {}).problem(409)
    assert alice.delete(f"{path}/remove_webhook").status == 204
    alice.delete(f"{path}/remove_webhook").problem(404)
    deliver(hook, PUSH).problem(401)


def test_developers_do_not_see_hook_secrets(bob: ApiClient) -> None:
    repository = RepositoryFactory.create(account=bob.account)
    bob.post(f"devops/repositories/{repository.pk}/configure_webhook", {}).problem(403)


def test_a_repository_is_added_changed_and_removed(alice: ApiClient) -> None:
    body = {"full_name": "team/shop", "clone_url": "https://git.example.com/team/shop.git"}
    made = alice.post("devops/repositories", body).ok(201)
    assert (made["name"], made["default_branch"]) == ("shop", "main")
    alice.post("devops/repositories", body).problem(409)
    path = f"devops/repositories/{made['id']}"
    assert alice.patch(path, {"default_branch": "dev"}).ok()["default_branch"] == "dev"
    assert alice.delete(path).status == 204
    alice.get(path).problem(404)


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c id", "-oProxyCommand=id", "file:///etc", "/etc", "ftp://a/b", "https://", "x"],
)
def test_a_clone_url_that_git_could_misread_is_refused(alice: ApiClient, url: str) -> None:
    body = {"full_name": "a/b", "clone_url": url}
    assert alice.post("devops/repositories", body).problem(400).pointers == ["/clone_url"]


def test_a_pipeline_is_attached_and_detached(alice: ApiClient) -> None:
    repository = RepositoryFactory.create(account=alice.account)
    pipeline = PipelineFactory.create(account=alice.account)
    path = f"devops/repositories/{repository.pk}"
    body = {"pipeline_id": str(pipeline.pk)}
    assert alice.post(f"{path}/attach_pipeline", body).ok()["pipeline_count"] == 1
    alice.post(f"{path}/attach_pipeline", body).problem(409)
    alice.delete(path).problem(409)
    detach = f"{path}/detach_pipeline?pipeline_id={pipeline.pk}"
    assert alice.delete(detach).status == 204
    alice.delete(detach).problem(404)
    alice.delete(f"{path}/detach_pipeline").problem(400)


def test_a_pipeline_shows_its_repositories(alice: ApiClient) -> None:
    link = PipelineRepositoryFactory.create(pipeline__account=alice.account)
    shown = alice.get(f"devops/pipelines/{link.pipeline_id}").ok()
    assert [row["id"] for row in shown["repositories"]] == [str(link.repository_id)]


def test_one_provider_is_the_default(alice: ApiClient) -> None:
    body = {"name": "A", "provider_type": "git", "is_default": True}
    first = alice.post("devops/providers", body).ok(201)
    second = alice.post("devops/providers", {**body, "name": "B"}).ok(201)
    assert second["is_default"] is True
    assert alice.get(f"devops/providers/{first['id']}").ok()["is_default"] is False
    alice.post("devops/providers", body).problem(409)
    bad = {"name": "C", "provider_type": "git", "base_url": "https://u:p@git.example.com"}
    alice.post("devops/providers", bad).problem(400)


def test_a_provider_in_use_cannot_be_deleted(alice: ApiClient) -> None:
    provider = alice.post("devops/providers", {"name": "A", "provider_type": "git"}).ok(201)
    RepositoryFactory.create(account=alice.account, provider=Provider.objects.get())
    problem = alice.delete(f"devops/providers/{provider['id']}").problem(409)
    assert problem.code == "in-use"
    assert "repository" in problem.detail


def test_a_secrets_value_goes_in_and_never_out(alice: ApiClient, bob: ApiClient) -> None:
    body = {"name": "PYPI_TOKEN", "value": "s3cret-value"}
    made = alice.post("devops/secret_references", body).ok(201)
    path = f"devops/secret_references/{made['id']}"
    rotated = alice.post(f"{path}/rotate", {"value": "another-value"}).ok()
    assert rotated["value_version"] == 2
    row = SecretReference.objects.get()
    for client in (alice, bob):
        text = client.get(path).content + client.get("devops/secret_references").content
        assert b"another-value" not in text
        assert row.encrypted_value.encode() not in text
    bob.post(f"{path}/rotate", {"value": "another-value"}).problem(403)
    alice.post("devops/secret_references", body).problem(409)
    assert alice.delete(path).status == 204


@pytest.mark.parametrize(
    ("name", "value", "pointer"),
    [
        ("TOKEN", "short", "/value"),
        ("1TOKEN", "long-enough", "/name"),
        ("a-b", "long-enough", "/name"),
    ],
)
def test_secrets_that_cannot_be_named_or_masked_are_refused(
    alice: ApiClient, name: str, value: str, pointer: str
) -> None:
    body = {"name": name, "value": value}
    assert alice.post("devops/secret_references", body).problem(400).pointers == [pointer]


def test_only_operators_drain_workers(alice: ApiClient) -> None:
    from tests.factories.pipelines import WorkerFactory  # noqa: PLC0415

    worker = WorkerFactory.create()
    path = f"devops/workers/{worker.pk}"
    assert "operator" in alice.post(f"{path}/drain").problem(403).detail
    alice.user.is_staff = True
    alice.user.save()
    assert alice.post(f"{path}/drain").ok()["status"] == "draining"
    assert alice.post(f"{path}/drain").ok()["status"] == "draining"
    assert AuditEvent.objects.filter(action="devops.worker.drain", outcome="done").count() == 1
    assert alice.get("devops/workers", {"status": "draining"}).ok()["results"][0]["id"] == str(
        worker.pk
    )
