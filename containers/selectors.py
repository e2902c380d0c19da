"""Every read of the containers app."""

from django.db.models import QuerySet

from containers.models import SecretReference
from devops.access import Actor, visible


def secrets(actor: Actor) -> QuerySet[SecretReference]:
    """The account's secrets by name; values cannot be read by anybody."""
    return visible(actor, SecretReference, "devops.secret_references.read").defer("encrypted_value")
