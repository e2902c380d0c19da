"""Statuses of commits; check runs GitLab has none."""

from collections.abc import Sequence

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import NotSupported, RefusedByHost
from gitintegration.clients.gitlab import convert
from gitintegration.clients.gitlab.connection import Connection
from gitintegration.clients.gitlab.words import TO_COMMIT_STATE, commit_state

_NO_CHECKS = "it has no check runs; a commit status says how a commit is doing."


def list_statuses(host: Connection, repository: str, ref: str) -> Sequence[s.CommitStatus]:
    """The newest status of each name."""
    path = host.project(repository, "repository", "commits", ref, "statuses")
    return host.all(path, convert.status)


def create_status(host: Connection, repository: str, sha: str, status: s.CommitStatus) -> None:
    """Say how a commit is doing; saying the same twice is fine."""
    body = {
        "state": TO_COMMIT_STATE[status.state],
        "name": status.context,
        "description": status.description[:255],
        **({"target_url": status.target_url} if status.target_url else {}),
    }
    try:
        host.call("post", host.project(repository, "statuses", sha), body)
    except RefusedByHost as error:
        # GitLab sees statuses as machines, which do not go from a state to the same one.
        if "cannot transition status" not in error.detail.lower():
            raise
        said = commit_state(TO_COMMIT_STATE[status.state])
        known = list_statuses(host, repository, sha)
        if not any(item.context == status.context and item.state == said for item in known):
            raise


def create_check_run(
    host: Connection,
    repository: str,  # noqa: ARG001 - the shape of the protocol
    check: s.CheckRun,  # noqa: ARG001
) -> s.CheckRun:
    """GitLab has none.

    Raises:
        NotSupported: always.
    """
    raise NotSupported(host.access.name, _NO_CHECKS)


def update_check_run(
    host: Connection,
    repository: str,  # noqa: ARG001 - the shape of the protocol
    check: s.CheckRun,  # noqa: ARG001
) -> s.CheckRun:
    """GitLab has none.

    Raises:
        NotSupported: always.
    """
    raise NotSupported(host.access.name, _NO_CHECKS)
