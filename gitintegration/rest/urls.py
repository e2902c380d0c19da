"""Addresses of the git integration under `/api/v1/`."""

from typing import Any

from django.urls import path

from gitintegration.rest.ingress import git_webhook
from gitintegration.rest.views.ci import (
    GitApprovalViewSet,
    GitPipelineViewSet,
    GitScheduleViewSet,
    JobLogsView,
)
from gitintegration.rest.views.events import ProviderViewSet, WebhookEventViewSet
from gitintegration.rest.views.outgoing import AccountWebhookViewSet, WorkflowTriggerViewSet
from gitintegration.rest.views.providers import (
    CredentialViewSet,
    GitProviderViewSet,
    GitSyncViewSet,
    SyncAllView,
)
from gitintegration.rest.views.repositories import GitRepositoryViewSet, RepositoryRunsViewSet
from gitintegration.rest.views.runners import (
    RegistrationTokenView,
    RunnerDispatchViewSet,
    RunnerViewSet,
)

_LIST: dict[str, Any] = {"get": "list"}
_READ: dict[str, Any] = {"get": "retrieve"}
_ALL: dict[str, Any] = {"get": "list", "post": "create"}
_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
_P = "git/providers/<uuid:provider_id>/credentials"
_C, _R = f"{_P}/<uuid:pk>", "git/repositories/<uuid:pk>"
_RUN, _S, _A = (
    "git/pipelines/<uuid:pk>",
    "git/pipeline_schedules/<uuid:pk>",
    "git/pipeline_approvals",
)
_W, _RUNNER = "git/account_webhooks/<uuid:pk>", "git/runners/<uuid:pk>"


def _verbs(base: str, view: Any, method: str, *names: str) -> list[Any]:
    """One address for each verb of an object."""
    return [path(f"{base}/{name}", view.as_view({method: name})) for name in names]


urlpatterns = [
    path("webhooks/git/<str:hook_token>", git_webhook),
    # Hosts
    path("git/providers", GitProviderViewSet.as_view(_ALL)),
    path("git/providers/available", GitProviderViewSet.as_view({"get": "available"})),
    path("git/providers/<uuid:pk>", GitProviderViewSet.as_view(_ONE)),
    path(
        "git/providers/<uuid:pk>/oauth/authorize", GitProviderViewSet.as_view({"post": "authorize"})
    ),
    path(
        "git/providers/<uuid:pk>/oauth/callback", GitProviderViewSet.as_view({"post": "callback"})
    ),
    path(_P, CredentialViewSet.as_view(_ALL)),
    path(_C, CredentialViewSet.as_view(_ONE)),
    *_verbs(
        _C, CredentialViewSet, "post",
        "test", "make_default", "import_repositories", "sync_repositories",
    ),
    *_verbs(_C, CredentialViewSet, "get", "available_repositories"),
    path("git/syncs", GitSyncViewSet.as_view(_LIST)),
    path("git/syncs/<uuid:pk>", GitSyncViewSet.as_view(_READ)),
    # Repositories
    path("git/repositories", GitRepositoryViewSet.as_view(_LIST)),
    path("git/repositories/sync", SyncAllView.as_view()),
    path(_R, GitRepositoryViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    *_verbs(_R, GitRepositoryViewSet, "post", "configure_webhook"),
    *_verbs(_R, GitRepositoryViewSet, "patch", "update_webhook_config"),
    *_verbs(_R, GitRepositoryViewSet, "delete", "remove_webhook"),
    *_verbs(
        _R, GitRepositoryViewSet, "get",
        "branches", "tags", "pull_requests", "issues", "commits", "tree",
    ),
    path(f"{_R}/commits/<str:sha>", GitRepositoryViewSet.as_view({"get": "commit"})),
    path(f"{_R}/commits/<str:sha>/diff", GitRepositoryViewSet.as_view({"get": "diff"})),
    path(f"{_R}/compare/<path:range>", GitRepositoryViewSet.as_view({"get": "compare"})),
    path(f"{_R}/contents/<path:path>", GitRepositoryViewSet.as_view({"get": "contents"})),
    path(f"{_R}/tree/<path:sha>", GitRepositoryViewSet.as_view({"get": "tree_of"})),
    path(
        "git/repositories/<uuid:repository_id>/pipelines", RepositoryRunsViewSet.as_view(_LIST)
    ),
    path(f"{_R}/pipelines/trigger", GitRepositoryViewSet.as_view({"post": "trigger"})),
    path(
        "git/repositories/<uuid:repository_id>/schedules", GitScheduleViewSet.as_view(_ALL)
    ),
    # The hosts' own CI
    path("git/pipelines", GitPipelineViewSet.as_view(_LIST)),
    path("git/pipelines/stats", GitPipelineViewSet.as_view({"get": "stats"})),
    path(_RUN, GitPipelineViewSet.as_view(_READ)),
    *_verbs(_RUN, GitPipelineViewSet, "get", "jobs"),
    *_verbs(_RUN, GitPipelineViewSet, "post", "cancel", "retry"),
    path("git/pipelines/<uuid:pipeline_id>/jobs/<uuid:pk>/logs", JobLogsView.as_view()),
    path(_S, GitScheduleViewSet.as_view(_ONE)),
    *_verbs(_S, GitScheduleViewSet, "post", "trigger", "pause", "resume"),
    path(_A, GitApprovalViewSet.as_view(_LIST)),
    path(f"{_A}/pending", GitApprovalViewSet.as_view({"get": "pending"})),
    path(f"{_A}/<uuid:pk>", GitApprovalViewSet.as_view(_READ)),
    *_verbs(f"{_A}/<uuid:pk>", GitApprovalViewSet, "post", "approve", "reject", "cancel"),
    path("git/runners", RunnerViewSet.as_view(_LIST)),
    path("git/runners/stats", RunnerViewSet.as_view({"get": "stats"})),
    path("git/runners/sync", RunnerViewSet.as_view({"post": "sync"})),
    path("git/runners/registration_token", RegistrationTokenView.as_view()),
    path("git/runner_dispatches", RunnerDispatchViewSet.as_view(_ALL)),
    path("git/runner_dispatches/<uuid:pk>", RunnerDispatchViewSet.as_view(_READ)),
    path(_RUNNER, RunnerViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    *_verbs(_RUNNER, RunnerViewSet, "put", "labels"),
    *_verbs(_RUNNER, RunnerViewSet, "post", "registration_token", "removal_token"),
    # Events in and out
    path("git/webhook_events", WebhookEventViewSet.as_view(_LIST)),
    path("git/webhook_events/stats", WebhookEventViewSet.as_view({"get": "stats"})),
    path("git/webhook_events/<uuid:pk>", WebhookEventViewSet.as_view(_READ)),
    *_verbs(
        "git/webhook_events/<uuid:pk>", WebhookEventViewSet, "post", "retry", "redeliver"
    ),
    path("git/account_webhooks", AccountWebhookViewSet.as_view(_ALL)),
    path(
        "git/account_webhooks/available_events",
        AccountWebhookViewSet.as_view({"get": "available_events"}),
    ),
    path(_W, AccountWebhookViewSet.as_view(_ONE)),
    *_verbs(_W, AccountWebhookViewSet, "post", "test", "toggle_status", "regenerate_secret"),
    *_verbs(_W, AccountWebhookViewSet, "get", "deliveries"),
    path(
        f"{_W}/deliveries/<uuid:delivery_id>/resend",
        AccountWebhookViewSet.as_view({"post": "resend"}),
    ),
    path("git/workflow_triggers", WorkflowTriggerViewSet.as_view(_ALL)),
    path("git/workflow_triggers/<uuid:pk>", WorkflowTriggerViewSet.as_view(_ONE)),
    *_verbs("git/workflow_triggers/<uuid:pk>", WorkflowTriggerViewSet, "post", "test"),
    # The account's connections, as pipelines see them
    path("devops/providers", ProviderViewSet.as_view(_ALL)),
    path("devops/providers/<uuid:pk>", ProviderViewSet.as_view(_ONE)),
    *_verbs(
        "devops/providers/<uuid:pk>", ProviderViewSet, "post",
        "test_connection", "sync_repositories",
    ),
]  # fmt: skip
