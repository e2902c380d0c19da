"""Schedules are written, switched, removed; those of a pipeline's document follow the document."""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from devops import audit, versions
from devops.access import Actor
from devops.cron import check_cron, check_zone
from devops.errors import Conflict, Invalid
from pipelines import selectors
from pipelines.choices import JITTER_MAX_SECONDS, Missed, Overlap
from pipelines.inputs import check_inputs
from pipelines.models import Pipeline, Schedule
from pipelines.operations.fire_times import due_at, upcoming
from pipelines.operations.runs import check_written_ref

WRITE = "devops.schedules.write"
# What an entry of the document says, by its word there.
_WRITTEN = {
    "cron": "cron_expression", "timezone": "timezone", "missed": "missed", "overlap": "overlap",
    "jitter_seconds": "jitter_seconds", "inputs": "inputs",
}  # fmt: skip
_DEFAULTS = {
    "timezone": "UTC", "missed": Missed.LATEST.value, "overlap": Overlap.QUEUE.value,
    "jitter_seconds": 0, "inputs": {},
}  # fmt: skip


@transaction.atomic(durable=True)
def create_schedule(actor: Actor, pipeline: Pipeline, values: Mapping[str, Any]) -> Schedule:
    """Enter a schedule of a pipeline.

    Raises:
        Invalid: cron, time zone, ref or inputs cannot be used.
        Conflict: the pipeline has one of that name.
    """
    actor.require(WRITE)
    schedule = Schedule(
        account_id=pipeline.account_id, pipeline=pipeline, created_by_id=actor.user_id
    )
    _apply(schedule, {"inputs": {}, **values})
    _save(schedule, is_new=True)
    audit.record(actor, "devops.schedule.create", schedule)
    return schedule


@transaction.atomic(durable=True)
def update_schedule(
    actor: Actor, schedule: Schedule, changes: Mapping[str, Any], *, seen: str = ""
) -> Schedule:
    """Change a schedule; its next time is reckoned anew from now.

    `seen` is the version that was edited.

    Raises:
        Invalid: cron, time zone or inputs cannot be used.
        Conflict: the name is taken, or the pipeline's document defines it.
        Stale: somebody else changed it meanwhile.
    """
    actor.require(WRITE)
    schedule = versions.lock(schedule, seen)
    if schedule.source_key and set(changes) - {"is_active"}:
        raise Conflict(
            f"{schedule.name} is part of the pipeline's document.",
            remedy="Change `on.schedule` there; here it can only be switched on and off.",
        )
    _apply(schedule, changes)
    _save(schedule, is_new=False)
    audit.record(actor, "devops.schedule.update", schedule, detail={"fields": sorted(changes)})
    return schedule


def toggle_schedule(actor: Actor, schedule: Schedule) -> Schedule:
    """Switch a schedule on or off; switched on, it goes on with its next time from now.

    Raises:
        Invalid: what it says cannot be used any more.
    """
    return update_schedule(actor, schedule, {"is_active": not schedule.is_active})


@transaction.atomic(durable=True)
def delete_schedule(actor: Actor, schedule: Schedule) -> None:
    """Remove a schedule; runs that it started stay.

    Raises:
        Conflict: the pipeline's document defines it.
    """
    actor.require(WRITE)
    if schedule.source_key:
        raise Conflict(
            f"{schedule.name} is part of the pipeline's document.",
            remedy="Take it out of `on.schedule` there, or switch it off here.",
        )
    audit.record(actor, "devops.schedule.delete", schedule)
    schedule.delete()


def sync_schedules(pipeline: Pipeline, triggers: Mapping[str, Any]) -> None:
    """Have the pipeline's schedules follow its document, in the caller's transaction.

    One that stays keeps its switch and its next time; one whose times change is reckoned anew.
    """
    rule = triggers.get("schedule")
    entries = rule.get("schedules") if isinstance(rule, Mapping) else None
    wanted = {source_key(entry): entry for entry in entries or () if isinstance(entry, Mapping)}
    present = {row.source_key: row for row in pipeline.schedules.exclude(source_key="")}
    for key, row in present.items():
        if key not in wanted:
            row.delete()
    for key, entry in wanted.items():
        is_new = key not in present
        row = present.get(key) or Schedule(
            account_id=pipeline.account_id, pipeline=pipeline, source_key=key
        )
        values = {field: entry.get(word, _DEFAULTS.get(field)) for word, field in _WRITTEN.items()}
        if not is_new and all(getattr(row, name) == v for name, v in values.items()):
            continue
        row.name = row.name or _free_name(pipeline, str(entry.get("name") or entry["cron"]))
        for name, value in values.items():
            setattr(row, name, value)
        _plan_next(row)
        row.save()


def source_key(entry: Mapping[str, Any]) -> str:
    """What an entry of a document is known by: its name, else its times."""
    said = entry.get("name") or f"{entry.get('cron')} {entry.get('timezone') or 'UTC'}"
    return hashlib.sha256(str(said).encode()).hexdigest()


def _free_name(pipeline: Pipeline, name: str) -> str:
    taken = set(pipeline.schedules.values_list("name", flat=True))
    numbered = (f"{name[:190]} ({n})" for n in range(2, len(taken) + 3))
    return next(each for each in (name[:200], *numbered) if each not in taken)


def _apply(schedule: Schedule, values: Mapping[str, Any]) -> None:
    for name in Schedule.EDITED:
        if name in values:
            setattr(schedule, name, values[name])
    check_cron(schedule.cron_expression)
    check_zone(schedule.timezone)
    check_written_ref(schedule.ref)
    if not 0 <= schedule.jitter_seconds <= JITTER_MAX_SECONDS:
        raise Invalid.field("/jitter_seconds", f"At most {JITTER_MAX_SECONDS} seconds.")
    if "inputs" in values:
        definition = selectors.definition_of(schedule.pipeline)
        check_inputs(definition["triggers"], schedule.inputs)
    _plan_next(schedule)


def _plan_next(schedule: Schedule) -> None:
    if not schedule.is_active:
        schedule.next_fire_at = schedule.next_run_at = None
        return
    schedule.next_fire_at = upcoming(schedule, timezone.now())
    schedule.next_run_at = due_at(schedule, schedule.next_fire_at)


def _save(schedule: Schedule, *, is_new: bool) -> None:
    try:
        with transaction.atomic():
            schedule.save(force_insert=is_new)
    except IntegrityError as error:
        raise Conflict(
            f"The pipeline has a schedule {schedule.name!r} already.",
            remedy="Choose another name.",
        ) from error
