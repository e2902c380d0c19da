"""The hosts' own CI as we see it: runs, jobs, schedules, approvals, runners, dispatches."""

from django.conf import settings
from django.db import models

from devops.models import Lifecycle, Row
from gitintegration.choices import (
    ApprovalStatus,
    CiStatus,
    DispatchStatus,
    RunnerScope,
    RunnerStatus,
)
from gitintegration.models.providers import GitProviderCredential
from gitintegration.models.repositories import GitRepository


class _Mirrored(Lifecycle):
    """What runs and jobs of the host's own CI have in common; the words are ours."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=12, choices=CiStatus.choices)
    conclusion = models.CharField(max_length=20, blank=True)
    logs_url = models.CharField(max_length=500, blank=True)
    duration_ms = models.PositiveBigIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)

    class Meta(Lifecycle.Meta):
        abstract = True


class GitPipeline(_Mirrored):
    """One run of the host's own CI."""

    repository = models.ForeignKey(
        GitRepository, on_delete=models.CASCADE, related_name="pipelines"
    )
    # Ours where the host's word has one; the host's own stands in metadata.
    trigger_event = models.CharField(max_length=50, blank=True)
    ref = models.CharField(max_length=500, blank=True)
    sha = models.CharField(max_length=64, blank=True)
    head_sha = models.CharField(max_length=64, blank=True)
    actor_username = models.CharField(max_length=255, blank=True)
    actor_id = models.CharField(max_length=255, blank=True)
    web_url = models.CharField(max_length=500, blank=True)
    run_number = models.PositiveBigIntegerField(null=True)
    run_attempt = models.PositiveIntegerField(default=1)
    total_jobs = models.PositiveIntegerField(default=0)
    completed_jobs = models.PositiveIntegerField(default=0)
    failed_jobs = models.PositiveIntegerField(default=0)
    workflow_config = models.JSONField(default=dict)
    synced_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["repository", "external_id"], name="git_pipeline_external_once"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=CiStatus.values), name="git_pipeline_status"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="git_pipeline_account"),
            models.Index(fields=["repository", "-id"], name="git_pipeline_repository"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.external_id}"


class GitPipelineJob(_Mirrored):
    """One job of such a run; its log is a stream of the log store under the job's id."""

    pipeline = models.ForeignKey(GitPipeline, on_delete=models.CASCADE, related_name="jobs")
    step_number = models.PositiveIntegerField(default=0)
    runner_name = models.CharField(max_length=255, blank=True)
    runner_id = models.CharField(max_length=255, blank=True)
    runner_os = models.CharField(max_length=50, blank=True)
    # Bytes of the host's log that we hold, and whether that is all of it.
    log_bytes = models.PositiveBigIntegerField(default=0)
    is_log_complete = models.BooleanField(default=False)
    log_error = models.CharField(max_length=500, blank=True)
    log_wanted_until = models.DateTimeField(null=True)
    log_claimed_until = models.DateTimeField(null=True)
    steps = models.JSONField(default=list)
    outputs = models.JSONField(default=dict)

    class Meta:
        ordering = ["step_number", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "external_id"], name="git_job_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=CiStatus.values), name="git_job_status"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GitPipelineSchedule(Row):
    """A cron that has the host's own CI start a workflow."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    repository = models.ForeignKey(
        GitRepository, on_delete=models.CASCADE, related_name="schedules"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    last_pipeline = models.ForeignKey(
        GitPipeline, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    cron_expression = models.CharField(max_length=100)
    timezone = models.CharField(max_length=64, default="UTC")
    ref = models.CharField(max_length=255)
    workflow_file = models.CharField(max_length=255, blank=True)
    inputs = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)
    next_run_at = models.DateTimeField(null=True)
    last_run_at = models.DateTimeField(null=True)
    last_run_status = models.CharField(max_length=10, blank=True)
    last_error = models.CharField(max_length=1000, blank=True)
    run_count = models.PositiveIntegerField(default=0)
    success_count = models.PositiveIntegerField(default=0)
    failure_count = models.PositiveIntegerField(default=0)
    consecutive_failures = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["repository", "name"], name="git_schedule_name_once"),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"],
                name="git_schedule_due",
                condition=models.Q(is_active=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GitPipelineApproval(Lifecycle):
    """A question about a run of the host's own CI that waits for a person."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.ForeignKey(GitPipeline, on_delete=models.CASCADE, related_name="approvals")
    gate_name = models.CharField(max_length=100)
    environment = models.CharField(max_length=100, blank=True)
    description = models.TextField(blank=True)
    status = models.CharField(
        max_length=10, choices=ApprovalStatus.choices, default=ApprovalStatus.PENDING
    )
    # User ids or role names; empty means whoever holds the permission.
    required_approvers = models.JSONField(default=list)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    responded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    response_comment = models.TextField(blank=True)
    expires_at = models.DateTimeField(null=True)
    responded_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["pipeline", "gate_name"], name="git_approval_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=ApprovalStatus.values), name="git_approval_status"
            ),
        ]

    def __str__(self) -> str:
        return self.gate_name


class GitRunner(Row):
    """A runner that the host's own CI gives jobs to."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    credential = models.ForeignKey(
        GitProviderCredential, on_delete=models.CASCADE, related_name="runners"
    )
    repository = models.ForeignKey(
        GitRepository, on_delete=models.CASCADE, null=True, related_name="runners"
    )
    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    status = models.CharField(
        max_length=8, choices=RunnerStatus.choices, default=RunnerStatus.OFFLINE
    )
    busy = models.BooleanField(default=False)
    runner_scope = models.CharField(
        max_length=12, choices=RunnerScope.choices, default=RunnerScope.REPOSITORY
    )
    # The organization or group of an organization runner.
    scope_name = models.CharField(max_length=500, blank=True)
    labels = models.JSONField(default=list)
    os = models.CharField(max_length=50, blank=True)
    architecture = models.CharField(max_length=50, blank=True)
    runner_version = models.CharField(max_length=50, blank=True)
    last_seen_at = models.DateTimeField(null=True)
    total_jobs_run = models.PositiveIntegerField(default=0)
    successful_jobs = models.PositiveIntegerField(default=0)
    failed_jobs = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["credential", "external_id"], name="git_runner_once"),
        ]

    def __str__(self) -> str:
        return self.name


class RunnerDispatch(Lifecycle):
    """A workflow that was sent to a runner picked by its labels."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    runner = models.ForeignKey(GitRunner, on_delete=models.CASCADE, related_name="dispatches")
    repository = models.ForeignKey(
        GitRepository, on_delete=models.CASCADE, related_name="dispatches"
    )
    status = models.CharField(
        max_length=10, choices=DispatchStatus.choices, default=DispatchStatus.PENDING
    )
    workflow = models.CharField(max_length=255)
    ref = models.CharField(max_length=255)
    input_params = models.JSONField(default=dict)
    runner_labels = models.JSONField(default=list)
    key = models.CharField(max_length=120, unique=True)
    workflow_run_id = models.CharField(max_length=255, blank=True)
    workflow_url = models.CharField(max_length=500, blank=True)
    output_result = models.JSONField(default=dict)
    error_message = models.CharField(max_length=1000, blank=True)
    polls = models.PositiveIntegerField(default=0)
    next_poll_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveBigIntegerField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=DispatchStatus.values), name="runner_dispatch_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow} on {self.runner_id}"
