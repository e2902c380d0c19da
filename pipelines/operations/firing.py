"""Schedules fire: each time once, whoever looks first, in batches; nothing is lost in between.

A batch is one transaction: the rows are locked, each time is entered (unique), its run is made,
the next time is set. A process that dies within it has done nothing; one that dies after it, all.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.clock import DbNow, database_now
from devops.errors import Conflict, DomainError
from devops.failpoints import failpoint
from devops.models import Repository
from devops.sqlforms import db_moment, db_text, db_uuid
from pipelines import selectors
from pipelines.choices import RUN_LIVE, FireOutcome, Overlap, TriggerType
from pipelines.inputs import check_inputs
from pipelines.models import Pipeline, PipelineRepository, PipelineRun, Schedule, ScheduleFire
from pipelines.operations.batches import Wanted, can_be_together, create_runs
from pipelines.operations.cancellation import SUPERSEDED, stop_run
from pipelines.operations.creation import Origin, create_run
from pipelines.operations.fire_times import due_at, reckon
from pipelines.operations.runs import place_of, repository_context
from pipelines.operations.schedules import WRITE

logger = logging.getLogger(__name__)

BATCH = 200
BATCHES_MAX = 50
FIRES_KEPT = timedelta(days=90)
_DETAIL_MAX = 300


def fire_due_schedules() -> int:
    """Act on every time that has come; returns how many. Safe to run beside itself, anywhere."""
    fired = 0
    for _ in range(BATCHES_MAX):
        if not _has_due():
            break
        failpoint("schedules.fire.before")
        count = _fire_batch()
        failpoint("schedules.fire.after")
        fired += count
        if count == 0:
            # Another one holds the rest.
            break
    return fired


def _has_due() -> bool:
    # A look without a lock: an idle tick must not take SQLite's one write lock.
    return bool(_due(DbNow()).exists())


def _due(now: datetime | DbNow) -> Any:
    return Schedule.objects.filter(
        is_active=True, next_run_at__lte=now, pipeline__deleted_at=None
    )  # fmt: skip


@dataclass(slots=True)
class Turn:
    """One time of a schedule, and what comes of it."""

    schedule: Schedule
    fire_at: datetime
    wanted: Wanted | None = None
    outcome: str = FireOutcome.STARTED
    detail: str = ""
    run: PipelineRun | None = None


@dataclass(slots=True)
class Batch:
    """What the schedules of a batch share, read once, and what comes of their times."""

    now: datetime
    definitions: Mapping[Any, dict[str, Any]]
    repositories: Mapping[Any, Repository]
    turns: list[Turn] = field(default_factory=list)


@transaction.atomic(durable=True)
def _fire_batch() -> int:
    now = database_now()
    schedules = _held(_due(now).order_by("next_run_at"))
    if not schedules:
        return 0
    batch = _read(schedules, now)
    for schedule in schedules:
        _take_times(schedule, batch)
    _start_together(batch)
    for turn in batch.turns:
        if turn.wanted is not None and turn.run is None:
            _start_alone(turn, batch)
    _enter(batch)
    _set_next(schedules)
    failpoint("schedules.commit.before")
    return len(schedules)


def _held(due: Any) -> list[Schedule]:
    """Some due schedules that nobody else has, until the end of the transaction.

    Their pipelines' rows first, as whoever changes a definition with its schedules does.
    """
    if not connection.features.has_select_for_update_skip_locked:
        # SQLite: the transaction holds its one write lock already.
        return list(due.select_related("pipeline")[:BATCH])
    wanted = dict(due.values_list("pk", "pipeline_id")[:BATCH])
    pipelines = Pipeline.objects.filter(pk__in=set(wanted.values())).order_by("pk")
    free = pipelines.select_for_update(skip_locked=True).values_list("pk", flat=True)
    rows = due.filter(pk__in=wanted, pipeline_id__in=list(free)).select_related("pipeline")
    return list(rows.select_for_update(skip_locked=True, of=("self",)))


def _read(schedules: Sequence[Schedule], now: datetime) -> Batch:
    keys = {schedule.pipeline_id for schedule in schedules}
    pipelines = Pipeline.objects.filter(pk__in=keys).prefetch_related("steps")
    links = PipelineRepository.objects.filter(pipeline_id__in=keys).select_related("repository")
    return Batch(
        now, {row.pk: selectors.definition_of(row) for row in pipelines},
        {link.pipeline_id: link.repository for link in links.order_by("-id")},
    )  # fmt: skip


def _take_times(schedule: Schedule, batch: Batch) -> None:
    """Note the times that have come, and set the next one."""
    try:
        due = reckon(schedule, batch.now)
    except (ValueError, KeyError) as error:
        # A zone that an update took away, say: it must not keep the others from their time.
        logger.warning("schedule %s has no next time: %s", schedule.pk, error)
        schedule.next_fire_at = schedule.next_run_at = None
        schedule.last_outcome = FireOutcome.REFUSED
        schedule.last_detail = f"It has no next time any more: {error}"[:_DETAIL_MAX]
        return
    if due.missed_at is not None:
        batch.turns.append(
            Turn(schedule, due.missed_at, outcome=FireOutcome.MISSED, detail=due.words)
        )
    for fire_at in due.fire:
        turn = Turn(schedule, fire_at)
        batch.turns.append(turn)
        if not schedule.pipeline.is_active:
            turn.outcome, turn.detail = FireOutcome.REFUSED, "The pipeline is switched off."
            continue
        try:
            turn.wanted = _wanted(turn, batch)
        except DomainError as error:
            turn.outcome, turn.detail = FireOutcome.REFUSED, error.detail
    schedule.next_fire_at = due.upcoming
    schedule.next_run_at = due_at(schedule, due.upcoming)


def _wanted(turn: Turn, batch: Batch) -> Wanted:
    schedule = turn.schedule
    definition = batch.definitions[schedule.pipeline_id]
    origin = _origin(
        schedule, definition, batch.repositories.get(schedule.pipeline_id),
        scheduled_at=turn.fire_at,
        key=f"schedule:{schedule.pk.hex}:{round(turn.fire_at.timestamp() * 1000)}",
    )  # fmt: skip
    return Wanted(schedule.pipeline, definition, origin)


def _start_together(batch: Batch) -> None:
    """Make at once the runs that have nothing to do with others."""
    simple = [
        turn
        for turn in batch.turns
        if turn.wanted is not None
        and turn.schedule.overlap == Overlap.QUEUE
        and can_be_together(turn.wanted)
    ]
    try:
        with transaction.atomic():
            runs = create_runs([turn.wanted for turn in simple if turn.wanted is not None])
    except DatabaseError as error:
        # One of them cannot be: each is tried by itself, and that one says so.
        logger.warning("a batch of schedules is fired one by one: %s", error)
        return
    for turn, run in zip(simple, runs, strict=True):
        turn.run = run


def _start_alone(turn: Turn, batch: Batch) -> None:
    wanted, schedule = turn.wanted, turn.schedule
    assert wanted is not None  # noqa: S101  (the caller looked)
    try:
        # One that cannot be started must not keep the others of the batch from their time.
        with transaction.atomic():
            holder = _holder(schedule, batch)
            if holder is not None and schedule.overlap == Overlap.SKIP:
                words = f"Run #{holder.run_number} of this schedule is still {holder.status}."
                turn.outcome, turn.detail = FireOutcome.SKIPPED, words
                return
            turn.run = create_run(wanted.pipeline, wanted.definition, wanted.origin)
            if holder is not None and schedule.overlap == Overlap.CANCEL_RUNNING:
                _stop_others(schedule, holder, turn.run)
    except DomainError as error:
        turn.outcome, turn.detail = FireOutcome.REFUSED, error.detail
    except IntegrityError:
        # The clock went back: what it says now was fired before.
        turn.outcome, turn.detail = FireOutcome.SKIPPED, "This time has started a run before."
    except DatabaseError as error:
        logger.exception("schedule %s could not fire", schedule.pk)
        words = f"The run could not be made: {type(error).__name__}."
        turn.outcome, turn.detail = FireOutcome.REFUSED, words


def _enter(batch: Batch) -> None:
    """Keep what came of each time, and how late."""
    fired_at = timezone.now()
    fires = []
    for turn in batch.turns:
        schedule, moment = turn.schedule, due_at(turn.schedule, turn.fire_at)
        late = max(timedelta(), fired_at - moment)
        detail = turn.detail[:_DETAIL_MAX]
        fires.append(
            ScheduleFire(
                account_id=schedule.account_id,
                schedule=schedule,
                fire_at=turn.fire_at,
                due_at=moment,
                fired_at=fired_at,
                outcome=turn.outcome,
                detail=detail,
                lateness_ms=round(late.total_seconds() * 1000),
                run=turn.run,
            )
        )
        schedule.last_outcome, schedule.last_detail = turn.outcome, detail
        if turn.run is not None:
            schedule.last_run_at = fired_at
    ScheduleFire.objects.bulk_create(fires, ignore_conflicts=True)


def _set_next(schedules: Sequence[Schedule]) -> None:
    """One prepared statement for all: Django's bulk update costs as much as the runs themselves."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE pipelines_schedule SET next_fire_at=%s, next_run_at=%s, last_run_at=%s,"
            " last_outcome=%s, last_detail=%s WHERE id=%s",
            [
                (
                    db_moment(row.next_fire_at), db_moment(row.next_run_at),
                    db_moment(row.last_run_at), row.last_outcome, db_text(row.last_detail),
                    db_uuid(row.pk),
                )
                for row in schedules
            ],
        )  # fmt: skip


def _live(schedule: Schedule) -> Any:
    return PipelineRun.objects.filter(schedule_fires__schedule=schedule, status__in=RUN_LIVE)


def _holder(schedule: Schedule, batch: Batch) -> PipelineRun | None:
    if schedule.overlap == Overlap.QUEUE:
        return None
    # Times that are caught up with in one go meet each other, too.
    for turn in reversed(batch.turns):
        if turn.schedule.pk == schedule.pk and turn.run is not None:
            return turn.run
    run: PipelineRun | None = _live(schedule).order_by("-id").first()
    return run


def _stop_others(schedule: Schedule, holder: PipelineRun, run: PipelineRun) -> None:
    keys = {holder.pk, *_live(schedule).values_list("pk", flat=True)} - {run.pk}
    rivals = PipelineRun.objects.filter(pk__in=keys, status__in=RUN_LIVE)
    for rival in rivals.order_by("id").select_for_update():
        stop_run(rival, f"run #{run.run_number}", SUPERSEDED)


def _origin(
    schedule: Schedule,
    definition: Mapping[str, Any],
    repository: Repository | None,
    *,
    scheduled_at: datetime,
    key: str | None,
    actor: Actor | None = None,
) -> Origin:
    place = place_of(schedule.ref, repository)
    label = actor.label if actor else f"schedule {schedule.name}"
    context: dict[str, Any] = {
        "actor": label, "ref": place.ref, "branch": place.branch, "tag": place.tag, "sha": "",
        "changed_paths": None,
        "schedule": {
            "id": str(schedule.pk), "name": schedule.name,
            "scheduled_at": scheduled_at.isoformat(),
        },
    }  # fmt: skip
    if repository is not None:
        context["repository"] = repository_context(repository)
    return Origin(
        trigger_type=TriggerType.SCHEDULE,
        context=context,
        inputs=check_inputs(definition["triggers"], schedule.inputs),
        title=schedule.name,
        ref=place.ref,
        branch=place.branch,
        actor_label=label,
        user_id=actor.user_id if actor else None,
        event_key=key,
        repository=repository,
        definition_source=schedule.pipeline.source_path,
    )


@transaction.atomic(durable=True)
def trigger_schedule(actor: Actor, schedule: Schedule) -> PipelineRun:
    """Start what a schedule starts at once, besides its times.

    Raises:
        Conflict: the schedule or its pipeline is switched off.
        Invalid: the inputs do not fit the pipeline any more.
    """
    actor.require(WRITE)
    pipeline = selectors.pipeline(actor, schedule.pipeline_id)
    if not (schedule.is_active and pipeline.is_active):
        what = f"Schedule {schedule.name}" if not schedule.is_active else f"Pipeline {pipeline}"
        raise Conflict(f"{what} is switched off.", remedy="Switch it on, then start it again.")
    definition = selectors.definition_of(pipeline)
    link = pipeline.links.select_related("repository").first()
    origin = _origin(
        schedule, definition, link.repository if link else None, scheduled_at=timezone.now(),
        key=None, actor=actor,
    )  # fmt: skip
    run = create_run(pipeline, definition, origin)
    Schedule.objects.filter(pk=schedule.pk).update(last_run_at=timezone.now())
    audit.record(actor, "devops.schedule.trigger", schedule, detail={"run": run.run_number})
    return run


def remove_old_fires() -> int:
    """Forget what came of times long past."""
    gone, _ = ScheduleFire.objects.filter(fired_at__lt=timezone.now() - FIRES_KEPT).delete()
    return gone
