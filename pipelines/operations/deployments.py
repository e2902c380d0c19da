"""What the git host is told of deployments."""

from typing import Protocol
from uuid import UUID

from django.db import transaction

from gitintegration.public import CommitStatus, StatusState, want_status


class RunOfDeployment(Protocol):
    """The run that deploys, as its step knows it."""

    @property
    def repository_id(self) -> UUID | None: ...
    @property
    def commit_sha(self) -> str: ...


@transaction.atomic(durable=True)
def record_deploy_status(
    run: RunOfDeployment,
    environment: str,
    state: StatusState,
    words: str,
    address: str,
    *,
    key: str,
) -> None:
    """Have the commit's status say how its deployment to an environment stands."""
    status = CommitStatus(
        context=f"powernode/deploy/{environment}", state=state, description=words,
        target_url=address,
    )  # fmt: skip
    want_status(run.repository_id, run.commit_sha, status, key=key[:120])
