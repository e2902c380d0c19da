"""The kernel's background tasks."""

from celery import shared_task

from devops import audit_chain, deliveries, lanes, relay, retention
from devops.jobs import ANCHOR, COMPACT, DELIVER, RELAY, RETAIN
from devops.storage import orphans


@shared_task(name=RELAY.name)
def publish_messages() -> None:
    """Publish what waits, and wake again whoever did not finish."""
    relay.publish_pending()
    relay.wake_unhandled()


@shared_task(name=DELIVER.name)
def deliver() -> None:
    """Try the deliveries that are due."""
    lanes.RECEIVERS.submit("deliver", deliveries.deliver_due)


@shared_task(name=COMPACT.name)
def compact() -> None:
    """Compact the logs of finished steps."""
    retention.compact_logs()


@shared_task(name=RETAIN.name)
def retain() -> None:
    """Remove what is older than the operator keeps."""
    retention.remove_old_logs()
    retention.remove_old_messages()
    retention.remove_old_keys()
    orphans.remove_orphans()


@shared_task(name=ANCHOR.name)
def anchor() -> None:
    """Write the audit chains' heads where the database cannot change them."""
    audit_chain.anchor_heads()
