"""The pages of templates."""

from typing import Any

import pytest

from pipelines.models import Pipeline, PipelineTemplate
from pipelines.operations.builtin_templates import sync_builtin_templates
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory, PipelineTemplateFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db


def text(page: Any) -> str:
    assert page.status_code < 400, page.content.decode()[:2000]
    words: str = page.content.decode()
    return words


def test_the_built_in_ones_are_there_and_found(alice: ApiClient) -> None:
    sync_builtin_templates()
    client = signed_in(alice)
    assert "Docker image" in text(client.get("/marketplace"))
    found = text(client.get("/marketplace?search=python+report&category=implement"))
    assert "Python tests" in found
    assert "Docker image" not in found
    assert "No template matches" in text(client.get("/marketplace?whose=own"))


def test_a_template_is_installed_with_typed_variables(alice: ApiClient) -> None:
    sync_builtin_templates()
    client = signed_in(alice)
    page = text(client.get("/marketplace/docker-image"))
    assert "Runs commands on a worker: Build, Save." in page
    refused = client.post("/marketplace/docker-image", {"name": "Shop"})
    assert refused.status_code == 400
    # An empty field of a form is no value.
    assert b"is required" in refused.content
    values = {"name": "Shop", "variable-image": "shop/web", "variable-dockerfile": "Dockerfile"}
    page = text(client.post("/marketplace/docker-image", values, follow=True))
    assert "Shop is installed" in page
    made = Pipeline.objects.get(slug="shop")
    assert made.environment["IMAGE"] == "shop/web"


def test_a_template_is_made_published_rated_and_put_away(alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account, environment={"PLACE": "berlin"})
    client = signed_in(alice)
    page = text(client.post(f"/pipelines/{pipeline.slug}/template", follow=True))
    assert "Left behind: /environment/PLACE" in page
    row = PipelineTemplate.objects.get(source_pipeline=pipeline)
    assert "now published" in text(client.post(f"{row.url}/publish", follow=True))
    assert "4.00 of 5 by 1" in text(client.post(f"{row.url}/rate", {"rating": "4"}, follow=True))
    client.post(f"{row.url}/rate", {"rating": "six"})
    row.refresh_from_db()
    assert (row.rating_count, str(row.rating)) == (1, "4.00")
    assert "now draft" in text(client.post(f"{row.url}/unpublish", follow=True))
    assert "now archived" in text(client.post(f"{row.url}/archive", follow=True))
    assert "is deleted" in text(client.post(f"{row.url}/delete", follow=True))


def test_whoever_may_only_look_installs_nothing(vera: ApiClient, alice: ApiClient) -> None:
    row = PipelineTemplateFactory.create(account=alice.account)
    client = signed_in(vera)
    assert "Install</button>" not in text(client.get(row.url))
    assert client.post(row.url, {"name": "x"}).status_code == 403
    assert client.post(f"{row.url}/delete").status_code == 403
    assert not Pipeline.objects.filter(account=alice.account).exists()


def test_versions_are_listed_installed_and_brought_to_pipelines(alice: ApiClient) -> None:
    client = signed_in(alice)
    row = PipelineTemplateFactory.create(account=alice.account, name="Greet")
    text(client.post(f"{row.url}/publish", follow=True))
    hello = row.pipeline_definition["steps"][0]
    louder = {**hello, "configuration": {"command": "echo HELLO"}}
    alice.patch(
        f"devops/pipeline_templates/{row.slug}",
        {"version": "1.1.0", "changelog": "Louder.", "pipeline_definition": {"steps": [louder]}},
    ).ok()
    page = text(client.get(row.url))
    assert "Louder." in page
    assert 'aria-current="true">1.1.0</a>' in page
    old = text(client.get(f"{row.url}?version=1.0.0"))
    assert "This is version 1.0.0." in old
    assert "echo hello" in old
    assert client.get(f"{row.url}?version=7.0.0").status_code == 404

    text(client.post(row.url, {"name": "Mine", "version": "1.0.0"}, follow=True))
    shown = text(client.get("/pipelines/mine"))
    assert "Update to 1.1.0…" in shown
    update = text(client.get("/pipelines/mine/update"))
    assert "Louder." in update
    assert "command: echo HELLO" in update
    pipeline = Pipeline.objects.get(slug="mine")
    stale = client.post("/pipelines/mine/update", {"act": "update", "seen_version": "99"})
    assert stale.status_code == 409
    assert b"Not updated." in stale.content
    done = client.post(
        "/pipelines/mine/update",
        {"act": "update", "version": "1.1.0", "seen_version": pipeline.definition_version},
        follow=True,
    )
    assert "Mine follows Greet 1.1.0." in text(done)
    assert pipeline.steps.get().configuration == {"command": "echo HELLO"}
    assert "There is no newer version of Greet." in text(client.get("/pipelines/mine/update"))


def test_values_of_an_update_are_typed_and_conflicts_chosen(
    alice: ApiClient, vera: ApiClient
) -> None:
    client = signed_in(alice)
    row = PipelineTemplateFactory.create(account=alice.account, name="Greet")
    text(client.post(f"{row.url}/publish", follow=True))
    text(client.post(row.url, {"name": "Mine"}, follow=True))
    hello = row.pipeline_definition["steps"][0]
    ours, theirs = (
        {**hello, "configuration": {"command": f"echo {word}"}} for word in ("ours", "theirs")
    )
    pipeline = Pipeline.objects.get(slug="mine")
    alice.patch(f"devops/pipelines/{pipeline.pk}", {"steps": [ours]}).ok()
    needed = {"type": "number", "required": True, "sets": ["/timeout_minutes"]}
    alice.patch(
        f"devops/pipeline_templates/{row.slug}",
        {"version": "2.0.0", "pipeline_definition": {"steps": [theirs]},
         "default_variables": {"minutes": needed}},
    ).ok()  # fmt: skip
    asked = text(client.get("/pipelines/mine/update"))
    assert "The version needs other values." in asked
    values = {"variable-minutes": "9", "version": "2.0.0"}
    looked = text(client.post("/pipelines/mine/update", {**values, "act": "look"}))
    assert "This pipeline was changed here" in looked
    assert "/steps/hello/configuration/command" in looked
    assert "timeout_minutes: 9" in looked
    looker = signed_in(vera)
    assert "Update to 2.0.0</button>" not in text(looker.get("/pipelines/mine/update"))
    assert looker.post("/pipelines/mine/update", {**values, "act": "update"}).status_code == 403
    text(client.post(
        "/pipelines/mine/update", {**values, "act": "update", "prefer": "template"}, follow=True
    ))  # fmt: skip
    pipeline.refresh_from_db()
    assert (pipeline.timeout_minutes, pipeline.steps.get().configuration) == (
        9, {"command": "echo theirs"},
    )  # fmt: skip
