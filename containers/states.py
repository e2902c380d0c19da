"""The life of a container instance, and how each move is told."""

from typing import Any

from containers.choices import InstanceStatus
from containers.models import ContainerInstance
from devops.state import StateMachine

I = InstanceStatus  # noqa: E741  (the graph below reads as a table)


def instance_facts(instance: ContainerInstance) -> dict[str, Any]:
    """The instance as listeners see it (message payload, version 1)."""
    return {
        "id": str(instance.pk),
        "execution_id": instance.execution_id,
        "docker_host_id": str(instance.docker_host_id),
        "image_name": instance.image_name,
        "status": instance.status,
        "owner": instance.owner,
        "exit_code": instance.exit_code,
        "error_message": instance.error_message,
        "started_at": instance.started_at and instance.started_at.isoformat(),
        "completed_at": instance.completed_at and instance.completed_at.isoformat(),
    }


instance_states: StateMachine[ContainerInstance] = StateMachine(
    "container",
    {
        I.PENDING: [I.PROVISIONING, I.FAILED, I.CANCELLED],
        I.PROVISIONING: [I.RUNNING, I.FAILED, I.CANCELLED, I.TIMEOUT],
        I.RUNNING: [I.COMPLETED, I.FAILED, I.CANCELLED, I.TIMEOUT],
        **dict.fromkeys((I.COMPLETED, I.FAILED, I.CANCELLED, I.TIMEOUT), ()),
    },
    lambda instance: (
        "container_updated",
        {"version": 1, "container": instance_facts(instance)},
    ),
    leased=[I.PENDING, I.PROVISIONING, I.RUNNING],
)
