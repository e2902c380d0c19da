"""Runs, attempts, logs and test reports as JSON."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devops.api.serializers import JSONObject, StrictSerializer
from pipelines.choices import RUN_TIMEOUT_MAX, TIMEOUT_MIN
from pipelines.models import PipelineRun, StepExecution, TestCase, TestReport, Worker


@extend_schema_field(OpenApiTypes.DOUBLE)
class MillisecondsField(serializers.Field[int, Any, float, Any]):
    """Milliseconds, shown as seconds."""

    def to_representation(self, value: Any) -> float:
        """Seconds with three decimals."""
        return int(value) / 1000


class RunSerializer(serializers.ModelSerializer[PipelineRun]):
    """A run as lists show it."""

    pipeline_id = serializers.UUIDField(read_only=True)
    pipeline_name = serializers.CharField(source="pipeline.name", read_only=True)
    retry_of_id = serializers.UUIDField(read_only=True, allow_null=True)
    worker_id = serializers.UUIDField(read_only=True, allow_null=True)
    duration_seconds = MillisecondsField(source="duration_ms", read_only=True, allow_null=True)
    progress_percentage = serializers.SerializerMethodField()
    runner_labels = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = PipelineRun
        fields = [
            "id", "pipeline_id", "pipeline_name", "run_number", "title", "status", "reason",
            "waiting_for", "waiting_detail", "trigger_type", "ref", "branch", "commit_sha",
            "trust_level", "actor_label", "attempt", "retry_of_id", "worker_id", "runner_labels",
            "warnings", "steps_total", "steps_done", "progress_percentage", "error_message",
            "cancel_requested_at", "cancelled_by", "created_at", "queued_at", "started_at",
            "completed_at", "deadline_at", "duration_seconds",
        ]  # fmt: skip
        read_only_fields = fields

    def get_progress_percentage(self, run: PipelineRun) -> int:
        """How many of the steps are done."""
        return run.steps_done * 100 // run.steps_total if run.steps_total else 0


class StepExecutionSerializer(serializers.ModelSerializer[StepExecution]):
    """One attempt at a step."""

    duration_seconds = MillisecondsField(source="duration_ms", read_only=True, allow_null=True)
    outputs = serializers.DictField(read_only=True)
    matrix = serializers.DictField(read_only=True)
    carried_from_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The attempt of an earlier run that it repeats."
    )

    class Meta:
        model = StepExecution
        fields = [
            "id", "step_key", "step_name", "step_type", "position", "phase", "group_key", "matrix",
            "matrix_index", "attempt", "carried_from_id", "status", "reason",
            "continue_on_error", "exit_code", "outputs", "error_message", "summary",
            "first_error_line", "log_truncated", "started_at", "completed_at", "deadline_at",
            "duration_seconds",
        ]  # fmt: skip
        read_only_fields = fields


class RunDetailSerializer(RunSerializer):
    """A run with its steps and all that decided it."""

    repository_id = serializers.UUIDField(read_only=True, allow_null=True)
    repository_name = serializers.SerializerMethodField()
    worker_name = serializers.SerializerMethodField()
    trigger_context = serializers.DictField(read_only=True)
    inputs = serializers.DictField(read_only=True)
    outputs = serializers.DictField(read_only=True)
    snapshot = serializers.DictField(read_only=True, help_text="The definition that it runs.")
    step_executions = StepExecutionSerializer(many=True, read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [
            *RunSerializer.Meta.fields, "repository_id", "repository_name", "worker_name",
            "definition_source", "trigger_context", "inputs", "outputs", "snapshot",
            "step_executions",
        ]  # fmt: skip
        read_only_fields = fields

    def get_repository_name(self, run: PipelineRun) -> str | None:
        """The repository's full name."""
        return run.repository.full_name if run.repository else None

    def get_worker_name(self, run: PipelineRun) -> str | None:
        """The worker that has it, or had it last."""
        return run.worker.name if run.worker else None


class StepEdit(StrictSerializer):
    """What may be changed of a step for one repetition; what is absent stays."""

    configuration = JSONObject(required=False)
    environment = JSONObject(required=False)
    condition = serializers.CharField(allow_blank=True, max_length=21_000, required=False)
    timeout_minutes = serializers.FloatField(
        allow_null=True, min_value=TIMEOUT_MIN, max_value=RUN_TIMEOUT_MAX, required=False
    )


class RetryBody(StrictSerializer):
    """Where to begin again, and what to change."""

    edits = serializers.DictField(
        child=StepEdit(), required=False, help_text="Changes by the key of their step."
    )

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python's, so it cannot be an attribute."""
        return {
            **super().get_fields(),
            "from": serializers.CharField(
                max_length=64, default="start", help_text="`start`, `failed` or the key of a step."
            ),
        }


class RunLogSerializer(serializers.Serializer[Any]):
    """A part of the log of one attempt."""

    step_execution_id = serializers.UUIDField()
    step_key = serializers.CharField()
    step_name = serializers.CharField()
    step_type = serializers.CharField()
    attempt = serializers.IntegerField()
    status = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True)
    error_message = serializers.CharField()
    outputs = serializers.DictField()
    offset = serializers.IntegerField(help_text="Byte at which `text` begins.")
    next_offset = serializers.IntegerField(help_text="Send it as `after` to go on.")
    size_bytes = serializers.IntegerField()
    complete = serializers.BooleanField()
    text = serializers.CharField()


class RunLogsSerializer(serializers.Serializer[Any]):
    """The logs of a run, attempt by attempt."""

    pipeline_run_id = serializers.UUIDField()
    status = serializers.CharField()
    retrieved_at = serializers.DateTimeField()
    logs = RunLogSerializer(many=True)


class GapSerializer(serializers.Serializer[Any]):
    """What the log's limit dropped."""

    from_offset = serializers.IntegerField()
    to_offset = serializers.IntegerField()
    from_line = serializers.IntegerField()
    to_line = serializers.IntegerField()


class LogLineSerializer(serializers.Serializer[Any]):
    """One line."""

    n = serializers.IntegerField(help_text="Counted from 1.")
    at = serializers.DateTimeField()
    text = serializers.CharField()
    truncated = serializers.BooleanField()


class StepLogSerializer(serializers.Serializer[Any]):
    """Some lines of one attempt's log."""

    step_execution_id = serializers.UUIDField()
    total_lines = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    complete = serializers.BooleanField()
    dropped_bytes = serializers.IntegerField()
    gaps = GapSerializer(many=True)
    lines = LogLineSerializer(many=True)


class TestCaseSerializer(serializers.ModelSerializer[TestCase]):
    """One test."""

    __test__ = False  # pytest collects classes named Test*

    duration_seconds = MillisecondsField(source="duration_ms", read_only=True)

    class Meta:
        model = TestCase
        fields = [
            "suite", "name", "file", "status", "is_quarantined", "duration_seconds", "message",
            "details",
        ]  # fmt: skip
        read_only_fields = fields


class TestReportSerializer(serializers.ModelSerializer[TestReport]):
    """The tests of one attempt, failures first."""

    __test__ = False  # pytest collects classes named Test*

    step_execution_id = serializers.UUIDField(read_only=True)
    duration_seconds = MillisecondsField(source="duration_ms", read_only=True)
    cases = serializers.SerializerMethodField()

    class Meta:
        model = TestReport
        fields = [
            "id", "step_execution_id", "total", "passed", "failed", "errors", "skipped",
            "quarantined", "duration_seconds", "is_truncated", "has_cases", "cases",
        ]  # fmt: skip
        read_only_fields = fields

    def get_cases(self, report: TestReport) -> list[dict[str, Any]]:
        """The failed ones before the others, at most 2,000."""
        order = {"failed": 0, "error": 0, "skipped": 1, "passed": 2}
        cases = sorted(report.cases.all(), key=lambda case: order[case.status])
        return list(TestCaseSerializer(cases[:2000], many=True).data)


class TestSummarySerializer(serializers.Serializer[Any]):
    """All test reports of a run."""

    __test__ = False  # pytest collects classes named Test*

    total = serializers.IntegerField()
    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # a field, not the property
    skipped = serializers.IntegerField()
    quarantined = serializers.IntegerField(help_text="Of the failed ones, forgiven.")
    duration_seconds = serializers.FloatField()
    reports = TestReportSerializer(many=True)


class RunEventSerializer(serializers.Serializer[Any]):
    """Something that happened in a run; `payload` is what listeners of the socket get."""

    seq = serializers.IntegerField()
    type = serializers.CharField(source="name")
    timestamp = serializers.DateTimeField(source="created_at")
    payload = serializers.DictField()


class RunEventsSerializer(serializers.Serializer[Any]):
    """What happened after a number."""

    results = RunEventSerializer(many=True)
    next_after = serializers.IntegerField(help_text="Send it as `after` to go on.")


class WorkerSerializer(serializers.ModelSerializer[Worker]):
    """A process that executes runs."""

    labels = serializers.ListField(child=serializers.CharField(), read_only=True)
    busy = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = Worker
        fields = [
            "id", "name", "host", "status", "labels", "capacity", "busy", "version", "executor",
            "started_at", "last_heartbeat_at", "lease_expires_at", "stopped_at", "stop_reason",
        ]  # fmt: skip
        read_only_fields = fields
