"""The kernel's background tasks."""

from celery import shared_task

from devops import relay
from devops.jobs import RELAY


@shared_task(name=RELAY.name)
def publish_messages() -> None:
    """Publish what waits, and wake again whoever did not finish."""
    relay.publish_pending()
    relay.wake_unhandled()
