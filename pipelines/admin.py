"""The operators' view of pipelines."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from devops.admin import RecordAdmin
from pipelines.models import Artifact, Pipeline, PipelineRun, StepExecution, TestReport, Worker


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
