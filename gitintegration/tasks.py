"""The background tasks of the git integration."""

from celery import shared_task

from gitintegration.jobs import PROCESS_DELIVERY, RECONCILE, SWEEP_DELIVERIES
from gitintegration.operations import deliveries, repositories


@shared_task(name=PROCESS_DELIVERY.name)
def process_delivery(event_id: str) -> None:
    """Understand one stored delivery."""
    deliveries.process_delivery(event_id)


@shared_task(name=SWEEP_DELIVERIES.name)
def sweep_deliveries() -> None:
    """Find deliveries whose task was lost."""
    deliveries.sweep_deliveries()


@shared_task(name=RECONCILE.name)
def reconcile() -> None:
    """Look for pushes that no delivery announced."""
    repositories.reconcile()
