"""Runs that may be killing their workers are tried one at a time: others must not pay for one."""

import uuid

from django.db.models import Count, Q, QuerySet

from pipelines.choices import WORKER_LOSSES_MAX, RunStatus, StepStatus
from pipelines.models import PipelineRun, StepExecution

WORDS = "Its step was running when workers died; such runs are tried one at a time."


class Suspects:
    """The runs of a dispatch whose next loss would be their last, and whether one is being tried.

    All runs of a worker lose their step when it dies, the guilty and the innocent alike. Alone,
    only the guilty one loses it once more.
    """

    def __init__(self, orphans: list[PipelineRun]) -> None:
        keys = [run.pk for run in orphans if run.status == RunStatus.RUNNING]
        self._keys = set(_on_their_last_try(StepExecution.objects.filter(run__in=keys)))
        self._is_tried: bool | None = None

    def must_wait(self, run: PipelineRun) -> bool:
        """Whether the run has to wait for another suspect's try."""
        if run.pk not in self._keys:
            return False
        if self._is_tried is None:
            held = StepExecution.objects.filter(
                run__status=RunStatus.RUNNING, run__worker__isnull=False
            )
            self._is_tried = bool(_on_their_last_try(held))
        return self._is_tried

    def note_try(self, run: PipelineRun) -> None:
        """The run was given to a worker."""
        if run.pk in self._keys:
            self._is_tried = True


def _on_their_last_try(rows: QuerySet[StepExecution]) -> list[uuid.UUID]:
    """The runs with a step that is still to be done and has one loss left."""
    steps = (
        rows.values("run_id", "step_key", "matrix_index")
        .annotate(
            losses=Count("pk", filter=Q(reason="worker_lost")),
            live=Count("pk", filter=Q(status__in=[StepStatus.PENDING, StepStatus.RUNNING])),
        )
        .filter(losses__gte=WORKER_LOSSES_MAX - 1, live__gte=1)
    )
    return [row["run_id"] for row in steps.order_by("run_id")]
