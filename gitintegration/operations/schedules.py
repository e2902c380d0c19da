"""Schedules that have the hosts' own CI start a workflow; each time fires once."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from devops import audit, cron
from devops.access import Actor
from devops.errors import Conflict, DomainError, Invalid
from gitintegration.clients.git.program import GitRefusedError, check_ref
from gitintegration.models import GitPipeline, GitPipelineSchedule, GitRepository
from gitintegration.operations.ci import start_workflow, sync_run
from gitintegration.operations.connections import connected_to

logger = logging.getLogger(__name__)

MANAGE = "git.schedules.manage"
USUAL_WORKFLOWS = {"github": "ci.yml", "gitea": "ci.yml"}
CHANGEABLE = (
    "name", "description", "cron_expression", "timezone", "ref", "workflow_file", "inputs",
    "is_active",
)  # fmt: skip


@transaction.atomic(durable=True)
def create_git_schedule(
    actor: Actor, mirror: GitRepository, values: Mapping[str, Any]
) -> GitPipelineSchedule:
    """Enter a schedule.

    Raises:
        Invalid: cron, time zone, branch or inputs cannot be used.
        Conflict: the repository has one of that name.
    """
    actor.require(MANAGE)
    schedule = GitPipelineSchedule(
        account_id=actor.account_id, repository=mirror, created_by_id=actor.user_id
    )
    _apply(schedule, {"ref": mirror.default_branch, **values})
    _save(schedule, is_new=True)
    audit.record(actor, "git.schedule.create", schedule)
    return schedule


@transaction.atomic(durable=True)
def update_git_schedule(
    actor: Actor, schedule: GitPipelineSchedule, changes: Mapping[str, Any]
) -> GitPipelineSchedule:
    """Change a schedule; its next time is reckoned anew.

    Raises:
        Invalid: cron, time zone, branch or inputs cannot be used.
        Conflict: the repository has one of that name.
    """
    actor.require(MANAGE)
    was_active = schedule.is_active
    _apply(schedule, changes)
    if schedule.is_active and not was_active:
        schedule.consecutive_failures = 0
    _save(schedule, is_new=False)
    detail = {"fields": sorted(changes)}
    audit.record(actor, "git.schedule.update", schedule, detail=detail)
    return schedule


@transaction.atomic(durable=True)
def delete_git_schedule(actor: Actor, schedule: GitPipelineSchedule) -> None:
    """Remove a schedule; runs that it started stay."""
    actor.require(MANAGE)
    audit.record(actor, "git.schedule.delete", schedule)
    schedule.delete()


def fire_now(actor: Actor, schedule: GitPipelineSchedule) -> GitPipelineSchedule:
    """Start the workflow at once, besides its times."""
    actor.require(MANAGE)
    _note(actor, schedule)
    _fire(schedule)
    schedule.refresh_from_db()
    return schedule


def fire_due_schedules() -> int:
    """Start what is due: a time is claimed before the host is asked, so no two beats share one."""
    due = GitPipelineSchedule.objects.filter(is_active=True, next_run_at__lte=timezone.now())
    fired = 0
    rows = due.select_related("repository__credential__provider").order_by("next_run_at")
    for schedule in rows[:50]:
        if _claim(schedule):
            _fire(schedule)
            fired += 1
    return fired


def next_times(schedule: GitPipelineSchedule, count: int = 5) -> list[datetime]:
    """The next times, in UTC."""
    if not schedule.is_active:
        return []
    return cron.next_times(schedule.cron_expression, schedule.timezone, timezone.now(), count)


def is_overdue(schedule: GitPipelineSchedule) -> bool:
    """Whether its time has passed without a firing."""
    due = schedule.next_run_at
    return schedule.is_active and due is not None and due < timezone.now()


@transaction.atomic(durable=True)
def _note(actor: Actor, schedule: GitPipelineSchedule) -> None:
    audit.record(actor, "git.schedule.trigger", schedule)


@transaction.atomic(durable=True)
def _claim(schedule: GitPipelineSchedule) -> bool:
    upcoming = cron.next_time(schedule.cron_expression, schedule.timezone, timezone.now())
    return bool(
        GitPipelineSchedule.objects.filter(
            pk=schedule.pk, is_active=True, next_run_at=schedule.next_run_at
        ).update(next_run_at=upcoming)
    )


def _fire(schedule: GitPipelineSchedule) -> None:
    mirror = schedule.repository
    kind = mirror.credential.provider.provider_type if mirror.credential else ""
    workflow = schedule.workflow_file or USUAL_WORKFLOWS.get(kind, "")
    inputs = {str(key): str(value) for key, value in schedule.inputs.items()}
    try:
        with connected_to(mirror) as client:
            name = workflow.rsplit("/", 1)[-1]
            run_id = start_workflow(client, mirror, name, schedule.ref, inputs)
    except DomainError as error:
        logger.warning("schedule %s of %s failed: %s", schedule, mirror, error)
        _record(schedule, None, str(error))
        return
    run = sync_run(str(mirror.pk), run_id) if run_id else None
    _record(schedule, run, "")


@transaction.atomic(durable=True)
def _record(schedule: GitPipelineSchedule, run: GitPipeline | None, error: str) -> None:
    """Count a firing; whether the host took it, not how its run ends."""
    failed = int(bool(error))
    GitPipelineSchedule.objects.filter(pk=schedule.pk).update(
        last_run_at=timezone.now(),
        last_run_status="failure" if failed else "success",
        last_error=error[:1000],
        last_pipeline=run or schedule.last_pipeline,
        run_count=F("run_count") + 1,
        success_count=F("success_count") + 1 - failed,
        failure_count=F("failure_count") + failed,
        consecutive_failures=F("consecutive_failures") + 1 if failed else 0,
    )


def _apply(schedule: GitPipelineSchedule, values: Mapping[str, Any]) -> None:
    for name in CHANGEABLE:
        if name in values:
            setattr(schedule, name, values[name])
    upcoming = _upcoming(schedule)
    try:
        check_ref(schedule.ref)
    except GitRefusedError as error:
        raise Invalid.field("/ref", str(error)) from error
    for key, value in schedule.inputs.items():
        if not isinstance(value, str | int | float | bool):
            raise Invalid.field(f"/inputs/{key}", "An input is a text, a number or a boolean.")
    schedule.next_run_at = upcoming if schedule.is_active else None


def _upcoming(schedule: GitPipelineSchedule) -> datetime:
    cron.check_zone(schedule.timezone)
    cron.check_cron(schedule.cron_expression)
    return cron.next_time(schedule.cron_expression, schedule.timezone, timezone.now())


def _save(schedule: GitPipelineSchedule, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            schedule.save(force_insert=is_new)
    except IntegrityError as error:
        raise Conflict(
            f"The repository has a schedule {schedule.name!r} already.",
            remedy="Choose another name.",
        ) from error
