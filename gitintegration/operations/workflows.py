"""Workflows of a host's own CI as steps of a run: started, followed, stopped."""

import uuid
from collections.abc import Mapping

from gitintegration.clients.ci_shapes import WorkflowRun
from gitintegration.models import GitRepository
from gitintegration.operations.ci import start_workflow
from gitintegration.operations.collaboration import host_of
from gitintegration.operations.connections import connected_to


def start_host_workflow(
    repository_id: uuid.UUID | None, workflow: str, ref: str, inputs: Mapping[str, str]
) -> str:
    """Have the repository's host start a workflow; its run's id, empty when it did not say.

    Raises:
        NotFound: no host is behind the repository.
        HostError: the host refuses or does not answer.
    """
    mirror = host_of(repository_id)
    with connected_to(mirror) as client:
        return start_workflow(client, mirror, workflow, ref or mirror.default_branch, inputs)


def find_host_run(repository_id: uuid.UUID | None, run_id: str) -> WorkflowRun:
    """A run of the host's own CI as it stands there now.

    Raises:
        NotFound: no host is behind the repository.
        HostError: the host does not answer, or has no such run.
    """
    mirror = host_of(repository_id)
    with connected_to(mirror) as client:
        return client.get_workflow_run(mirror.full_name, run_id)


def stop_host_run(repository_id: uuid.UUID | None, run_id: str) -> None:
    """Have the host stop a run.

    Raises:
        NotFound: no host is behind the repository.
        HostError: the host refuses or does not answer.
    """
    mirror: GitRepository = host_of(repository_id)
    with connected_to(mirror) as client:
        client.cancel_workflow_run(mirror.full_name, run_id)
