"""Every read of the containers app."""

from django.db.models import QuerySet

from containers.choices import INSTANCE_ACTIVE
from containers.models import ContainerInstance, DockerHost, SecretReference
from devops.access import Actor, visible

READ_HOSTS = "docker.hosts.read"


def secrets(actor: Actor) -> QuerySet[SecretReference]:
    """The account's secrets by name; values cannot be read by anybody."""
    return visible(actor, SecretReference, "devops.secret_references.read").defer("encrypted_value")


def docker_hosts(actor: Actor) -> QuerySet[DockerHost]:
    """The account's Docker hosts, newest first."""
    return visible(actor, DockerHost, READ_HOSTS).order_by("-id")


def live_instances(actor: Actor, host: DockerHost) -> QuerySet[ContainerInstance]:
    """What we run on a host now, newest first."""
    rows = visible(actor, ContainerInstance, READ_HOSTS)
    return rows.filter(docker_host=host, status__in=INSTANCE_ACTIVE).order_by("-id")
