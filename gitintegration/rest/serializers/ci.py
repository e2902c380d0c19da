"""The hosts' own CI as JSON: runs, jobs, schedules, approvals, runners."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, StrictSerializer
from gitintegration.choices import RunnerScope
from gitintegration.models import (
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitPipelineSchedule,
    GitRunner,
    RunnerDispatch,
)
from gitintegration.operations import approvals, schedules
from gitintegration.operations.runners import STALE
from gitintegration.statistics import is_recent, runner_rates


class GitPipelineSerializer(serializers.ModelSerializer[GitPipeline]):
    """A run of the host's own CI."""

    repository_id = serializers.UUIDField()
    repository = serializers.CharField(source="repository.full_name")
    duration_seconds = serializers.SerializerMethodField()
    progress_percentage = serializers.SerializerMethodField()
    branch_name = serializers.SerializerMethodField()
    short_sha = serializers.SerializerMethodField()

    class Meta:
        model = GitPipeline
        fields = [
            "id", "repository_id", "repository", "external_id", "name", "status", "conclusion",
            "trigger_event", "ref", "branch_name", "sha", "short_sha", "actor_username",
            "actor_id", "web_url", "run_number", "run_attempt", "total_jobs", "completed_jobs",
            "failed_jobs", "progress_percentage", "duration_seconds", "started_at",
            "completed_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_duration_seconds(self, run: GitPipeline) -> float | None:
        """How long it took."""
        return None if run.duration_ms is None else run.duration_ms / 1000

    def get_progress_percentage(self, run: GitPipeline) -> int:
        """0 without jobs, 100 at the end."""
        if run.status in {"completed", "failed", "cancelled", "skipped"}:
            return 100
        return round(100 * run.completed_jobs / run.total_jobs) if run.total_jobs else 0

    def get_branch_name(self, run: GitPipeline) -> str:
        """The branch without its prefix."""
        return run.ref.removeprefix("refs/heads/")

    def get_short_sha(self, run: GitPipeline) -> str:
        """The first seven characters."""
        return run.sha[:7]


class JobStepSerializer(serializers.Serializer[Any]):
    """A step of a job."""

    name = serializers.CharField()
    number = serializers.IntegerField()
    status = serializers.CharField()
    conclusion = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)


class GitJobSerializer(serializers.ModelSerializer[GitPipelineJob]):
    """A job of such a run."""

    pipeline_id = serializers.UUIDField()
    steps = JobStepSerializer(many=True)
    duration_seconds = serializers.SerializerMethodField()
    logs_available = serializers.SerializerMethodField()
    completed_steps = serializers.SerializerMethodField()
    total_steps = serializers.SerializerMethodField()

    class Meta:
        model = GitPipelineJob
        fields = [
            "id", "pipeline_id", "external_id", "name", "status", "conclusion", "step_number",
            "runner_name", "runner_id", "runner_os", "logs_url", "logs_available", "log_bytes",
            "is_log_complete", "log_error", "steps", "completed_steps", "total_steps",
            "duration_seconds", "started_at", "completed_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_duration_seconds(self, job: GitPipelineJob) -> float | None:
        """How long it took."""
        return None if job.duration_ms is None else job.duration_ms / 1000

    def get_logs_available(self, job: GitPipelineJob) -> bool:
        """Whether there is, or may be, a log."""
        return bool(job.log_bytes) or job.status not in {"queued", "pending"}

    def get_completed_steps(self, job: GitPipelineJob) -> int:
        """Steps that are over."""
        return sum(step.get("status") not in {"queued", "pending", "in_progress"}
                   for step in job.steps)  # fmt: skip

    def get_total_steps(self, job: GitPipelineJob) -> int:
        """All steps."""
        return len(job.steps)


class GitPipelineDetailSerializer(GitPipelineSerializer):
    """A run with its jobs."""

    jobs = GitJobSerializer(many=True)
    metadata = serializers.DictField()

    class Meta(GitPipelineSerializer.Meta):
        fields = [*GitPipelineSerializer.Meta.fields, "jobs", "metadata"]
        read_only_fields = fields


class CiStatsSerializer(serializers.Serializer[Any]):
    """Figures of the hosts' own CI."""

    total_runs = serializers.IntegerField()
    success_count = serializers.IntegerField()
    failed_count = serializers.IntegerField()
    cancelled_count = serializers.IntegerField()
    success_rate = serializers.FloatField()
    avg_duration_seconds = serializers.FloatField(allow_null=True)
    runs_today = serializers.IntegerField()
    runs_this_week = serializers.IntegerField()
    active_runs = serializers.IntegerField()


class JobLogSerializer(serializers.Serializer[Any]):
    """A job's log from a byte on."""

    job_id = serializers.UUIDField()
    logs = serializers.CharField(trim_whitespace=False)
    offset = serializers.IntegerField(help_text="Byte of the first character.")
    next_offset = serializers.IntegerField(help_text="Send as `after` for what follows.")
    size_bytes = serializers.IntegerField()
    is_complete = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)


class GitScheduleSerializer(serializers.ModelSerializer[GitPipelineSchedule]):
    """A schedule of the host's own CI."""

    repository_id = serializers.UUIDField()
    repository = serializers.CharField(source="repository.full_name")
    inputs = serializers.DictField()
    success_rate = serializers.SerializerMethodField()

    class Meta:
        model = GitPipelineSchedule
        fields = [
            "id", "repository_id", "repository", "name", "description", "cron_expression",
            "timezone", "ref", "workflow_file", "inputs", "is_active", "next_run_at",
            "last_run_at", "last_run_status", "last_error", "run_count", "success_count",
            "failure_count", "consecutive_failures", "success_rate", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_success_rate(self, schedule: GitPipelineSchedule) -> float:
        """Percent of the firings that the host took."""
        if not schedule.run_count:
            return 0.0
        return round(100 * schedule.success_count / schedule.run_count, 2)


class GitScheduleDetailSerializer(GitScheduleSerializer):
    """A schedule with its next times."""

    next_runs = serializers.SerializerMethodField()
    overdue = serializers.SerializerMethodField()

    class Meta(GitScheduleSerializer.Meta):
        fields = [*GitScheduleSerializer.Meta.fields, "next_runs", "overdue"]
        read_only_fields = fields

    def get_next_runs(self, schedule: GitPipelineSchedule) -> list[str]:
        """The next five times, in UTC."""
        return [moment.isoformat() for moment in schedules.next_times(schedule)]

    def get_overdue(self, schedule: GitPipelineSchedule) -> bool:
        """Whether its time has passed without a firing."""
        return schedules.is_overdue(schedule)


class GitScheduleChanges(StrictSerializer):
    """What can be said about a schedule."""

    name = serializers.CharField(max_length=100)
    cron_expression = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=10_000, allow_blank=True, required=False)
    timezone = serializers.CharField(max_length=64, required=False)
    ref = serializers.CharField(max_length=255, required=False)
    workflow_file = serializers.CharField(max_length=255, allow_blank=True, required=False)
    inputs = JSONObject(required=False)
    is_active = serializers.BooleanField(required=False)


class GitApprovalSerializer(serializers.ModelSerializer[GitPipelineApproval]):
    """A question about a run."""

    pipeline_id = serializers.UUIDField()
    pipeline_name = serializers.CharField(source="pipeline.name")
    repository = serializers.CharField(source="pipeline.repository.full_name")
    required_approvers = serializers.ListField(child=serializers.CharField())
    responded_by = serializers.SerializerMethodField()
    can_respond = serializers.SerializerMethodField()
    can_user_approve = serializers.SerializerMethodField()

    class Meta:
        model = GitPipelineApproval
        fields = [
            "id", "pipeline_id", "pipeline_name", "repository", "gate_name", "environment",
            "description", "status", "required_approvers", "responded_by", "response_comment",
            "expires_at", "responded_at", "can_respond", "can_user_approve", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_responded_by(self, approval: GitPipelineApproval) -> str | None:
        """Who answered."""
        return str(approval.responded_by) if approval.responded_by else None

    def get_can_respond(self, approval: GitPipelineApproval) -> bool:
        """Pending, and not past its expiry."""
        return approvals.can_respond(approval)

    def get_can_user_approve(self, approval: GitPipelineApproval) -> bool:
        """Whether the asker is one of its approvers."""
        actor = self.context["actor"]
        return approvals.can_respond(approval) and approvals.may_approve(actor, approval)


class CommentBody(StrictSerializer):
    """Why."""

    comment = serializers.CharField(max_length=10_000, allow_blank=True, required=False)


class RunnerSerializer(serializers.ModelSerializer[GitRunner]):
    """A runner of the host's own CI."""

    credential_id = serializers.UUIDField()
    repository_id = serializers.UUIDField(allow_null=True)
    repository = serializers.SerializerMethodField()
    provider_type = serializers.CharField(source="credential.provider.provider_type")
    labels = serializers.ListField(child=serializers.CharField())
    success_rate = serializers.SerializerMethodField()
    failure_rate = serializers.SerializerMethodField()
    recently_active = serializers.SerializerMethodField()

    class Meta:
        model = GitRunner
        fields = [
            "id", "credential_id", "repository_id", "repository", "provider_type", "external_id",
            "name", "status", "busy", "runner_scope", "scope_name", "labels", "os",
            "architecture", "runner_version", "last_seen_at", "recently_active",
            "total_jobs_run", "successful_jobs", "failed_jobs", "success_rate", "failure_rate",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_repository(self, runner: GitRunner) -> str | None:
        """The repository of a repository's runner."""
        return runner.repository.full_name if runner.repository else None

    def get_success_rate(self, runner: GitRunner) -> float:
        """Percent of its jobs that succeeded."""
        return runner_rates(runner)[0]

    def get_failure_rate(self, runner: GitRunner) -> float:
        """Percent of its jobs that failed."""
        return runner_rates(runner)[1]

    def get_recently_active(self, runner: GitRunner) -> bool:
        """Seen within five minutes."""
        return is_recent(runner.last_seen_at, STALE)


class RunnerStatsSerializer(serializers.Serializer[Any]):
    """How many runners there are."""

    total = serializers.IntegerField()
    online = serializers.IntegerField()
    offline = serializers.IntegerField()
    busy = serializers.IntegerField()
    available = serializers.IntegerField()
    utilization_pct = serializers.FloatField()


class RunnerSyncBody(StrictSerializer):
    """Which runners to fetch; all without a word."""

    credential_id = serializers.UUIDField(required=False)
    repository_id = serializers.UUIDField(required=False)


class RunnerSyncSerializer(serializers.Serializer[Any]):
    """What was fetched."""

    synced_count = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.CharField())


class LabelsBody(StrictSerializer):
    """A runner's labels from now on."""

    labels = serializers.ListField(child=serializers.CharField(max_length=100), max_length=50)


class RegistrationBody(StrictSerializer):
    """Where a new runner is to register: a repository, or an organization, or the instance."""

    repository_id = serializers.UUIDField(required=False)
    credential_id = serializers.UUIDField(required=False)
    scope = serializers.ChoiceField(choices=RunnerScope.choices, required=False)
    organization = serializers.CharField(max_length=255, required=False)


class DispatchBody(StrictSerializer):
    """Which workflow to send to a free runner with all the labels; once per `Idempotency-Key`."""

    repository_id = serializers.UUIDField()
    workflow = serializers.CharField(max_length=255)
    labels = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=50, required=False
    )
    ref = serializers.CharField(max_length=255, required=False, allow_blank=True)
    inputs = serializers.DictField(
        child=serializers.CharField(max_length=10_000, allow_blank=True), required=False
    )


class DispatchSerializer(serializers.ModelSerializer[RunnerDispatch]):
    """A workflow that was sent to a picked runner."""

    runner_id = serializers.UUIDField()
    runner_name = serializers.CharField(source="runner.name")
    repository_id = serializers.UUIDField()
    runner_labels = serializers.ListField(child=serializers.CharField())
    input_params = serializers.DictField()
    output_result = serializers.DictField()
    duration_seconds = serializers.SerializerMethodField()

    class Meta:
        model = RunnerDispatch
        fields = [
            "id", "runner_id", "runner_name", "repository_id", "status", "workflow", "ref",
            "runner_labels", "input_params", "output_result", "workflow_run_id", "workflow_url",
            "error_message", "duration_seconds", "dispatched_at", "completed_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_duration_seconds(self, row: RunnerDispatch) -> float | None:
        """How long its run took."""
        return None if row.duration_ms is None else row.duration_ms / 1000


class RunnerTokenSerializer(serializers.Serializer[Any]):
    """A token for a runner, shown this once."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    command = serializers.CharField(allow_blank=True)
