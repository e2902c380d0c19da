"""The engine's commits: claim, step boundary, park, release, end. Raw SQL, one transaction each.

A hundred-step run makes a hundred of these; with the ORM they cost four times as much (see
docs/benchmarks.md). Each first moves the run under its fence: no row, no right to write.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from devops import nudge
from devops.connections import release_connection
from devops.errors import Fenced
from devops.failpoints import failpoint
from devops.ids import uuid7
from devops.sqlforms import db_json, db_moment, db_text, db_uuid
from pipelines.choices import (
    STEP_TERMINAL,
    RunStatus,
    StepStatus,
    WaitingFor,
)
from pipelines.engine.moves import (
    DETAIL_MAX,
    MOVE_COLUMNS,
    REASON_MAX,
    Lease,
    Repeat,
    RunChange,
    StepMove,
    Verdict,
    Wait,
    Write,
    cleanup_of,
    move_value,
    time_left,
)
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.attempts import repeat_attempt
from pipelines.states import run_facts, run_topic, step_facts


def claim(run_id: uuid.UUID, worker_id: uuid.UUID, host: str) -> Lease | None:
    """Take a run that was given to this worker; None when it is no longer ours to take."""
    failpoint("engine.claim.before")
    run = (
        PipelineRun.objects.filter(pk=run_id, worker_id=worker_id)
        .filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING])
        .first()
    )
    if run is None:
        return None
    now = timezone.now()
    run.started_at = run.started_at or now
    run.deadline_at = _deadline(run, now)
    try:
        lease = _claim(run, worker_id, host, now)
    except IntegrityError:
        # The partial unique index: another run of the group is running. Back into the queue.
        PipelineRun.objects.filter(pk=run_id, worker_id=worker_id, status=RunStatus.QUEUED).update(
            worker=None, waiting_for=WaitingFor.SLOT
        )
        return None
    failpoint("engine.claim.after")
    if lease is not None:
        _told(lease)
    return lease


def _deadline(run: PipelineRun, now: datetime) -> datetime:
    if run.remaining_ms is not None:
        return now + timedelta(milliseconds=run.remaining_ms)
    return run.deadline_at or now + timedelta(minutes=float(run.snapshot["timeout_minutes"]))


@transaction.atomic(durable=True)
def _claim(run: PipelineRun, worker_id: uuid.UUID, host: str, now: datetime) -> Lease | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pipelines_pipelinerun SET status='running', fence=fence+1, version=version+1,"
            " started_at=%s, deadline_at=%s, remaining_ms=NULL, waiting_for='', waiting_detail='',"
            " workspace_host=%s, updated_at=%s"
            " WHERE id=%s AND worker_id=%s AND fence=%s AND status=%s RETURNING version, fence",
            [
                db_moment(run.started_at),
                db_moment(run.deadline_at),
                host,
                db_moment(now),
                db_uuid(run.pk),
                db_uuid(worker_id),
                run.fence,
                run.status,
            ],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        run.version, run.fence = row
        run.status, run.waiting_for, run.waiting_detail = RunStatus.RUNNING, "", ""
        facts = {"version": 1, "pipeline_run": run_facts(run)}
        _record(cursor, run, now, [("run_updated", facts)])
    return Lease(run, run.fence, run.cancel_requested_at is not None)


class _CancelledMeanwhile(Exception):
    """A cancel was committed before the run's success could be."""


class _CalledMeanwhile(Exception):
    """A parked step was woken, or the run cancelled, before the run could be left."""


def advance(
    lease: Lease,
    moves: Sequence[StepMove],
    repeats: Sequence[Repeat] = (),
    *,
    warnings: int = 0,
    also: Sequence[Write] = (),
) -> list[StepExecution]:
    """Commit the ends, skips and the next start of steps together, and tell of them.

    `also` write into the same transaction, after the steps. Returns the attempts that follow on
    `repeats`, in their order.

    Raises:
        Fenced: the run was taken over; nothing was written.
    """
    failpoint("engine.advance.before")
    change = replace(cleanup_of(lease.run), also=tuple(also))
    following = _commit(lease, moves, change, warnings, repeats)
    failpoint("engine.advance.after")
    _told(lease)
    return following


def finish(lease: Lease, moves: Sequence[StepMove], verdict: Verdict, *, warnings: int = 0) -> None:
    """Commit the last steps and the run's end; a cancel that came in time wins over success.

    Raises:
        Fenced: the run was taken over; nothing was written.
    """
    failpoint("engine.finish.before")
    try:
        _commit(lease, moves, _ending(lease.run, verdict), warnings)
    except _CancelledMeanwhile:
        cancelled = Verdict.cancelled(lease.run, verdict.outputs)
        _commit(lease, moves, _ending(lease.run, cancelled), warnings)
    failpoint("engine.finish.after")
    _told(lease)


def _ending(run: PipelineRun, verdict: Verdict) -> RunChange:
    now = timezone.now()
    elapsed = max(0, round((now - (run.started_at or now)).total_seconds() * 1000))
    return RunChange(
        (
            "status=%s",
            "reason=%s",
            "error_message=%s",
            "completed_at=%s",
            "duration_ms=%s",
            "outputs=%s",
            "waiting_for=''",
            "waiting_detail=''",
            "deadline_at=NULL",
        ),
        (
            verdict.status,
            db_text(verdict.reason, REASON_MAX),
            db_text(verdict.error_message),
            db_moment(now),
            elapsed,
            db_json(verdict.outputs),
        ),
        {
            "status": verdict.status,
            "reason": verdict.reason,
            "completed_at": now,
            "error_message": verdict.error_message,
            "duration_ms": elapsed,
        },
        "run_completed",
    )


def park(
    lease: Lease,
    moves: Sequence[StepMove],
    wait: Wait,
    repeats: Sequence[Repeat] = (),
    *,
    warnings: int = 0,
) -> bool:
    """Commit that the run waits for something outside, and let go of it: no slot is held.

    False, and nothing is written: what is waited for happened, or the run was cancelled, meanwhile.

    Raises:
        Fenced: the run was taken over; nothing was written.
    """
    left, deadline = time_left(lease.run, wait)
    change = RunChange(
        (
            "worker_id=NULL",
            "fence=fence+1",
            "waiting_for=%s",
            "waiting_detail=%s",
            "remaining_ms=%s",
            "deadline_at=%s",
            "reason=%s",
        ),
        (
            wait.waiting_for,
            db_text(wait.detail, DETAIL_MAX),
            left,
            db_moment(deadline),
            lease.run.reason,
        ),
        {"waiting_for": wait.waiting_for, "waiting_detail": wait.detail},
        "run_updated",
        wait,
        tuple(wait.also),
    )
    failpoint("engine.park.before")
    try:
        _commit(lease, moves, change, warnings, repeats)
    except _CalledMeanwhile:
        return False
    failpoint("engine.park.after")
    _told(lease)
    return True


def release(lease: Lease, moves: Sequence[StepMove], repeats: Sequence[Repeat], why: str) -> None:
    """Commit that this worker lets go in good order; another one goes on at once.

    Raises:
        Fenced: the run was taken over; nothing was written.
    """
    extra = cleanup_of(lease.run)
    change = RunChange(
        (
            "worker_id=NULL",
            "fence=fence+1",
            "waiting_for=%s",
            "waiting_detail=%s",
            *extra.assignments,
        ),
        (WaitingFor.WORKER, db_text(why, DETAIL_MAX), *extra.values),
        {"waiting_for": WaitingFor.WORKER, "waiting_detail": why},
        "run_updated",
    )
    failpoint("engine.release.before")
    _commit(lease, moves, change, 0, repeats)
    failpoint("engine.release.after")
    _told(lease)


@transaction.atomic(durable=True)
def _commit(
    lease: Lease,
    moves: Sequence[StepMove],
    change: RunChange,
    warnings: int,
    repeats: Sequence[Repeat] = (),
) -> list[StepExecution]:
    """One transaction: the run under its fence, the steps, the messages."""
    run, now = lease.run, timezone.now()
    done = sum(1 for move in moves if move.to in STEP_TERMINAL) - len(repeats)
    count = len(moves) + (1 if change.message else 0)
    with connection.cursor() as cursor:
        _move_run(cursor, lease, now, count, done, warnings, change)
        messages = []
        for move in moves:
            _move_step(cursor, move, now)
            facts = step_facts(move.execution)
            current = facts if move.to == StepStatus.RUNNING else None
            step = {"version": 1, "pipeline_run": run_facts(run, current), "step_execution": facts}
            messages.append(("step_updated", step))
        before = {name: getattr(run, name) for name in change.attributes}
        for name, value in change.attributes.items():
            setattr(run, name, value)
        if change.message:
            messages.append((change.message, {"version": 1, "pipeline_run": run_facts(run)}))
        _record(cursor, run, now, messages)
        following = [repeat_attempt(repeat.execution, repeat.due_at) for repeat in repeats]
        for write in change.also:
            write()
        if change.wait is not None and _is_called(cursor, lease, change.wait):
            before |= {"steps_done": run.steps_done - done, "warnings": run.warnings - warnings}
            for name, value in before.items():
                setattr(run, name, value)
            raise _CalledMeanwhile
    return following


def _is_called(cursor: Any, lease: Lease, wait: Wait) -> bool:
    """Whether the run need not be left any more; its row is locked."""
    if lease.cancel_requested and not wait.knows_cancel:
        return True
    cursor.execute(
        "SELECT 1 FROM pipelines_stepexecution WHERE run_id=%s AND status='running'"
        " AND parked_kind<>'' AND wake_message IS NOT NULL LIMIT 1",
        [db_uuid(lease.run.pk)],
    )
    if cursor.fetchone() is not None:
        return True
    cursor.execute(
        "SELECT COUNT(*) FROM pipelines_stepexecution s JOIN pipelines_approvalgate g"
        " ON g.step_execution_id=s.id WHERE s.run_id=%s AND s.status='waiting_approval'"
        " AND g.status='pending'",
        [db_uuid(lease.run.pk)],
    )
    return bool(cursor.fetchone()[0] < wait.asked)


def _move_run(
    cursor: Any,
    lease: Lease,
    now: datetime,
    count: int,
    done: int,
    warnings: int,
    change: RunChange,
) -> None:
    run = lease.run
    changes = ", ".join(("steps_done=steps_done+%s", "warnings=warnings+%s", *change.assignments))
    cursor.execute(
        f"UPDATE pipelines_pipelinerun SET {changes}, version=version+%s, updated_at=%s"  # noqa: S608
        " WHERE id=%s AND fence=%s AND status='running'"
        " RETURNING version, cancel_requested_at, cancelled_by, cancel_reason",
        [done, warnings, *change.values, count, db_moment(now), db_uuid(run.pk), lease.fence],
    )
    row = cursor.fetchone()
    if row is None:
        raise Fenced("Another worker has taken this run over.")
    lease.cancel_requested = row[1] is not None
    run.cancelled_by, run.cancel_reason = row[2:]
    if lease.cancel_requested and change.attributes.get("status") == RunStatus.SUCCESS:
        raise _CancelledMeanwhile
    run.version = row[0]
    run.steps_done += done
    run.warnings += warnings


def _move_step(cursor: Any, move: StepMove, now: datetime) -> None:
    execution = move.execution
    assignments: list[str] = ["status=%s"]
    values: list[object] = [move.to]
    for name, value in move.changes.items():
        if name not in MOVE_COLUMNS:
            raise KeyError(name)
        assignments.append(f"{name}=%s")
        values.append(move_value(name, value))
    cursor.execute(
        f"UPDATE pipelines_stepexecution SET {', '.join(assignments)}, version=version+1,"  # noqa: S608
        " updated_at=%s WHERE id=%s AND status=%s",
        [*values, db_moment(now), db_uuid(execution.pk), move.seen],
    )
    if cursor.rowcount != 1:
        raise Fenced(f"Step {execution.step_key} is no longer {move.seen}.")
    if move.commit_sha:
        cursor.execute(
            "UPDATE pipelines_pipelinerun SET commit_sha=%s WHERE id=%s AND commit_sha=''",
            [move.commit_sha, db_uuid(execution.run_id)],
        )
    move.apply()


def _record(
    cursor: Any, run: PipelineRun, now: datetime, messages: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    """Write the messages, numbered up to the version that the run just reached."""
    first = run.version - len(messages) + 1
    topic, account, moment = run_topic(run.pk), db_uuid(run.account_id), db_moment(now)
    cursor.executemany(
        "INSERT INTO devops_outboxmessage (id, account_id, topic, seq, name, payload, created_at,"
        " attempts, parked_reason) VALUES (%s,%s,%s,%s,%s,%s,%s,0,'')",
        [
            (db_uuid(uuid7()), account, topic, first + index, name, db_json(payload), moment)
            for index, (name, payload) in enumerate(messages)
        ],
    )


def _told(lease: Lease) -> None:
    """After the commit: hint the run's page directly, wake the relay, give the connection back."""
    nudge.send(run_topic(lease.run.pk), {"type": "topic.nudge", "seq": lease.run.version})
    nudge.poke_relay()
    release_connection()
