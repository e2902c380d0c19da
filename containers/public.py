"""What other apps may use of the containers app."""

import uuid
from collections.abc import Iterable

from containers.clients.docker.spec import (
    ContainerSpec,
    HealthCheck,
    ServiceSpec,
)
from containers.figures import (
    HostFigures,
    container_figures,
    containers_lost_today,
    host_figures,
)
from containers.models import ContainerInstance, SecretReference
from containers.operations.docker_hosts import engine_version, host_for
from containers.operations.folders import Folders
from containers.operations.instances import (
    Owner,
    attachable_owners,
    default_limits,
    find_instance,
    release_owners,
    renew_leases,
)
from containers.operations.running import run_container
from containers.operations.secrets import binding_of
from containers.operations.watching import ContainerLost, Ended, ServiceFailed, Watch
from devops.clock import DbNow
from devops.errors import Conflict
from devops.safety.encryption import decrypt

__all__ = [
    "ContainerLost",
    "ContainerSpec",
    "Ended",
    "Folders",
    "HealthCheck",
    "HostFigures",
    "Owner",
    "ServiceFailed",
    "ServiceSpec",
    "Watch",
    "attachable_owners",
    "container_figures",
    "containers_lost_today",
    "default_limits",
    "engine_version",
    "find_instance",
    "host_figures",
    "host_for",
    "instances_of",
    "release_owners",
    "renew_leases",
    "resolve_secrets",
    "run_container",
]


class SecretMissing(Conflict):
    """A step names secrets that the account does not have."""

    code = "secret-missing"
    title = "A secret is missing"


def instances_of(account_id: uuid.UUID, owners: Iterable[str]) -> list[ContainerInstance]:
    """The containers of these owners with their hosts, each owner's in order."""
    rows = ContainerInstance.objects.filter(account_id=account_id, owner__in=list(owners))
    return list(rows.select_related("docker_host").order_by("owner", "ordinal"))


def resolve_secrets(account_id: uuid.UUID, names: Iterable[str]) -> dict[str, str]:
    """The values of an account's secrets by name, for a run that may have them.

    Raises:
        SecretMissing: naming each that does not exist.
        CannotDecryptError: a value is bound to another row or its key is gone.
    """
    wanted = sorted(set(names))
    rows = SecretReference.objects.filter(account_id=account_id, name__in=wanted)
    values = {
        row.name: decrypt(row.encrypted_value, binding=binding_of(row)).decode() for row in rows
    }
    missing = [name for name in wanted if name not in values]
    if missing:
        raise SecretMissing(
            f"The account has no secret called {', '.join(missing)}.",
            remedy="Add it under Settings, Secrets, or remove it from the pipeline.",
        )
    rows.update(last_used_at=DbNow())
    return values
