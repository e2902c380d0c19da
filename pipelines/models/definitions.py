"""What is to be run: pipelines, their steps, the repositories they watch."""

from django.db import models
from django.db.models import F, Q

from devops.models import Row
from pipelines.choices import (
    RUN_TIMEOUT_DEFAULT,
    RUN_TIMEOUT_MAX,
    TIMEOUT_MIN,
    Phase,
    PipelineType,
)


class Pipeline(Row):
    """A workflow definition: triggers, ordered steps, run settings."""

    # Every change of the definition, its steps and its text counts the version up.
    EDITED = ("definition_version", "is_active")

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=64)
    description = models.TextField(blank=True)
    pipeline_type = models.CharField(
        max_length=12, choices=PipelineType.choices, default=PipelineType.CUSTOM
    )
    triggers = models.JSONField(default=dict)
    environment = models.JSONField(default=dict)
    secret_refs = models.JSONField(default=list)
    runner_labels = models.JSONField(default=list)
    timeout_minutes = models.FloatField(default=RUN_TIMEOUT_DEFAULT)
    allow_concurrent = models.BooleanField(default=False)
    features = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)
    is_system = models.BooleanField(default=False)
    definition_version = models.PositiveIntegerField(default=1)
    notification_recipients = models.JSONField(default=list)
    notification_settings = models.JSONField(default=dict)
    provider = models.ForeignKey(
        "devops.Provider", on_delete=models.RESTRICT, null=True, related_name="+"
    )
    # Pipeline as code: the file of the repository that this definition comes from.
    source_repository = models.ForeignKey(
        "devops.Repository", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    source_path = models.CharField(max_length=300, blank=True)
    source_sha = models.CharField(max_length=64, blank=True)
    last_run_number = models.PositiveIntegerField(default=0)
    # Whoever has it may see the badge; null while it is not published.
    badge_token = models.CharField(max_length=43, null=True, unique=True)  # noqa: DJ001
    created_by = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "slug"], condition=Q(deleted_at=None), name="pipeline_slug_once"
            ),
            models.CheckConstraint(
                condition=Q(timeout_minutes__gte=TIMEOUT_MIN, timeout_minutes__lte=RUN_TIMEOUT_MAX),
                name="pipeline_timeout",
            ),
            models.CheckConstraint(
                condition=Q(pipeline_type__in=PipelineType.values), name="pipeline_type"
            ),
            models.UniqueConstraint(
                fields=["source_repository", "source_path"],
                condition=Q(deleted_at=None) & ~Q(source_path=""),
                name="pipeline_source_once",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "is_active"], name="pipeline_active"),
            models.Index(fields=["account", "pipeline_type"], name="pipeline_by_type"),
            models.Index(fields=["account", "-id"], name="pipeline_account"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The pipeline's page."""
        return f"/pipelines/{self.slug}"


class PipelineDocument(Row):
    """The text that a definition was last written as: its comments, order and quoting.

    The definition is what runs; the text is shown only while it says the same.
    """

    pipeline = models.OneToOneField(Pipeline, on_delete=models.CASCADE, related_name="document")
    text = models.TextField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.pipeline_id}: {len(self.text)} characters"


class PipelineStep(Row):
    """One step of a pipeline."""

    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    step_type = models.CharField(max_length=60)
    position = models.PositiveIntegerField()
    configuration = models.JSONField(default=dict)
    inputs = models.JSONField(default=dict)
    outputs = models.JSONField(default=dict)
    condition = models.TextField(blank=True)
    continue_on_error = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    requires_approval = models.BooleanField(default=False)
    approval_settings = models.JSONField(default=dict)
    environment = models.JSONField(default=dict)
    secret_refs = models.JSONField(default=list)
    timeout_minutes = models.FloatField(null=True)
    retry = models.JSONField(default=dict)
    matrix = models.JSONField(default=dict)
    cache = models.JSONField(default=dict)
    image = models.CharField(max_length=1000, blank=True)
    services = models.JSONField(default=dict)
    group_key = models.CharField(max_length=64, blank=True)
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.MAIN)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "key"], name="step_key_once"),
            models.CheckConstraint(condition=Q(position__gte=1), name="step_position"),
            models.CheckConstraint(
                condition=Q(timeout_minutes=None) | Q(timeout_minutes__gte=TIMEOUT_MIN),
                name="step_timeout",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PipelineRepository(Row):
    """Which repositories start a pipeline, with what they change in its configuration."""

    pipeline = models.ForeignKey(Pipeline, on_delete=models.CASCADE, related_name="links")
    repository = models.ForeignKey(
        "devops.Repository", on_delete=models.RESTRICT, related_name="pipeline_links"
    )
    overrides = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "repository"], name="link_once"),
        ]

    def __str__(self) -> str:
        return f"{self.pipeline_id} ← {self.repository_id}"


class Worker(Row):
    """One worker process: what it can run, and until when it is believed alive."""

    name = models.CharField(max_length=120, unique=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    labels = models.JSONField(default=list)
    capacity = models.PositiveIntegerField()
    version = models.CharField(max_length=40)
    executor = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, default="online")
    lease_expires_at = models.DateTimeField()
    last_heartbeat_at = models.DateTimeField()
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    stop_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["online", "draining", "offline"]), name="worker_status"
            ),
        ]
        indexes = [models.Index(F("status"), F("lease_expires_at"), name="worker_lease")]

    def __str__(self) -> str:
        return self.name
