"""The background tasks of pipelines: each hands ids to one operation or to the engine's pool."""

import uuid
from functools import partial

from celery import shared_task

from devops.lanes import MODELS, REMOTES
from pipelines.engine import pool as engine
from pipelines.jobs import (
    ANSWER_HINT,
    DISPATCH,
    FIRE_SCHEDULES,
    INTERRUPT_RUN,
    NOTE_MAIL,
    REPORT_RUN,
    RESOLVE_EVENT,
    RETAIN,
    SWEEP,
    TAKE_RUNS,
)
from pipelines.operations import (
    approvals,
    artifacts,
    caches,
    dispatch,
    events,
    firing,
    hints,
    known_tests,
    old_runs,
    reporting,
    snapshots,
    sweeps,
)


@shared_task(name=TAKE_RUNS.name)
def take_runs() -> None:
    """Pick up what was assigned to this worker."""
    engine.current().take()


@shared_task(name=INTERRUPT_RUN.name)
def interrupt_run(run_id: str, reason: str) -> None:
    """Stop a run that this worker executes."""
    engine.current().interrupt(uuid.UUID(run_id), reason)


@shared_task(name=DISPATCH.name)
def dispatch_waiting() -> None:
    """Assign what can be assigned."""
    dispatch.dispatch_waiting()


@shared_task(name=FIRE_SCHEDULES.name)
def fire_schedules() -> None:
    """Start what the clock starts."""
    firing.fire_due_schedules()


@shared_task(name=RESOLVE_EVENT.name)
def resolve_event(message_id: str) -> None:
    """Start the runs of a repository event."""
    # It may have to fetch from a host that takes its time.
    REMOTES.submit(("resolve", message_id), partial(events.resolve_event, message_id))


@shared_task(name=ANSWER_HINT.name)
def answer_hint(hint_id: str) -> None:
    """Ask a model why a run failed."""
    # A model takes its time, too.
    MODELS.submit(("hint", hint_id), partial(hints.answer_hint, hint_id))


@shared_task(name=REPORT_RUN.name)
def report_run(message_id: str) -> None:
    """Tell the git host how a run ended."""
    reporting.report_run(message_id)


@shared_task(name=NOTE_MAIL.name)
def note_mail(message_id: str) -> None:
    """Keep how the mail of an approval ended."""
    approvals.note_mail(message_id)


@shared_task(name=SWEEP.name)
def sweep() -> None:
    """Find what lost messages left behind."""
    sweeps.sweep()


@shared_task(name=RETAIN.name)
def retain() -> None:
    """Remove what is older than the operator keeps."""
    sweeps.remove_old_workspaces()
    firing.remove_old_fires()
    snapshots.remove_old_snapshots()
    caches.remove_old_caches()
    artifacts.remove_expired_artifacts()
    known_tests.remove_old_cases()
    known_tests.remove_forgotten_tests()
    old_runs.remove_old_runs()
    old_runs.remove_old_checks()
