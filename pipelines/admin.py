"""The operators' view of pipelines."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from devops.admin import RecordAdmin
from pipelines.choices import MarketplaceStatus
from pipelines.models import (
    ApprovalGate,
    ApprovalVote,
    Artifact,
    KnownTest,
    Pipeline,
    PipelineRun,
    PipelineTemplate,
    StepApprovalToken,
    StepExecution,
    TestQuarantine,
    TestReport,
    Worker,
)
from pipelines.operations.template_versions import approve_versions


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


@admin.register(PipelineTemplate)
class PipelineTemplateAdmin(ModelAdmin):  # type: ignore[misc]
    """Templates: an operator decides which of them other accounts see, and which come first."""

    list_display = ("name", "account", "version", "status", "marketplace_status", "is_featured")
    list_filter = ("marketplace_status", "status", "is_system", "is_featured")
    list_select_related = ("account",)
    search_fields = ("name", "slug")
    fields = ("is_featured", "marketplace_rejection_reason")
    actions = ("approve", "reject")

    def has_add_permission(self, request: object) -> bool:
        return False

    def get_readonly_fields(
        self, request: HttpRequest, obj: PipelineTemplate | None = None
    ) -> tuple[str, ...]:
        """Only what is public can come first."""
        return () if obj is None or obj.is_public else ("is_featured",)

    @admin.action(description="Show to all accounts")
    def approve(self, _request: HttpRequest, rows: QuerySet[PipelineTemplate]) -> None:
        """Submitted templates become visible to the other accounts."""
        now = timezone.now()
        submitted = rows.filter(marketplace_status=MarketplaceStatus.SUBMITTED)
        approve_versions(list(submitted), now)
        submitted.update(
            marketplace_status=MarketplaceStatus.APPROVED,
            marketplace_approved_at=now,
            is_marketplace_published=True,
            marketplace_rejection_reason="",
        )

    @admin.action(description="Keep in its own account")
    def reject(self, _request: HttpRequest, rows: QuerySet[PipelineTemplate]) -> None:
        """Submitted or approved templates are seen by their own account alone."""
        rows.filter(is_system=False).exclude(marketplace_status=MarketplaceStatus.DRAFT).update(
            marketplace_status=MarketplaceStatus.REJECTED, is_marketplace_published=False
        )


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


@admin.register(KnownTest)
class KnownTestAdmin(RecordAdmin):
    """What is known of tests."""

    list_display = ("name", "pipeline", "last_status", "score", "failed_count", "last_seen_at")
    list_filter = ("last_status",)
    list_select_related = ("pipeline",)
    show_full_result_count = False


@admin.register(TestQuarantine)
class TestQuarantineAdmin(RecordAdmin):
    """Tests that people put aside."""

    list_display = ("test", "pipeline", "begun_by", "created_at", "expires_at", "ended_at")
    list_select_related = ("test", "pipeline")
