"""Two people, one form: the later save is refused, loses nothing, and wins only deliberately."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model

from devops.access import system_actor
from devops.errors import NotFound
from devops.models import AiConfig, PromptTemplate
from devops.operations.prompt_templates import update_prompt_template
from devops.versions import version_of
from gitintegration.models import GitProvider
from pipelines import selectors
from pipelines.models import Pipeline
from pipelines.operations.definitions import update_pipeline
from tests.client import ApiClient
from tests.factories.devops import client_for
from tests.factories.pipelines import PipelineFactory, ScheduleFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
TEXT = """\
name: Shared
on: [manual]
steps:
  - {name: Greet, uses: run_command, with: {command: "echo hello"}}
"""
PROMPT = {"name": "Ask", "category": "review", "description": "", "content": "Old", "defaults": ""}
MODEL = {
    "name": "Claude", "provider": "anthropic", "model": "claude-x", "monthly_budget_usd": "20.00",
    "config_type": "chat", "max_tokens": "100", "timeout_seconds": "60", "is_active": "on",
}  # fmt: skip
HOST = {"name": "Forge", "web_base_url": "https://forge.example.com", "is_active": "on"}


@dataclass(frozen=True, slots=True)
class Form:
    """A stored row, its form, and the field in which two people meet."""

    row: Model
    page: str
    rest: str
    typed: dict[str, str]
    column: str


def pipeline_form(alice: ApiClient) -> Form:
    signed_in(alice).post("/pipelines/new", {"text": TEXT})
    row = Pipeline.objects.get()
    typed = {"text": TEXT + "description: mine\n"}
    return Form(row, f"{row.url}/edit", "pipelines", typed, "description")


def schedule_form(alice: ApiClient) -> Form:
    pipeline = PipelineFactory.create(account=alice.account)
    row = ScheduleFactory.create(account=alice.account, pipeline=pipeline)
    typed = {
        "name": row.name, "cron_expression": row.cron_expression, "timezone": "UTC",
        "missed": "skip", "overlap": "queue", "jitter_seconds": "0", "ref": "mine",
    }  # fmt: skip
    return Form(row, row.url, "schedules", typed, "ref")


def prompt_form(alice: ApiClient) -> Form:
    signed_in(alice).post("/settings/prompts/new", PROMPT)
    row = PromptTemplate.objects.get()
    typed = {**PROMPT, "description": "mine"}
    return Form(row, f"/settings/prompts/{row.pk}/edit", "prompt_templates", typed, "description")


def provider_form(alice: ApiClient) -> Form:
    signed_in(alice).post("/settings/ai/new", MODEL)
    row = AiConfig.objects.get()
    return Form(row, f"/settings/ai/{row.pk}", "ai_configs", {**MODEL, "model": "mine"}, "model")


def host_form(alice: ApiClient) -> Form:
    made = {"provider_type": "gitea", "name": "Forge", "web_base_url": HOST["web_base_url"]}
    alice.post("git/providers", made).ok(201)
    row = GitProvider.objects.get()
    typed = {**HOST, "description": "mine"}
    return Form(row, f"/git/hosts/{row.pk}", "providers", typed, "description")


FORMS = [pipeline_form, schedule_form, prompt_form, provider_form, host_form]


def path_of(form: Form) -> str:
    area = "git" if isinstance(form.row, GitProvider) else "devops"
    return f"{area}/{form.rest}/{form.row.pk}"


def stored(form: Form) -> Any:
    form.row.refresh_from_db()
    return getattr(form.row, form.column)


@pytest.mark.parametrize("made", FORMS)
def test_a_later_save_is_refused_shows_both_and_wins_deliberately(
    alice: ApiClient, made: Callable[[ApiClient], Form]
) -> None:
    form, client = made(alice), signed_in(alice)
    seen = version_of(form.row)
    opened = client.get(form.page).content.decode()
    assert f'name="seen" value="{seen}"' in opened
    alice.patch(path_of(form), {form.column: "theirs"}).ok()

    refused = client.post(form.page, {**form.typed, "seen": seen})

    assert refused.status_code == 412
    words = refused.content.decode()
    assert "Alice" in words or alice.user.email in words or "token" in words
    assert "theirs" in words
    assert "mine" in words
    assert f'name="seen" value="{seen}"' in words
    assert stored(form) == "theirs"
    # The form alone goes on being refused; the button that says so overwrites.
    assert client.post(form.page, {**form.typed, "seen": seen}).status_code == 412
    now = version_of(form.row)
    assert f'name="seen" value="{now}">Keep mine' in words
    assert client.post(form.page, {**form.typed, "seen": [seen, now]}).status_code == 302
    assert stored(form) == "mine"


@pytest.mark.parametrize("made", FORMS)
def test_rest_heeds_if_match(alice: ApiClient, made: Callable[[ApiClient], Form]) -> None:
    form = made(alice)
    path = path_of(form)
    tag = alice.get(path).headers["ETag"]

    def patch(value: str, condition: str) -> Any:
        return alice.send("PATCH", path, {form.column: value}, if_match=condition)

    changed = patch("first", tag)
    changed.ok()
    assert changed.headers["ETag"] == alice.get(path).headers["ETag"] != tag
    problem = patch("second", tag).problem(412)
    assert problem.code == "stale"
    assert stored(form) == "first"
    patch("third", f"W/{changed.headers['ETag']}").ok()
    patch("fourth", "*").ok()
    patch("fifth", "unquoted").problem(400)
    patch("fifth", f"{tag}, {tag}").problem(400)
    assert stored(form) == "fourth"


def test_a_condition_that_would_not_be_kept_is_refused(alice: ApiClient) -> None:
    form = pipeline_form(alice)
    refused = alice.send("DELETE", path_of(form), if_match='"x"').problem(400)
    assert "not heeded" in refused.detail
    assert Pipeline.objects.filter(deleted_at=None).exists()


def test_switching_a_pipeline_off_is_not_undone_by_an_older_editor(alice: ApiClient) -> None:
    form, client = pipeline_form(alice), signed_in(alice)
    seen = version_of(form.row)
    alice.patch(path_of(form), {"is_active": False}).ok()
    page = client.post(form.page, {"text": TEXT, "active": ["false", "true"], "seen": seen})
    assert page.status_code == 412
    assert not Pipeline.objects.get().is_active


def test_a_partial_change_does_not_bring_back_what_was_changed_meanwhile(alice: ApiClient) -> None:
    pipeline_form(alice)
    actor = system_actor(alice.account.pk)
    [read_before] = selectors.pipelines(actor)
    update_pipeline(actor, selectors.pipeline(actor, read_before.pk), {"description": "theirs"})
    update_pipeline(actor, read_before, {"timeout_minutes": 7})
    changed = Pipeline.objects.get()
    assert (changed.description, changed.timeout_minutes) == ("theirs", 7)


@pytest.mark.django_db(transaction=True)
def test_of_changes_at_the_same_time_from_the_same_state_one_is_made() -> None:
    alice = client_for("alice", role="owner")
    form = pipeline_form(alice)
    tag = alice.get(path_of(form)).headers["ETag"]

    def patch(number: int) -> int:
        try:
            body = {form.column: f"number {number}"}
            return alice.send("PATCH", path_of(form), body, if_match=tag).status
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(patch, range(4)))
    assert statuses == [200, 412, 412, 412]


def test_what_was_taken_away_meanwhile_is_not_found(alice: ApiClient) -> None:
    form = prompt_form(alice)
    actor = system_actor(alice.account.pk)
    row = PromptTemplate.objects.get()
    alice.delete(path_of(form))
    with pytest.raises(NotFound):
        update_prompt_template(actor, row, {"content": "again"})
