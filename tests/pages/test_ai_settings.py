"""The settings pages of AI providers and prompt templates."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from devops.clients.anthropic.fake import serving
from devops.models import AiConfig, PromptTemplate
from tests.client import ApiClient
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
VALUES = {
    "name": "Claude", "provider": "anthropic", "model": "claude-sonnet-5-5", "base_url": "",
    "api_key": "sk-ant-secret-key", "monthly_budget_usd": "5", "config_type": "chat",
    "max_tokens": "1000", "timeout_seconds": "20", "is_active": "on",
}  # fmt: skip


def text_of(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_a_provider_is_added_tested_and_becomes_the_default(
    alice: ApiClient, settings: Settings
) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    client = signed_in(alice)
    assert "No AI provider" in text_of(client, "/settings/ai")
    with serving() as api:
        added = client.post(
            "/settings/ai/new", {**VALUES, "base_url": api.url, "api_key": api.api_key}
        )
        assert added.status_code == 302
        config = AiConfig.objects.get()
        assert config.is_default
        page = client.post(f"/settings/ai/{config.pk}/test", follow=True).content.decode()
        assert "answers, and knows claude-sonnet-5-5" in page
        assert api.api_key not in page
        AiConfig.objects.update(model="claude-none")
        page = client.post(f"/settings/ai/{config.pk}/test", follow=True).content.decode()
        assert "does not know the model" in page
        assert api.requests == []
    assert "Last test failed" in text_of(client, "/settings/ai")


def test_what_is_wrong_is_said_and_what_was_typed_stays_but_the_key(alice: ApiClient) -> None:
    typed = {**VALUES, "base_url": "http://me:pw@example.com", "name": "Typed"}
    page = signed_in(alice).post("/settings/ai/new", typed)
    assert page.status_code == 400
    text = page.content.decode()
    assert "without user name or password" in text
    assert 'value="Typed"' in text
    assert VALUES["api_key"] not in text


def test_a_viewer_sees_no_providers_but_reads_templates(vera: ApiClient) -> None:
    client = signed_in(vera)
    assert client.get("/settings/ai").status_code == 403
    assert client.get("/settings/prompts").status_code == 200
    assert client.get("/settings/prompts/new").status_code == 403
    assert "/settings/ai" not in text_of(client, "/settings/profile")


def test_starters_are_added_once_versioned_and_previewed(alice: ApiClient) -> None:
    client = signed_in(alice)
    assert "No templates" in text_of(client, "/settings/prompts")
    client.post("/settings/prompts")
    client.post("/settings/prompts")
    assert PromptTemplate.objects.count() == 8
    assert "Security Scan" in text_of(client, "/settings/prompts?category=security")
    review = PromptTemplate.objects.get(slug="code-review")
    address = f"/settings/prompts/{review.pk}"
    shown = client.get(address, {"values": "focus=races\nrepo_full_name=a/b\npr_number=7"})
    assert "Look most of all at: races" in shown.content.decode()
    assert "is undefined" in client.get(address, {"values": "x=1"}).content.decode()

    typed = {"name": "Code Review", "category": "review", "description": "", "content": "{{ a"}
    wrong = client.post(f"{address}/edit", {**typed, "as": "version"})
    assert wrong.status_code == 400
    assert "{{ a" in wrong.content.decode()
    typed |= {"content": "{{ a }}", "defaults": "a=1"}
    client.post(f"{address}/edit", {**typed, "as": "version"})
    newest = PromptTemplate.objects.get(slug="code-review", is_active=True)
    assert (newest.version, newest.variables[0]["default"]) == (2, "1")
    client.post(f"/settings/prompts/{review.pk}/use")
    assert PromptTemplate.objects.get(slug="code-review", is_active=True).version == 1
    client.post(f"/settings/prompts/{newest.pk}/duplicate")
    copy = PromptTemplate.objects.get(slug="code-review-copy")
    client.post(f"/settings/prompts/{copy.pk}/delete")
    assert not PromptTemplate.objects.filter(slug="code-review-copy").exists()
