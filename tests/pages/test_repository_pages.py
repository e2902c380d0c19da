"""What a repository's page does to its pipelines."""

import pytest
from django.test import Client

from pipelines.models import PipelineRepository
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory
from tests.factories.pipelines import PipelineFactory, PipelineRepositoryFactory

pytestmark = pytest.mark.django_db


def signed_in(person: ApiClient) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_detached_pipeline_is_no_longer_started(alice: ApiClient, charlie: ApiClient) -> None:
    pipeline = PipelineFactory.create(account=alice.account)
    repository = RepositoryFactory.create(account=alice.account)
    PipelineRepositoryFactory.create(pipeline=pipeline, repository=repository)
    address = f"/repositories/{repository.pk}/detach"

    refused = signed_in(charlie).post(address, {"pipeline": str(pipeline.pk)})
    assert refused.status_code == 404
    assert PipelineRepository.objects.count() == 1

    page = signed_in(alice).post(address, {"pipeline": str(pipeline.pk)}, follow=True)
    assert "no longer start" in page.content.decode()
    assert PipelineRepository.objects.count() == 0
