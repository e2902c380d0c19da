"""The background tasks of containers."""

from celery import shared_task

from containers.jobs import LOOK, REAP, RETAIN
from containers.operations import reaping


@shared_task(name=REAP.name)
def reap() -> None:
    """Remove the containers that nobody owns any more."""
    reaping.sweep_hosts()


@shared_task(name=LOOK.name)
def look_at_hosts() -> None:
    """Ask every Docker host how it is."""
    reaping.look_at_hosts()


@shared_task(name=RETAIN.name)
def retain() -> None:
    """Remove what is older than the operator keeps."""
    reaping.remove_old_instances()
