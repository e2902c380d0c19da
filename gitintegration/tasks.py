"""The background tasks of the git integration."""

from celery import shared_task

from gitintegration.jobs import (
    HOST_WRITES,
    JOB_LOG,
    NOTE_DELIVERY,
    PROCESS_DELIVERY,
    RECONCILE,
    RUN_SYNC,
    SWEEP_DELIVERIES,
    SYNC_RUN,
    TEND,
    TICK,
)
from gitintegration.operations import (
    account_webhooks,
    ci,
    host_writes,
    imports,
    job_logs,
    processing,
    repositories,
    tending,
)


@shared_task(name=PROCESS_DELIVERY.name)
def process_delivery(event_id: str) -> None:
    """Understand one stored delivery."""
    processing.process_delivery(event_id)


@shared_task(name=SWEEP_DELIVERIES.name)
def sweep_deliveries() -> None:
    """Find deliveries whose task was lost."""
    processing.sweep_deliveries()


@shared_task(name=RECONCILE.name)
def reconcile() -> None:
    """Look for pushes that no delivery announced."""
    repositories.reconcile()


@shared_task(name=RUN_SYNC.name)
def run_sync(sync_id: str) -> None:
    """Import or synchronise many repositories."""
    imports.run_sync(sync_id)


@shared_task(name=SYNC_RUN.name)
def sync_run(repository_id: str, run_id: str) -> None:
    """Fetch one run of a host's own CI."""
    ci.sync_run(repository_id, run_id)


@shared_task(name=JOB_LOG.name)
def job_log(job_id: str) -> None:
    """Fetch what is new of a job's log."""
    job_logs.fetch_log(job_id)


@shared_task(name=NOTE_DELIVERY.name)
def note_delivery(message_id: str) -> None:
    """Count how an outgoing delivery ended."""
    account_webhooks.note_delivery(message_id)


@shared_task(name=HOST_WRITES.name)
def send_host_writes() -> None:
    """Tell the hosts what they are to know."""
    host_writes.send_host_writes()


@shared_task(name=TICK.name)
def tick() -> None:
    """What is due within seconds."""
    tending.tick()


@shared_task(name=TEND.name)
def tend() -> None:
    """What is due within minutes."""
    tending.tend()
