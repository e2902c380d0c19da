"""The background tasks of the git integration; whatever asks a host goes to its own lane."""

from functools import partial

from celery import shared_task

from devops.lanes import HOSTS, REMOTES
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
    if not processing.tell_at_once(event_id):
        HOSTS.submit(("delivery", event_id), partial(processing.process_delivery, event_id))


def process_waiting() -> None:
    """Understand what was stored just now; a worker's thread of its own calls this when poked."""
    for event_id in processing.process_waiting():
        HOSTS.submit(("delivery", event_id), partial(processing.judge_claimed, event_id))


@shared_task(name=SWEEP_DELIVERIES.name)
def sweep_deliveries() -> None:
    """Find deliveries whose task was lost."""
    processing.sweep_deliveries()


@shared_task(name=RECONCILE.name)
def reconcile() -> None:
    """Look for pushes that no delivery announced."""
    REMOTES.submit("reconcile", repositories.reconcile)


@shared_task(name=RUN_SYNC.name)
def run_sync(sync_id: str) -> None:
    """Import or synchronise many repositories."""
    HOSTS.submit(("sync", sync_id), partial(imports.run_sync, sync_id))


@shared_task(name=SYNC_RUN.name)
def sync_run(repository_id: str, run_id: str) -> None:
    """Fetch one run of a host's own CI."""
    key = ("run", repository_id, run_id)
    HOSTS.submit(key, partial(ci.sync_run, repository_id, run_id))


@shared_task(name=JOB_LOG.name)
def job_log(job_id: str) -> None:
    """Fetch what is new of a job's log."""
    HOSTS.submit(("log", job_id), partial(job_logs.fetch_log, job_id))


@shared_task(name=NOTE_DELIVERY.name)
def note_delivery(message_id: str) -> None:
    """Count how an outgoing delivery ended."""
    account_webhooks.note_delivery(message_id)


@shared_task(name=HOST_WRITES.name)
def send_host_writes() -> None:
    """Tell the hosts what they are to know; one that is silent keeps no other waiting."""
    for credential_id in host_writes.credentials_due():
        send = partial(host_writes.send_host_writes, credential_id)
        HOSTS.submit(("writes", credential_id), send)


@shared_task(name=TICK.name)
def tick() -> None:
    """What is due within seconds."""
    HOSTS.submit("tick", tending.tick)


@shared_task(name=TEND.name)
def tend() -> None:
    """What is due within minutes."""
    HOSTS.submit("tend", tending.tend)
