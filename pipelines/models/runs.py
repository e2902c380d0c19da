"""What was run: runs, attempts at steps, and what they left behind."""

import uuid

from django.db import models
from django.db.models import F, Q

from devops.models import Lifecycle, Row
from pipelines.choices import RUN_LIVE, Phase, RunStatus, StepStatus, TriggerType, Trust, WaitingFor
from pipelines.models.definitions import Pipeline, PipelineStep, Worker


class PipelineRun(Lifecycle):
    """One execution of a pipeline, with an immutable snapshot of all that decides it.

    `fence` grows with every claim and release; a write with an older one changes nothing.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.ForeignKey(Pipeline, on_delete=models.RESTRICT, related_name="runs")
    repository = models.ForeignKey(
        "devops.Repository", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    run_number = models.PositiveIntegerField()
    title = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.PENDING)
    reason = models.CharField(max_length=30, blank=True)
    waiting_for = models.CharField(
        max_length=10, choices=WaitingFor.choices, default=WaitingFor.NOTHING, blank=True
    )
    waiting_detail = models.CharField(max_length=500, blank=True)
    trigger_type = models.CharField(max_length=20, choices=TriggerType.choices)
    trigger_context = models.JSONField(default=dict)
    inputs = models.JSONField(default=dict)
    event_key = models.CharField(max_length=80, null=True)  # noqa: DJ001  (unique when present)
    ref = models.CharField(max_length=300, blank=True)
    branch = models.CharField(max_length=255, blank=True)
    commit_sha = models.CharField(max_length=64, blank=True)
    snapshot = models.JSONField()
    definition_source = models.CharField(max_length=300, blank=True)
    trust_level = models.CharField(max_length=10, choices=Trust.choices, default=Trust.TRUSTED)
    actor_label = models.CharField(max_length=200, blank=True)
    triggered_by = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="retries"
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    priority = models.SmallIntegerField(default=0)
    runner_labels = models.JSONField(default=list)
    concurrency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001  (null = no group)
    # Its index is `run_of_worker`.
    worker = models.ForeignKey(
        Worker, on_delete=models.SET_NULL, null=True, related_name="runs", db_index=False
    )
    fence = models.PositiveBigIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=200, blank=True)
    cancel_reason = models.CharField(max_length=30, blank=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    # What is left of the run's time while it waits for a person; that waiting is not counted.
    remaining_ms = models.PositiveBigIntegerField(null=True)
    duration_ms = models.PositiveBigIntegerField(null=True)
    outputs = models.JSONField(default=dict)
    warnings = models.PositiveIntegerField(default=0)
    steps_total = models.PositiveIntegerField(default=0)
    steps_done = models.PositiveIntegerField(default=0)
    error_message = models.TextField(blank=True)
    workspace_host = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "run_number"], name="run_number_once"),
            models.UniqueConstraint(fields=["pipeline", "event_key"], name="run_event_once"),
            models.UniqueConstraint(
                fields=["concurrency_key"], condition=Q(status="running"), name="run_slot_once"
            ),
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="run_status"),
            models.CheckConstraint(
                condition=Q(trigger_type__in=TriggerType.values), name="run_trigger_type"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="run_account"),
            models.Index(fields=["account", "status", "-id"], name="run_account_status"),
            models.Index(fields=["pipeline", "-id"], name="run_pipeline"),
            models.Index(fields=["pipeline", "status", "-id"], name="run_pipeline_status"),
            # How a repository's branch stands with a pipeline. With the repository in it, or
            # PostgreSQL takes two indexes together and sorts all that it finds.
            models.Index(
                fields=["pipeline", "repository", "branch", "-id"], name="run_repository_branch"
            ),
            models.Index(fields=["account", "branch", "-id"], name="run_account_branch"),
            models.Index(fields=["account", "trigger_type", "-id"], name="run_account_trigger"),
            models.Index(fields=["commit_sha"], name="run_commit"),
            # Whole, because SQLite cannot tell that a status asked for is in a condition's list.
            models.Index("status", F("priority").desc(), F("id"), name="run_in_line"),
            # Whole for the same reason: a worker has many runs behind it and holds few.
            models.Index(fields=["worker", "status"], name="run_of_worker"),
            models.Index(
                fields=["concurrency_key", "status", "worker", "id"],
                name="run_group",
                condition=Q(concurrency_key__isnull=False),
            ),
            models.Index(
                fields=["waiting_for"],
                name="run_orphan",
                condition=Q(status="running", worker=None),
            ),
            models.Index(
                fields=["deadline_at"], name="run_deadline", condition=Q(status="running")
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.run_number}"

    @property
    def url(self) -> str:
        """The run's page."""
        return f"/runs/{self.pk}"

    @property
    def is_live(self) -> bool:
        """Whether something may still happen."""
        return self.status in RUN_LIVE

    @property
    def progress_percentage(self) -> int:
        """How much of the steps is over."""
        return min(100, self.steps_done * 100 // self.steps_total) if self.steps_total else 0


class StepExecution(Lifecycle):
    """One attempt at one step of a run; its id is also that of its log, unless it was carried."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="step_executions")
    step = models.ForeignKey(PipelineStep, on_delete=models.SET_NULL, null=True, related_name="+")
    step_key = models.CharField(max_length=64)
    step_name = models.CharField(max_length=200)
    step_type = models.CharField(max_length=60)
    position = models.PositiveIntegerField()
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.MAIN)
    group_key = models.CharField(max_length=64, blank=True)
    matrix = models.JSONField(default=dict)
    matrix_index = models.PositiveIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=1)
    # In a re-run: the attempt of an earlier run whose end was taken over; its log is that one's.
    carried_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="carried_to"
    )
    status = models.CharField(max_length=16, choices=StepStatus.choices, default=StepStatus.PENDING)
    reason = models.CharField(max_length=30, blank=True)
    continue_on_error = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveBigIntegerField(null=True)
    exit_code = models.IntegerField(null=True)
    outputs = models.JSONField(default=dict)
    error_message = models.TextField(blank=True)
    summary = models.TextField(blank=True)
    first_error_line = models.PositiveIntegerField(null=True)
    log_truncated = models.BooleanField(default=False)
    parked_kind = models.CharField(max_length=12, blank=True)
    parked_ref = models.CharField(max_length=200, blank=True)
    wake_message = models.JSONField(null=True)

    class Meta:
        ordering = ["position", "matrix_index", "attempt"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step_key", "matrix_index", "attempt"], name="execution_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=StepStatus.values), name="execution_status"
            ),
        ]
        indexes = [
            models.Index(
                fields=["deadline_at"], name="execution_parked", condition=~Q(parked_kind="")
            ),
            models.Index(
                fields=["account", "-id"],
                name="execution_deployed",
                condition=Q(step_type="deploy", status="success"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_key} (attempt {self.attempt})"

    @property
    def log_id(self) -> uuid.UUID:
        """The log stream with what the attempt said."""
        return self.carried_from_id or self.pk


class Artifact(Row):
    """A file or folder that a step kept, stored as a blob."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="artifacts")
    step_execution = models.ForeignKey(
        StepExecution, on_delete=models.SET_NULL, null=True, related_name="artifacts"
    )
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=500)
    blob = models.ForeignKey("devops.Blob", on_delete=models.RESTRICT, related_name="+")
    size_bytes = models.PositiveBigIntegerField()
    file_count = models.PositiveIntegerField(default=1)
    is_archive = models.BooleanField(default=False)
    # The names and sizes of an archive's first files, so that nobody has to unpack it to look.
    contents = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True)
    is_pinned = models.BooleanField(default=False)
    pinned_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="artifact_name_once"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="artifact_expiry")]

    def __str__(self) -> str:
        return self.name
