"""The background tasks of the git integration, by name."""

from devops.taskref import TaskRef

PROCESS_DELIVERY = TaskRef("gitintegration.process_delivery")
SWEEP_DELIVERIES = TaskRef("gitintegration.sweep_deliveries")
RECONCILE = TaskRef("gitintegration.reconcile")
RUN_SYNC = TaskRef("gitintegration.run_sync")
SYNC_RUN = TaskRef("gitintegration.sync_run")
JOB_LOG = TaskRef("gitintegration.job_log")
NOTE_DELIVERY = TaskRef("gitintegration.note_delivery")
HOST_WRITES = TaskRef("gitintegration.host_writes")
TICK = TaskRef("gitintegration.tick")
TEND = TaskRef("gitintegration.tend")
