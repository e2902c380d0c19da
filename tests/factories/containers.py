"""Rows of the containers app."""

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from containers.models import ContainerInstance, DockerHost, SecretReference
from tests.factories.devops import AccountFactory


class SecretFactory(DjangoModelFactory[SecretReference]):
    """A secret without a value; use the operation for one with."""

    class Meta:
        model = SecretReference

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"SECRET_{number}")


class DockerHostFactory(DjangoModelFactory[DockerHost]):
    """A Docker host whose Engine nobody asks."""

    class Meta:
        model = DockerHost

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"host {number}")
    slug = factory.Sequence(lambda number: f"host-{number}")
    api_endpoint = "https://docker.example.org:2376"


class InstanceFactory(DjangoModelFactory[ContainerInstance]):
    """The container of a step, which ended well unless said otherwise."""

    class Meta:
        model = ContainerInstance

    account = factory.SubFactory(AccountFactory)
    docker_host = factory.SubFactory(DockerHostFactory, account=factory.SelfAttribute("..account"))
    execution_id = factory.Sequence(lambda number: f"execution-{number}")
    image_name = "alpine"
    status = "completed"
    owner = factory.Sequence(lambda number: f"pipelines.step:{number}")
    owner_lease_until = factory.LazyFunction(timezone.now)
    digest = "d" * 64
    memory_mb = 256
    cpu_millicores = 500
    pids_limit = 100
