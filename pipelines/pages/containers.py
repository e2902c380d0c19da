"""Where the commands of a run's steps ran, for its page."""

from collections.abc import Iterable
from typing import Any

from containers.public import instances_of
from devops.access import Actor
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.attempts import owner_of

READ_HOSTS = "docker.hosts.read"


def containers_of(
    actor: Actor, run: PipelineRun, executions: Iterable[StepExecution]
) -> list[dict[str, Any]]:
    """The containers of a run's attempts, in the order of the steps."""
    owners = {owner_of(each.pk): each for each in executions}
    rows = instances_of(run.account_id, owners)
    found = [
        {
            "step_name": owners[row.owner].step_name,
            "attempt": owners[row.owner].attempt,
            "image": row.image_name,
            "services": [each["name"] for each in row.services],
            "host": row.docker_host.name,
            "host_url": f"/docker/{row.docker_host_id}" if actor.may(READ_HOSTS) else "",
            "word": row.get_status_display(),
            "attachments": row.attachments,
            "position": (owners[row.owner].position, owners[row.owner].attempt, row.ordinal),
        }
        for row in rows
    ]
    return sorted(found, key=lambda each: each["position"])
