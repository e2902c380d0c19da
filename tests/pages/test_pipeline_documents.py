"""Pipelines as workflows of others, and workflows of others as pipelines."""

import pytest
from django.test import Client

from pipelines.models import Pipeline
from tests.client import ApiClient
from tests.factories.pipelines import PipelineFactory

pytestmark = pytest.mark.django_db


def signed_in(person: ApiClient) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_pipeline_is_shown_and_downloaded_as_a_workflow(
    alice: ApiClient, charlie: ApiClient
) -> None:
    pipeline = PipelineFactory.create(account=alice.account)
    address = f"{pipeline.url}/workflow?target=gitlab"
    page = signed_in(alice).get(address)
    assert ".gitlab-ci.yml" in page.content.decode()
    file = signed_in(alice).get(f"{address}&download")
    assert file["Content-Disposition"] == 'attachment; filename=".gitlab-ci.yml"'
    assert file.content.startswith(b"# Generated from the pipeline")
    assert signed_in(alice).get(f"{pipeline.url}/workflow?target=x").status_code == 400
    assert signed_in(charlie).get(address).status_code == 404


def test_an_imported_workflow_opens_in_the_editor_unsaved(alice: ApiClient) -> None:
    client = signed_in(alice)
    text = "name: Theirs\non: push\njobs: {a: {steps: [{uses: x/y@v1}, {run: make}]}}\n"
    page = client.post("/pipelines/import", {"text": text}).content.decode()
    assert "Imported, not saved yet" in page
    assert "Line 3: <code>jobs: {a: {steps:" in page
    assert "The action x/y@v1 has no counterpart." in page
    assert 'action="/pipelines/new"' in page
    assert not Pipeline.objects.exists()
    refused = client.post("/pipelines/import", {"text": "jobs: {{"})
    assert refused.status_code == 400
    assert "jobs: {{" in refused.content.decode()


def test_a_pipeline_without_a_file_says_so(alice: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account)
    page = signed_in(alice).get(f"{pipeline.url}/drift", follow=True)
    assert "not kept in a repository" in page.content.decode()
