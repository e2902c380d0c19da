"""The lives of deliveries, syncs, mirrored runs, approvals and dispatches."""

from typing import Any

from devops.state import StateMachine
from gitintegration.choices import ApprovalStatus as A
from gitintegration.choices import DispatchStatus as D
from gitintegration.choices import SyncStatus as S
from gitintegration.choices import WebhookEventStatus as W
from gitintegration.models import (
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitSync,
    GitWebhookEvent,
    RunnerDispatch,
)


def _describe(event: GitWebhookEvent) -> tuple[str, dict[str, Any]]:
    facts = {
        "id": str(event.pk),
        "status": event.status,
        "event_type": event.event_type,
        "repository_id": str(event.repository_id) if event.repository_id else None,
        "result": event.result,
        "error_message": event.error_message,
    }
    return "webhook_event_updated", {"version": 1, "webhook_event": facts}


webhook_event_states: StateMachine[GitWebhookEvent] = StateMachine(
    "webhook_event",
    {
        W.PENDING: {W.PROCESSING, W.PROCESSED, W.IGNORED, W.FAILED},
        W.PROCESSING: {W.PROCESSED, W.IGNORED, W.FAILED, W.PENDING},
        W.PROCESSED: {W.PENDING},
        W.IGNORED: {W.PENDING},
        W.FAILED: {W.PENDING},
    },
    _describe,
)


def sync_facts(sync: GitSync) -> dict[str, Any]:
    """A fetch of many repositories as the API and the sockets show it."""
    return {
        "id": str(sync.pk),
        "credential_id": str(sync.credential_id),
        "kind": sync.kind,
        "status": sync.status,
        "total": sync.total,
        "done_count": sync.done_count,
        "imported_count": sync.imported_count,
        "error_count": sync.error_count,
        "error_message": sync.error_message,
    }


sync_states: StateMachine[GitSync] = StateMachine(
    "git_sync",
    {
        S.PENDING: {S.RUNNING, S.FAILED},
        S.RUNNING: {S.COMPLETED, S.FAILED},
        S.COMPLETED: set(),
        S.FAILED: set(),
    },
    lambda sync: ("git_sync_updated", {"version": 1, "git_sync": sync_facts(sync)}),
)


def ci_facts(run: GitPipeline) -> dict[str, Any]:
    """A run of the host's own CI as the API and the sockets show it."""
    return {
        "id": str(run.pk),
        "repository_id": str(run.repository_id),
        "external_id": run.external_id,
        "name": run.name,
        "status": run.status,
        "conclusion": run.conclusion,
        "total_jobs": run.total_jobs,
        "completed_jobs": run.completed_jobs,
        "failed_jobs": run.failed_jobs,
    }


# A mirror follows its host, whatever the host says next: only its telling is used.
_ANY: dict[str, set[str]] = {}
ci_states: StateMachine[GitPipeline] = StateMachine(
    "git_pipeline",
    _ANY,
    lambda run: ("git_pipeline_updated", {"version": 1, "git_pipeline": ci_facts(run)}),
)


def _describe_job(job: GitPipelineJob) -> tuple[str, dict[str, Any]]:
    facts = {
        "id": str(job.pk),
        "git_pipeline_id": str(job.pipeline_id),
        "name": job.name,
        "status": job.status,
        "conclusion": job.conclusion,
    }
    return "git_job_updated", {"version": 1, "git_job": facts}


job_states: StateMachine[GitPipelineJob] = StateMachine("git_job", _ANY, _describe_job)


def _describe_approval(approval: GitPipelineApproval) -> tuple[str, dict[str, Any]]:
    run = approval.pipeline
    return "approval_status", {
        "version": 1,
        "status": approval.status,
        "gate_name": approval.gate_name,
        "git_pipeline_id": str(run.pk),
        "git_pipeline_name": run.name,
        "responded_by": str(approval.responded_by) if approval.responded_by else None,
        "comment": approval.response_comment,
    }


approval_states: StateMachine[GitPipelineApproval] = StateMachine(
    "git_approval",
    {
        A.PENDING: {A.APPROVED, A.REJECTED, A.EXPIRED, A.CANCELLED},
        A.APPROVED: set(),
        A.REJECTED: set(),
        A.EXPIRED: set(),
        A.CANCELLED: set(),
    },
    _describe_approval,
)

dispatch_states: StateMachine[RunnerDispatch] = StateMachine(
    "runner_dispatch",
    {
        D.PENDING: {D.DISPATCHED, D.FAILED},
        D.DISPATCHED: {D.RUNNING, D.COMPLETED, D.FAILED},
        D.RUNNING: {D.COMPLETED, D.FAILED},
        D.COMPLETED: set(),
        D.FAILED: set(),
    },
    lambda row: (
        "runner_dispatch_updated",
        {
            "version": 1,
            "runner_dispatch": {
                "id": str(row.pk), "status": row.status, "runner_id": str(row.runner_id),
                "workflow_run_id": row.workflow_run_id, "error_message": row.error_message,
            },
        },
    ),
)  # fmt: skip
