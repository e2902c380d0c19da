"""The pages of deliveries, receivers and workflow triggers."""

import json

import pytest
from django.test import Client

from devops.models import WebhookDelivery
from gitintegration.choices import WebhookEventStatus
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitWebhookEvent,
    GitWorkflowTrigger,
)
from gitintegration.operations.account_webhooks import secret_key
from tests.client import ApiClient
from tests.factories.gitintegration import (
    AccountWebhookFactory,
    WebhookEventFactory,
    WorkflowTriggerFactory,
)

pytestmark = pytest.mark.django_db
RECEIVER = {
    "name": "Chat", "url": "https://93.184.215.14/hook", "timeout_seconds": "10",
    "retry_limit": "3", "event_types": ["push"], "branch_filter_type": "wildcard",
    "branch_filter": "release/*", "custom_headers": "X-Team: blue",
    "content_type": "application/json", "retry_backoff": "exponential",
}  # fmt: skip
TRIGGER = {
    "name": "Deploy", "event_type": "push", "kind": "webhook",
    "url": "https://93.184.215.14/start", "branch_pattern": "main",
}  # fmt: skip


def signed_in(person: ApiClient) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("/webhooks", "Nothing arrived yet"),
        ("/webhooks/receivers", "Nobody is told yet"),
        ("/webhooks/receivers/new", "New receiver"),
        ("/webhooks/triggers", "No rules yet"),
        ("/webhooks/triggers/new", "New trigger"),
    ],
)
def test_an_empty_page_says_what_to_do(alice: ApiClient, address: str, word: str) -> None:
    page = signed_in(alice).get(address)

    assert page.status_code == 200
    assert word in page.content.decode()


def test_a_delivery_shows_its_payload_as_text_only(alice: ApiClient) -> None:
    event = WebhookEventFactory.create(
        account=alice.account, payload={"commits": [{"message": "<script>x</script>"}]},
        headers={"x-github-event": "push"},
    )  # fmt: skip

    body = signed_in(alice).get(f"/webhooks/{event.pk}").content.decode()

    assert "<script>x" not in body
    assert "&lt;script&gt;x" in body
    assert "x-github-event" in body


def test_a_redelivery_is_a_copy_that_leads_back(alice: ApiClient) -> None:
    event = WebhookEventFactory.create(account=alice.account)
    client = signed_in(alice)

    page = client.post(f"/webhooks/{event.pk}/redeliver", follow=True)

    copy = GitWebhookEvent.objects.exclude(pk=event.pk).get()
    assert f'href="/webhooks/{event.pk}"' in page.content.decode()
    original = client.get(f"/webhooks/{event.pk}").content.decode()
    assert f'href="/webhooks/{copy.pk}"' in original


def test_a_failed_delivery_can_be_retried_three_times(alice: ApiClient) -> None:
    event = WebhookEventFactory.create(
        account=alice.account, status=WebhookEventStatus.FAILED, retry_count=3
    )

    body = signed_in(alice).get(f"/webhooks/{event.pk}").content.decode()

    assert "/retry" not in body
    assert "/redeliver" in body


def test_the_list_is_filtered_by_what_came(alice: ApiClient) -> None:
    WebhookEventFactory.create(account=alice.account, event_type="push", result="One run started")
    WebhookEventFactory.create(account=alice.account, event_type="issue", result="Nothing to do")

    body = signed_in(alice).get("/webhooks?type=issue").content.decode()

    assert "Nothing to do" in body
    assert "One run started" not in body


def test_a_receiver_shows_its_secrets_once(alice: ApiClient) -> None:
    client = signed_in(alice)

    made = client.post("/webhooks/receivers/new", RECEIVER)

    config = AccountGitWebhookConfig.objects.get()
    secret = secret_key(config)
    assert secret in made.content.decode()
    assert made["Cache-Control"] == "no-store"
    assert config.custom_headers == {"X-Team": "blue"}
    again = client.get(f"/webhooks/receivers/{config.pk}").content.decode()
    assert secret not in again
    assert secret not in client.get(f"/webhooks/receivers/{config.pk}/edit").content.decode()


def test_a_rotated_secret_is_shown_once_with_its_overlap(alice: ApiClient) -> None:
    config = AccountWebhookFactory.create(account=alice.account)
    client = signed_in(alice)

    page = client.post(f"/webhooks/receivers/{config.pk}/rotate").content.decode()

    config.refresh_from_db()
    assert secret_key(config) in page
    assert "signed with the old secret as well" in page
    assert secret_key(config) not in client.get(f"/webhooks/receivers/{config.pk}").content.decode()


def test_a_receiver_that_cannot_be_keeps_what_was_typed(alice: ApiClient) -> None:
    values = {**RECEIVER, "url": "ftp://files.example.com", "custom_headers": "Host: x"}
    client = signed_in(alice)

    page = client.post("/webhooks/receivers/new", values)

    assert page.status_code == 400
    assert page.context["form"].errors["url"]
    assert "ftp://files.example.com" in page.content.decode()
    assert AccountGitWebhookConfig.objects.count() == 0


def test_a_test_is_listed_and_sent_again_once_it_ended(alice: ApiClient) -> None:
    config = AccountWebhookFactory.create(account=alice.account)
    client = signed_in(alice)

    page = client.post(f"/webhooks/receivers/{config.pk}/test", follow=True).content.decode()
    assert "test.webhook" in page
    delivery = WebhookDelivery.objects.get()
    address = f"/webhooks/receivers/{config.pk}/deliveries/{delivery.pk}/resend"
    assert address not in page
    WebhookDelivery.objects.update(status="failed", last_error="503", tries=[])
    assert address in client.get(f"/webhooks/receivers/{config.pk}").content.decode()
    client.post(address)
    delivery.refresh_from_db()
    assert delivery.status == "pending"


def test_switching_a_receiver_on_forgives_its_failures(alice: ApiClient) -> None:
    config = AccountWebhookFactory.create(
        account=alice.account,
        is_active=False,
        disabled_reason="10 in a row",
        consecutive_failures=10,
    )
    client = signed_in(alice)
    address = f"/webhooks/receivers/{config.pk}"
    assert "Switched off by itself" in client.get(address).content.decode()

    client.post(f"{address}/active", {"active": ["false", "true"]})

    config.refresh_from_db()
    assert config.is_active
    assert config.consecutive_failures == 0


def test_a_rule_is_tried_without_being_fired(alice: ApiClient) -> None:
    client = signed_in(alice)
    client.post("/webhooks/triggers/new", TRIGGER)
    rule = GitWorkflowTrigger.objects.get()
    address = f"/webhooks/triggers/{rule.pk}/try"

    assert "It would fire." in client.post(address).content.decode()
    body = {"ref": "refs/heads/other", "before": "a" * 40, "after": "b" * 40, "commits": []}
    other = client.post(address, {"sample": json.dumps(body)})
    assert "The branch other does not match main." in other.content.decode()
    refused = client.post(address, {"sample": "[1]"})
    assert refused.status_code == 422
    assert "give a JSON object" in refused.content.decode()
    rule.refresh_from_db()
    assert rule.trigger_count == 0


def test_a_rule_with_a_bad_address_says_so_at_the_address(alice: ApiClient) -> None:
    page = signed_in(alice).post("/webhooks/triggers/new", {**TRIGGER, "url": "file:///etc/passwd"})

    assert page.status_code == 400
    assert page.context["form"].errors["url"]


def test_others_find_and_change_nothing(
    alice: ApiClient, charlie: ApiClient, vera: ApiClient
) -> None:
    config = AccountWebhookFactory.create(account=alice.account)
    rule = WorkflowTriggerFactory.create(account=alice.account)
    event = WebhookEventFactory.create(account=alice.account)
    stranger, viewer = signed_in(charlie), signed_in(vera)

    for address in (
        f"/webhooks/receivers/{config.pk}", f"/webhooks/triggers/{rule.pk}", f"/webhooks/{event.pk}"
    ):  # fmt: skip
        assert stranger.get(address).status_code == 404, address
    assert stranger.post(f"/webhooks/receivers/{config.pk}/delete").status_code == 404
    assert viewer.get("/webhooks/receivers").status_code == 403
    assert viewer.post(f"/webhooks/{event.pk}/redeliver").status_code in {302, 403}
    assert AccountGitWebhookConfig.objects.count() == 1
    assert GitWebhookEvent.objects.count() == 1
