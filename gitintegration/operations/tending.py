"""What has to be looked at again and again; one part's failure keeps no other from its turn."""

import logging
from collections.abc import Callable

from django.db import DatabaseError

from gitintegration.models import GitProviderCredential
from gitintegration.operations import (
    approvals,
    ci,
    connections,
    credentials,
    dispatches,
    hooks,
    host_writes,
    imports,
    job_logs,
    retention,
    runners,
    schedules,
)

logger = logging.getLogger(__name__)


def tick() -> None:
    """Every two seconds: what people wait for; an installation without hosts has none of it."""
    if not GitProviderCredential.objects.exists():
        return
    _each(
        job_logs.sweep_logs,
        host_writes.sweep_writes,
        schedules.fire_due_schedules,
        dispatches.poll_dispatches,
        imports.sweep_syncs,
    )


def tend() -> None:
    """Every minute: what must not be forgotten."""
    _each(
        connections.renew_due_tokens,
        credentials.warn_of_expiry,
        approvals.expire_stale,
        ci.sweep_active_runs,
        runners.mark_stale_runners,
        runners.sync_due_runners,
        hooks.check_hooks,
        retention.remove_old_rows,
    )


def _each(*parts: Callable[[], int]) -> None:
    for part in parts:
        try:
            part()
        except DatabaseError:
            raise
        except Exception:
            logger.exception("%s failed; it is tried again", part.__name__)
