"""A pipeline's badge on its settings, and a commit's check above its runs."""

import pytest
from django.test import Client

from pipelines.models import CommitCheck, Pipeline
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory
from tests.factories.pipelines import PipelineFactory, RunFactory
from tests.pages.test_git_ci import signed_in

pytestmark = pytest.mark.django_db
SHA = "ab" * 20


@pytest.fixture
def pipeline(alice: ApiClient) -> Pipeline:
    made: Pipeline = PipelineFactory.create(account=alice.account, slug="shop")
    return made


def settings_page(client: Client) -> str:
    return client.get("/pipelines/shop?tab=settings").content.decode()


def test_a_badge_is_published_copied_and_withdrawn(alice: ApiClient, pipeline: Pipeline) -> None:
    client = signed_in(alice)
    assert "Publish the badge" in settings_page(client)

    client.post("/pipelines/shop/badge")

    pipeline.refresh_from_db()
    path = f"/api/v1/badges/{pipeline.badge_token}.svg"
    page = settings_page(client)
    assert f'src="{path}"' in page
    assert f"{path})](" in page
    assert "Publish the badge" not in page

    client.post("/pipelines/shop/badge", {"action": "withdraw"})
    assert path not in settings_page(client)
    assert Client().get(path).status_code == 404


def test_a_viewer_sees_the_badge_and_no_buttons(vera: ApiClient, pipeline: Pipeline) -> None:
    Pipeline.objects.update(badge_token="x" * 32)
    client = signed_in(vera)
    page = settings_page(client)
    assert "/api/v1/badges/" in page
    assert "/pipelines/shop/badge" not in page
    assert client.post("/pipelines/shop/badge").status_code == 403


def test_another_accounts_pipeline_is_not_there(charlie: ApiClient, pipeline: Pipeline) -> None:
    assert signed_in(charlie).post("/pipelines/shop/badge").status_code == 404
    pipeline.refresh_from_db()
    assert pipeline.badge_token is None


def test_the_runs_of_a_commit_stand_below_what_its_host_was_told(
    alice: ApiClient, charlie: ApiClient, pipeline: Pipeline
) -> None:
    RunFactory.create(account=alice.account, pipeline=pipeline, commit_sha=SHA, title="Mend it")
    RunFactory.create(account=alice.account, pipeline=pipeline, commit_sha="c" * 40, title="Other")
    CommitCheck.objects.create(
        account=alice.account, repository=RepositoryFactory.create(account=alice.account),
        commit_sha=SHA, state="success", description="1 passed, 3 skipped by path.",
    )  # fmt: skip

    page = signed_in(alice).get(f"/runs?commit={SHA}").content.decode()

    assert "Mend it" in page
    assert "Other" not in page
    assert "1 passed, 3 skipped by path." in page
    assert "3 skipped" not in signed_in(charlie).get(f"/runs?commit={SHA}").content.decode()
    assert "3 skipped" not in signed_in(alice).get("/runs").content.decode()
