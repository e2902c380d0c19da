"""The dashboard's addresses."""

from django.urls import path
from django.views.generic import RedirectView

from containers.pages import secrets
from devops.pages import settings
from gitintegration.pages import webhooks
from pipelines.pages import pipelines, repositories, runs, workers
from powernode.home import Overview
from powernode.pages import favicon

urlpatterns = [
    path("favicon.ico", favicon),
    path("", Overview.as_view(), name="overview"),
    path("runs", runs.RunList.as_view(), name="run_list"),
    path("runs/<uuid:pk>", runs.RunDetail.as_view(), name="run_detail"),
    path("runs/<uuid:pk>/cancel", runs.RunCancel.as_view(), name="run_cancel"),
    path("runs/<uuid:pk>/allow", runs.RunAllow.as_view(), name="run_allow"),
    path("runs/<uuid:pk>/retry", runs.RunRetry.as_view(), name="run_retry"),
    path("pipelines", pipelines.PipelineList.as_view(), name="pipeline_list"),
    path("pipelines/new", pipelines.PipelineEdit.as_view(), name="pipeline_new"),
    path("pipelines/<slug:slug>", pipelines.PipelineDetail.as_view(), name="pipeline_detail"),
    path("pipelines/<slug:slug>/edit", pipelines.PipelineEdit.as_view(), name="pipeline_edit"),
    path("pipelines/<slug:slug>/trigger", pipelines.PipelineTrigger.as_view()),
    path("pipelines/<slug:slug>/active", pipelines.PipelineActive.as_view()),
    path("pipelines/<slug:slug>/duplicate", pipelines.PipelineDuplicate.as_view()),
    path("pipelines/<slug:slug>/delete", pipelines.PipelineDelete.as_view()),
    path("pipelines/<slug:slug>/export", pipelines.PipelineExport.as_view()),
    path("repositories", repositories.RepositoryList.as_view(), name="repository_list"),
    path("repositories/new", repositories.RepositoryNew.as_view(), name="repository_new"),
    path(
        "repositories/<uuid:pk>", repositories.RepositoryDetail.as_view(), name="repository_detail"
    ),
    path("repositories/<uuid:pk>/secret", repositories.RepositorySecret.as_view()),
    path("repositories/<uuid:pk>/sync", repositories.RepositorySync.as_view()),
    path("repositories/<uuid:pk>/detach", repositories.RepositoryDetach.as_view()),
    path("repositories/<uuid:pk>/delete", repositories.RepositoryDelete.as_view()),
    path("workers", workers.WorkerList.as_view(), name="worker_list"),
    path("workers/<uuid:pk>/drain", workers.WorkerDrain.as_view()),
    path("webhooks", webhooks.WebhookList.as_view(), name="webhook_list"),
    path("webhooks/<uuid:pk>", webhooks.WebhookDetail.as_view(), name="webhook_detail"),
    path("webhooks/<uuid:pk>/retry", webhooks.WebhookRetry.as_view()),
    path("settings", RedirectView.as_view(url="/settings/profile"), name="settings"),
    path("settings/profile", settings.Profile.as_view()),
    path("settings/account", settings.Account.as_view()),
    path("settings/members", settings.Members.as_view()),
    path("settings/members/<uuid:pk>", settings.MemberRole.as_view()),
    path("settings/members/<uuid:pk>/remove", settings.MemberRemove.as_view()),
    path("settings/invitations", settings.Invitations.as_view()),
    path("settings/invitations/<uuid:pk>/revoke", settings.InvitationRevoke.as_view()),
    path("settings/tokens", settings.Tokens.as_view()),
    path("settings/tokens/<uuid:pk>/revoke", settings.TokenRevoke.as_view()),
    path("settings/secrets", secrets.Secrets.as_view()),
    path("settings/secrets/<uuid:pk>/rotate", secrets.SecretRotate.as_view()),
    path("settings/secrets/<uuid:pk>/delete", secrets.SecretDelete.as_view()),
    path("settings/audit", settings.Audit.as_view()),
    path("invitations/<str:token>", settings.InvitationAccept.as_view(), name="invitation"),
    path("accounts/<uuid:pk>/switch", settings.SwitchAccount.as_view(), name="switch_account"),
]
