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
