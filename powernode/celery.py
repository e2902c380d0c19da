"""The Celery application: wake-ups, the worker's engine pool, and what beats."""

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

app = Celery("powernode")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery closes every connection around each task otherwise; the spelling with a prefix is ignored.
app.conf.update(CELERY_DB_REUSE_MAX=10**9)
app.autodiscover_tasks()

app.conf.beat_schedule = {
    "sweep": {"task": "pipelines.sweep", "schedule": 5.0},
    "dispatch": {"task": "pipelines.dispatch", "schedule": 1.0},
    "schedules": {"task": "pipelines.fire_schedules", "schedule": 1.0},
    "relay": {"task": "devops.relay", "schedule": 5.0},
    "deliveries": {"task": "gitintegration.sweep_deliveries", "schedule": 5.0},
    "git-tick": {"task": "gitintegration.tick", "schedule": 2.0},
    "git-tend": {"task": "gitintegration.tend", "schedule": 60.0},
    "reconcile": {"task": "gitintegration.reconcile", "schedule": 300.0},
    "reap-containers": {"task": "containers.reap", "schedule": 10.0},
    "docker-hosts": {"task": "containers.look_at_hosts", "schedule": 60.0},
    "outgoing": {"task": "devops.deliver", "schedule": 5.0},
    "anchor": {"task": "devops.anchor", "schedule": 3600.0},
    "compact": {"task": "devops.compact", "schedule": 60.0},
    "retain-kernel": {"task": "devops.retain", "schedule": 3600.0},
    "retain-containers": {"task": "containers.retain", "schedule": 3600.0},
    "retain-workspaces": {"task": "pipelines.retain", "schedule": 3600.0},
}


@setup_logging.connect
def _keep_our_logging(**_: object) -> None:
    """Celery must not replace the handlers of settings.LOGGING."""
    from logging.config import dictConfig  # noqa: PLC0415

    dictConfig(settings.LOGGING)
