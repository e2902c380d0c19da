"""Times at which pipelines start by themselves, and what came of each."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from devops.ids import uuid7
from devops.models import Row
from pipelines.choices import JITTER_MAX_SECONDS, FireOutcome, Missed, Overlap
from pipelines.models.definitions import Pipeline
from pipelines.models.runs import PipelineRun


class Schedule(Row):
    """A cron expression in a time zone that starts a pipeline.

    `next_fire_at` is the next time of the expression, `next_run_at` the same with its jitter.
    """

    EDITED = (
        "name", "cron_expression", "timezone", "inputs", "ref", "is_active", "missed", "overlap",
        "jitter_seconds",
    )  # fmt: skip

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="schedules")
    name = models.CharField(max_length=200)
    cron_expression = models.CharField(max_length=100)
    timezone = models.CharField(max_length=64, default="UTC")
    inputs = models.JSONField(default=dict)
    ref = models.CharField(max_length=300, blank=True)
    is_active = models.BooleanField(default=True)
    missed = models.CharField(max_length=10, choices=Missed.choices, default=Missed.LATEST)
    overlap = models.CharField(max_length=16, choices=Overlap.choices, default=Overlap.QUEUE)
    jitter_seconds = models.PositiveIntegerField(default=0)
    next_fire_at = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField(null=True)
    last_run_at = models.DateTimeField(null=True)
    last_outcome = models.CharField(max_length=10, choices=FireOutcome.choices, blank=True)
    last_detail = models.CharField(max_length=300, blank=True)
    # Which entry of the pipeline's document it comes from; empty for those made by themselves.
    source_key = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "name"], name="schedule_name_once"),
            models.UniqueConstraint(
                fields=["pipeline", "source_key"],
                condition=~Q(source_key=""),
                name="schedule_source_once",
            ),
            models.CheckConstraint(
                condition=Q(jitter_seconds__lte=JITTER_MAX_SECONDS), name="schedule_jitter"
            ),
            models.CheckConstraint(condition=Q(missed__in=Missed.values), name="schedule_missed"),
            models.CheckConstraint(
                condition=Q(overlap__in=Overlap.values), name="schedule_overlap"
            ),
        ]
        indexes = [
            models.Index(fields=["next_run_at"], name="schedule_due", condition=Q(is_active=True)),
            models.Index(fields=["account", "-id"], name="schedule_account"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The schedule's page."""
        return f"/schedules/{self.pk}"


class ScheduleFire(models.Model):
    """One time of a schedule and what came of it; each is there at most once.

    `due_at` is the time with its jitter, `fired_at` when it was acted on.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="fires")
    fire_at = models.DateTimeField()
    due_at = models.DateTimeField()
    fired_at = models.DateTimeField(default=timezone.now)
    lateness_ms = models.PositiveBigIntegerField(default=0)
    outcome = models.CharField(max_length=10, choices=FireOutcome.choices)
    detail = models.CharField(max_length=300, blank=True)
    run = models.ForeignKey(
        PipelineRun, on_delete=models.SET_NULL, null=True, related_name="schedule_fires"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "fire_at"], name="fire_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=FireOutcome.values), name="fire_outcome"
            ),
        ]
        indexes = [
            models.Index(fields=["schedule", "-id"], name="fire_of_schedule"),
            models.Index(fields=["account", "-id"], name="fire_account"),
            models.Index(fields=["fired_at"], name="fire_age"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.fire_at:%Y-%m-%d %H:%M}"
