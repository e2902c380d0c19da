"""The operators' view of pipelines."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from devops.admin import RecordAdmin
from pipelines.models import (
    ApprovalGate,
    ApprovalVote,
    Artifact,
    Pipeline,
    PipelineRun,
    StepApprovalToken,
    StepExecution,
    TestReport,
    Worker,
)


@admin.register(Pipeline)
class PipelineAdmin(ModelAdmin):  # type: ignore[misc]
    """Definitions; `is_system` protects one from its account's changes."""

    list_display = ("name", "account", "pipeline_type", "is_active", "is_system", "source_path")
    list_filter = ("pipeline_type", "is_active", "is_system")
    search_fields = ("name", "slug")
    fields = ("is_active", "is_system")

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(PipelineRun)
class PipelineRunAdmin(RecordAdmin):
    """Runs."""

    list_display = ("run_number", "pipeline", "account", "status", "reason", "worker", "created_at")
    list_filter = ("status", "trigger_type", "waiting_for")
    list_select_related = ("pipeline", "account", "worker")
    show_full_result_count = False


@admin.register(StepExecution)
class StepExecutionAdmin(RecordAdmin):
    """Attempts at steps."""

    list_display = ("step_key", "run", "attempt", "status", "reason", "duration_ms")
    list_filter = ("status", "step_type")
    list_select_related = ("run",)
    show_full_result_count = False


@admin.register(ApprovalGate)
class ApprovalGateAdmin(RecordAdmin):
    """Questions to people."""

    list_display = ("step_key", "run", "account", "kind", "status", "expires_at", "decided_by")
    list_filter = ("status", "kind")
    list_select_related = ("run", "account")
    show_full_result_count = False


@admin.register(ApprovalVote)
class ApprovalVoteAdmin(RecordAdmin):
    """Answers."""

    list_display = ("gate", "label", "answer", "via", "created_at")
    list_filter = ("answer", "via")


@admin.register(StepApprovalToken)
class StepApprovalTokenAdmin(RecordAdmin):
    """Recipients of questions; the digest opens nothing."""

    list_display = ("recipient_email", "gate", "status", "email_sent_at", "expires_at")
    list_filter = ("status",)
    exclude = ("token_digest",)


@admin.register(Worker)
class WorkerAdmin(RecordAdmin):
    """Worker processes."""

    list_display = ("name", "host", "status", "labels", "capacity", "lease_expires_at", "executor")
    list_filter = ("status",)


@admin.register(Artifact)
class ArtifactAdmin(RecordAdmin):
    """Kept files."""

    list_display = ("name", "run", "size_bytes", "expires_at")


@admin.register(TestReport)
class TestReportAdmin(RecordAdmin):
    """Test reports."""

    list_display = ("run", "total", "passed", "failed", "errors", "skipped")
