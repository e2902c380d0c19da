"""Logs of the hosts' own jobs: fetched while somebody watches, kept under the job's id."""

import logging
import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devops import nudge
from devops.access import Actor
from devops.errors import DomainError
from devops.safety.masking import Masker
from devops.storage import log_reader
from devops.storage.logs import LogWriter
from gitintegration.choices import CI_ACTIVE
from gitintegration.clients.errors import HostError, NotFoundOnHost
from gitintegration.jobs import JOB_LOG
from gitintegration.models import GitPipelineJob
from gitintegration.operations.ci import sync_run
from gitintegration.operations.connections import connected_to

logger = logging.getLogger(__name__)

READ = "git.pipelines.logs"
# A log is followed for so long after somebody asked last.
WATCHED = timedelta(seconds=30)
# Between two looks at a log that grows.
PAUSE = timedelta(seconds=3)
_CLAIM = timedelta(seconds=90)


@transaction.atomic(durable=True)
def watch_log(actor: Actor, job_id: uuid.UUID) -> None:
    """Say that somebody reads a job's log: what is missing of it is fetched."""
    actor.require(READ)
    rows = GitPipelineJob.objects.filter(
        pk=job_id, account_id=actor.account_id, is_log_complete=False
    )
    if rows.update(log_wanted_until=timezone.now() + WATCHED):
        JOB_LOG.send(job_id=str(job_id))


def sweep_logs() -> int:
    """Wake the fetching of logs that are watched; returns how many."""
    now = timezone.now()
    due = GitPipelineJob.objects.filter(log_wanted_until__gt=now, is_log_complete=False).filter(
        Q(log_claimed_until=None) | Q(log_claimed_until__lt=now)
    )
    keys = list(due.values_list("pk", flat=True)[:50])
    for key in keys:
        JOB_LOG.send_now(job_id=str(key))
    return len(keys)


def fetch_log(job_id: str) -> int:
    """Fetch what the host has beyond what we have; returns how many bytes that was."""
    job = _claim(job_id)
    if job is None:
        return 0
    run = job.pipeline
    if job.status in CI_ACTIVE:
        sync_run(str(run.repository_id), run.external_id)
        job.refresh_from_db()
    # Looked at before the log is read: what was said by then is in it.
    is_over = job.status not in CI_ACTIVE
    # Who fetched before and died may have written more than it could note.
    job.log_bytes = max(job.log_bytes, log_reader.state(job.pk).size_bytes)
    try:
        with connected_to(run.repository) as client:
            data = client.get_job_log(
                run.repository.full_name, run.external_id, job.external_id, job.log_bytes
            )
    except NotFoundOnHost:
        data = b""
        if is_over and not job.log_bytes:
            _release(job, error="The host has no log of this job (any more).", is_complete=True)
            return 0
    except (HostError, DomainError) as error:
        _release(job, error=str(error))
        return 0
    _append(job, data, is_over=is_over)
    return len(data)


def _append(job: GitPipelineJob, data: bytes, *, is_over: bool) -> None:
    group = f"log.{job.pk.hex}"
    writer = LogWriter(
        job.pk, job.account_id, masker=Masker(()),
        on_append=lambda info: nudge.send(group, {"type": "log.nudge", "size": info.size_bytes}),
    )  # fmt: skip
    if data:
        writer.write(data)
    # A host may give a log in pieces: only an empty one after the end is the last.
    is_complete = is_over and not data
    if is_complete:
        writer.close()
    else:
        writer.suspend()
    _release(job, size=job.log_bytes + len(data), is_complete=is_complete)
    nudge.send(group, {"type": "log.nudge", "size": -1})
    if is_over and data:
        JOB_LOG.send_now(job_id=str(job.pk))


@transaction.atomic(durable=True)
def _claim(job_id: str) -> GitPipelineJob | None:
    now = timezone.now()
    mine = (
        GitPipelineJob.objects.filter(pk=job_id, is_log_complete=False)
        .filter(Q(log_claimed_until=None) | Q(log_claimed_until__lt=now))
        .update(log_claimed_until=now + _CLAIM)
    )
    if not mine:
        return None
    rows = GitPipelineJob.objects.select_related("pipeline__repository__credential__provider")
    return rows.get(pk=job_id)


@transaction.atomic(durable=True)
def _release(
    job: GitPipelineJob, *, size: int | None = None, error: str = "", is_complete: bool = False
) -> None:
    is_over = job.status not in CI_ACTIVE
    pause = timedelta(0) if is_over and not error else PAUSE
    GitPipelineJob.objects.filter(pk=job.pk).update(
        log_bytes=job.log_bytes if size is None else size,
        log_error=error[:500],
        is_log_complete=is_complete,
        log_claimed_until=timezone.now() + pause,
    )
