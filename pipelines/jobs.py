"""The background tasks of pipelines, by name."""

from devops.taskref import TaskRef

TAKE_RUNS = TaskRef("pipelines.take_runs")
INTERRUPT_RUN = TaskRef("pipelines.interrupt_run")
DISPATCH = TaskRef("pipelines.dispatch")
RESOLVE_EVENT = TaskRef("pipelines.resolve_event")
REPORT_RUN = TaskRef("pipelines.report_run")
FIRE_SCHEDULES = TaskRef("pipelines.fire_schedules")
NOTE_MAIL = TaskRef("pipelines.note_mail")
ANSWER_HINT = TaskRef("pipelines.answer_hint")
SWEEP = TaskRef("pipelines.sweep")
RETAIN = TaskRef("pipelines.retain")


def worker_queue(worker_id: object) -> str:
    """The queue that only one worker consumes."""
    return f"worker.{worker_id}"
