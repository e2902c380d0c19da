"""The background tasks of the git integration, by name."""

from devops.taskref import TaskRef

PROCESS_DELIVERY = TaskRef("gitintegration.process_delivery")
SWEEP_DELIVERIES = TaskRef("gitintegration.sweep_deliveries")
RECONCILE = TaskRef("gitintegration.reconcile")
