"""Rows of the containers app."""

import factory
from factory.django import DjangoModelFactory

from containers.models import SecretReference
from tests.factories.devops import AccountFactory


class SecretFactory(DjangoModelFactory[SecretReference]):
    """A secret without a value; use the operation for one with."""

    class Meta:
        model = SecretReference

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"SECRET_{number}")
