"""Rows of the containers app."""

import factory
from factory.django import DjangoModelFactory

from containers.models import DockerHost, SecretReference
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
