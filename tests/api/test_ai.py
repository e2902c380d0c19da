"""AI providers and prompt templates over REST."""

import pytest

from devops.ai_spending import access_of
from devops.models import AiConfig, PromptTemplate
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory, PipelineStepFactory

pytestmark = pytest.mark.django_db
KEY = "sk-ant-0123456789"
CONFIG = {"name": "Claude", "provider": "anthropic", "model": "claude-sonnet-5-5", "api_key": KEY}


def test_a_key_goes_in_and_never_out(alice: ApiClient) -> None:
    made = alice.post("devops/ai_configs", {**CONFIG, "parameters": {"max_tokens": 100}}).ok(201)
    assert made["parameters"]["max_tokens"] == 100
    assert made["has_key"] is True
    address = f"devops/ai_configs/{made['id']}"
    for shown in (made, alice.get(address).ok(), alice.get("devops/ai_configs").ok()):
        assert KEY not in str(shown)
    listed = alice.get("devops/ai_configs").ok()["results"][0]
    assert "parameters" not in listed
    assert "usage_stats" not in listed
    row = AiConfig.objects.get()
    assert KEY not in row.encrypted_api_key
    assert access_of(row).api_key == KEY
    assert KEY not in repr(access_of(row))


def test_another_address_forgets_the_key(alice: ApiClient) -> None:
    made = alice.post("devops/ai_configs", CONFIG).ok(201)
    address = f"devops/ai_configs/{made['id']}"
    assert alice.patch(address, {"description": "ours"}).ok()["has_key"] is True
    changed = alice.patch(address, {"base_url": "https://thief.example.com"}).ok()
    assert changed["has_key"] is False
    again = {"base_url": "https://gateway.example.com", "api_key": KEY}
    assert alice.patch(address, again).ok()["has_key"] is True


def test_one_default_of_a_kind_that_cannot_be_deleted(alice: ApiClient) -> None:
    first = alice.post("devops/ai_configs", {**CONFIG, "is_default": True}).ok(201)
    second = alice.post("devops/ai_configs", {**CONFIG, "name": "Second"}).ok(201)
    code = alice.post(
        "devops/ai_configs",
        {**CONFIG, "name": "Code", "config_type": "code_review", "is_default": True},
    ).ok(201)
    alice.delete(f"devops/ai_configs/{first['id']}").problem(409)
    alice.post(f"devops/ai_configs/{second['id']}/set_default").ok()
    defaults = set(AiConfig.objects.filter(is_default=True).values_list("name", flat=True))
    assert defaults == {"Second", "Code"}
    alice.patch(f"devops/ai_configs/{code['id']}", {"is_default": False}).problem(409)
    assert alice.delete(f"devops/ai_configs/{first['id']}").status == 204
    named = alice.post("devops/ai_configs", {**CONFIG, "name": "Second"}).problem(409)
    assert "Second" in named.detail


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"parameters": {"temperature": 2.1}}, "/parameters/temperature"),
        ({"monthly_budget_usd": "-1"}, "/monthly_budget_usd"),
        ({"base_url": "https://me:pass@example.com"}, "/base_url"),
        ({"base_url": "file:///etc/passwd"}, "/base_url"),
        ({"api_key": "short"}, "/api_key"),
        ({"settings": {"prices": {"m": {"input": "free"}}}}, "/settings/prices"),
        ({"config_type": "magic"}, "/config_type"),
    ],
)
def test_what_is_out_of_range_is_named(
    alice: ApiClient, change: dict[str, object], pointer: str
) -> None:
    assert alice.post("devops/ai_configs", {**CONFIG, **change}).problem(400).pointers == [pointer]


def test_filters_of_both_lists(alice: ApiClient) -> None:
    alice.post("devops/ai_configs", CONFIG).ok(201)
    assert len(alice.get("devops/ai_configs", {"provider": "anthropic"}).ok()["results"]) == 1
    assert alice.get("devops/ai_configs", {"type": "embedding"}).ok()["results"] == []
    made = alice.post("devops/prompt_templates", {"name": "Mine", "content": "x"}).ok(201)
    alice.post(f"devops/prompt_templates/{made['id']}/new_version", {"content": "y"}).ok(201)
    active = alice.get("devops/prompt_templates", {"is_active": "true"}).ok()["results"]
    assert [row["content"] for row in active] == ["y"]
    roots = alice.get("devops/prompt_templates", {"root_only": "true"}).ok()["results"]
    assert [row["content"] for row in roots] == ["x"]
    assert alice.get("devops/prompt_templates", {"category": "docs"}).ok()["results"] == []


def test_versions_share_a_slug_and_one_is_active(alice: ApiClient) -> None:
    first = alice.post("devops/prompt_templates", {"name": "Über Ärger", "content": "{{ a }}"}).ok(
        201
    )
    assert (first["slug"], first["version"], first["variable_names"]) == ("uber-arger", 1, ["a"])
    second = alice.post(f"devops/prompt_templates/{first['id']}/new_version", {"content": "2"}).ok(
        201
    )
    third = alice.post(f"devops/prompt_templates/{second['id']}/new_version", {}).ok(201)
    assert (third["version"], third["parent_template_id"]) == (3, first["id"])
    shown = alice.get(f"devops/prompt_templates/{first['id']}", {"include_versions": "true"}).ok()
    assert [each["version"] for each in shown["versions"]] == [3, 2, 1]
    assert [each["is_active"] for each in shown["versions"]] == [True, False, False]
    alice.patch(f"devops/prompt_templates/{first['id']}", {"is_active": True}).ok()
    active = PromptTemplate.objects.get(slug="uber-arger", is_active=True)
    assert str(active.pk) == first["id"]
    copy = alice.post(f"devops/prompt_templates/{first['id']}/duplicate").ok(201)
    assert (copy["name"], copy["version"], copy["slug"]) == (
        "Über Ärger (Copy)", 1, "uber-arger-copy",
    )  # fmt: skip


def test_a_preview_names_what_is_missing(alice: ApiClient) -> None:
    body = {"name": "P", "content": "{{ a }} {{ b }}", "variables": [{"name": "a", "default": "1"}]}
    made = alice.post("devops/prompt_templates", body).ok(201)
    address = f"devops/prompt_templates/{made['id']}/preview"
    assert "'b' is undefined" in alice.post(address, {"variables": {}}).problem(400).detail
    shown = alice.post(address, {"variables": {"b": "<script>"}}).ok()
    assert shown["rendered_content"] == "1 <script>"
    assert shown["variables_used"] == ["a", "b"]
    wrong = alice.post("devops/prompt_templates", {"name": "W", "content": "{% if"}).problem(400)
    assert wrong.pointers == ["/content"]


def test_a_template_that_a_step_names_is_not_deleted(alice: ApiClient) -> None:
    made = alice.post("devops/prompt_templates", {"name": "Used", "content": "x"}).ok(201)
    pipeline = PipelineFactory.create(account=alice.account, name="Reviewing")
    step = PipelineStepFactory.create(
        pipeline=pipeline, step_type="claude_execute", configuration={"prompt_template": "used"}
    )
    address = f"devops/prompt_templates/{made['id']}"
    problem = alice.delete(address).problem(409)
    assert problem.code == "in-use"
    assert "Reviewing" in problem.detail
    assert alice.get(address).ok()["usage_count"] == 1
    step.delete()
    assert alice.delete(address).status == 204


def test_a_system_template_keeps_its_text(alice: ApiClient) -> None:
    made = alice.post("devops/prompt_templates", {"name": "Ours", "content": "x"}).ok(201)
    PromptTemplate.objects.update(is_system=True)
    address = f"devops/prompt_templates/{made['id']}"
    alice.patch(address, {"content": "mine"}).problem(409)
    version = alice.post(f"{address}/new_version", {"content": "mine"}).ok(201)
    assert (version["is_system"], version["content"]) == (False, "mine")
