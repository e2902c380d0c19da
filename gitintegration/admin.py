"""The operators' view of hosts, mirrors and deliveries; secrets are left out."""

from django.contrib import admin

from devops.admin import RecordAdmin
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitPipelineSchedule,
    GitProvider,
    GitProviderCredential,
    GitRepository,
    GitRunner,
    GitSync,
    GitWebhookEvent,
    GitWorkflowTrigger,
    HostWrite,
    RunnerDispatch,
    WebhookEndpoint,
)


@admin.register(GitWebhookEvent)
class GitWebhookEventAdmin(RecordAdmin):
    """Deliveries."""

    list_display = ("created_at", "event_type", "repository", "ref", "status", "attempts", "result")
    list_filter = ("status", "event_type", "dialect")
    list_select_related = ("repository",)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(RecordAdmin):
    """Addresses."""

    list_display = ("repository", "dialect", "is_active", "delivery_count", "rejected_count")
    exclude = ("token_digest", "encrypted_token", "encrypted_secret")


@admin.register(GitProvider)
class GitProviderAdmin(RecordAdmin):
    """Hosts."""

    list_display = (
        "name",
        "provider_type",
        "account",
        "is_active",
        "last_contact_at",
        "last_error",
    )
    list_filter = ("provider_type", "is_active")
    list_select_related = ("account",)
    exclude = ("encrypted_oauth_secret",)


@admin.register(GitProviderCredential)
class GitProviderCredentialAdmin(RecordAdmin):
    """Credentials, without what they hold."""

    list_display = (
        "name", "provider", "auth_type", "is_active", "expires_at", "consecutive_failures",
        "last_error",
    )  # fmt: skip
    list_filter = ("auth_type", "is_active")
    list_select_related = ("provider",)
    exclude = ("encrypted_credentials",)


@admin.register(GitRepository)
class GitRepositoryAdmin(RecordAdmin):
    """Mirrors."""

    list_display = (
        "full_name", "account", "webhook_configured", "webhook_problem", "gone_at",
        "last_synced_at", "sync_error",
    )  # fmt: skip
    list_filter = ("webhook_configured", "is_archived")
    list_select_related = ("account",)


@admin.register(GitSync)
class GitSyncAdmin(RecordAdmin):
    """Imports and synchronisations."""

    list_display = (
        "created_at", "kind", "status", "total", "done_count", "error_count", "error_message",
    )  # fmt: skip
    list_filter = ("kind", "status")


@admin.register(GitPipeline)
class GitPipelineAdmin(RecordAdmin):
    """Runs of the hosts' own CI."""

    list_display = ("created_at", "repository", "name", "status", "conclusion", "ref")
    list_filter = ("status", "conclusion")
    list_select_related = ("repository",)


@admin.register(GitPipelineJob)
class GitPipelineJobAdmin(RecordAdmin):
    """Jobs of those runs."""

    list_display = ("created_at", "name", "status", "conclusion", "log_bytes", "log_error")
    list_filter = ("status",)


@admin.register(GitPipelineSchedule)
class GitPipelineScheduleAdmin(RecordAdmin):
    """Schedules of the hosts' own CI."""

    list_display = (
        "name",
        "repository",
        "cron_expression",
        "is_active",
        "next_run_at",
        "last_error",
    )
    list_select_related = ("repository",)


@admin.register(GitPipelineApproval)
class GitPipelineApprovalAdmin(RecordAdmin):
    """Approvals of those runs."""

    list_display = ("created_at", "gate_name", "environment", "status", "expires_at")
    list_filter = ("status",)


@admin.register(GitRunner)
class GitRunnerAdmin(RecordAdmin):
    """Runners of the hosts' own CI."""

    list_display = ("name", "runner_scope", "scope_name", "status", "last_seen_at")
    list_filter = ("status", "runner_scope")


@admin.register(RunnerDispatch)
class RunnerDispatchAdmin(RecordAdmin):
    """Workflows that were sent to runners."""

    list_display = ("created_at", "workflow", "runner", "status", "error_message")
    list_filter = ("status",)
    list_select_related = ("runner",)


@admin.register(AccountGitWebhookConfig)
class AccountGitWebhookConfigAdmin(RecordAdmin):
    """Receivers of git events."""

    list_display = ("name", "url", "is_active", "success_count", "failure_count", "disabled_reason")
    exclude = ("encrypted_secret_key", "encrypted_signature_secret", "encrypted_previous_secret")


@admin.register(GitWorkflowTrigger)
class GitWorkflowTriggerAdmin(RecordAdmin):
    """Rules that call automations."""

    list_display = ("name", "event_type", "status", "trigger_count", "last_triggered_at")
    list_filter = ("event_type", "status")


@admin.register(HostWrite)
class HostWriteAdmin(RecordAdmin):
    """What the hosts are told."""

    list_display = ("created_at", "kind", "target", "status", "attempts", "last_error")
    list_filter = ("kind", "status")
