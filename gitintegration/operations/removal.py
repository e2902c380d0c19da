"""A mirror is given up."""

from django.db import transaction

from devops import audit
from devops.access import Actor
from gitintegration.models import GitRepository
from gitintegration.operations.hooks import remove_host_webhook

DELETE = "git.repositories.delete"


def stop_tracking(actor: Actor, mirror: GitRepository) -> str:
    """Remove the hook at the host and the mirror here; what pipelines attach to stays.

    Returns what could not be done at the host, empty when all was; the mirror goes in any case.
    """
    actor.require(DELETE)
    problem = ""
    if mirror.webhook_id and actor.may("git.repositories.webhooks.manage"):
        problem = remove_host_webhook(actor, mirror).error
    _forget(actor, mirror, problem)
    return problem


@transaction.atomic(durable=True)
def _forget(actor: Actor, mirror: GitRepository, problem: str) -> None:
    audit.record(actor, "git.repository.delete", mirror, detail={"host": problem[:300]})
    mirror.delete()
