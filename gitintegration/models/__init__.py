"""Rows of the git integration."""

from gitintegration.models.ci import (
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitPipelineSchedule,
    GitRunner,
    RunnerDispatch,
)
from gitintegration.models.outgoing import (
    AccountGitWebhookConfig,
    GitWorkflowTrigger,
    HostWrite,
)
from gitintegration.models.providers import GitProvider, GitProviderCredential, OAuthState
from gitintegration.models.repositories import GitRepository, GitSync
from gitintegration.models.webhooks import GitWebhookEvent, WebhookEndpoint

__all__ = [
    "AccountGitWebhookConfig",
    "GitPipeline",
    "GitPipelineApproval",
    "GitPipelineJob",
    "GitPipelineSchedule",
    "GitProvider",
    "GitProviderCredential",
    "GitRepository",
    "GitRunner",
    "GitSync",
    "GitWebhookEvent",
    "GitWorkflowTrigger",
    "HostWrite",
    "OAuthState",
    "RunnerDispatch",
    "WebhookEndpoint",
]
