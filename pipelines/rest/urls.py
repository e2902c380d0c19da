"""Addresses of pipelines under `/api/v1/devops/`."""

from typing import Any

from django.urls import path

from devops.api.renderers import EventStreamRenderer, JSONRenderer
from pipelines.choices import Answer
from pipelines.rest.views import approvals, documents, logs
from pipelines.rest.views.artifacts import ArtifactDownloadView, ArtifactViewSet
from pipelines.rest.views.caches import CacheViewSet
from pipelines.rest.views.pipelines import PipelineViewSet
from pipelines.rest.views.repositories import RepositoryViewSet
from pipelines.rest.views.runs import PipelineRunsViewSet, RunViewSet
from pipelines.rest.views.schedules import ScheduleViewSet
from pipelines.rest.views.simulation import SimulateView
from pipelines.rest.views.templates import (
    TemplateUpdateView,
    TemplateVersionViewSet,
    TemplateViewSet,
)
from pipelines.rest.views.tests import PipelineTestViewSet
from pipelines.rest.views.workers import WorkerViewSet

_LIST: dict[str, Any] = {"get": "list"}
_ALL: dict[str, Any] = {"get": "list", "post": "create"}
_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
_P, _R, _REPOSITORY = "pipelines/<uuid:pk>", "pipeline_runs/<uuid:pk>", "repositories/<uuid:pk>"
_TESTS = "pipelines/<uuid:pipeline_id>/tests"

urlpatterns = [
    path("step_types", documents.StepTypesView.as_view()),
    path("pipelines", PipelineViewSet.as_view(_ALL)),
    path("pipelines/import", documents.ImportView.as_view()),
    path("pipelines/lint", documents.LintView.as_view()),
    path("pipelines/simulate", SimulateView.as_view()),
    path("pipelines/schema", documents.SchemaView.as_view()),
    path("risk_contract/schema", documents.RiskContractSchemaView.as_view()),
    path(_P, PipelineViewSet.as_view(_ONE)),
    path(f"{_P}/trigger", PipelineViewSet.as_view({"post": "trigger"})),
    path(f"{_P}/duplicate", PipelineViewSet.as_view({"post": "duplicate"})),
    path(f"{_P}/create_template", PipelineViewSet.as_view({"post": "create_template"})),
    path(f"{_P}/template_update", TemplateUpdateView.as_view()),
    path(f"{_P}/export", PipelineViewSet.as_view({"get": "export"})),
    path(
        f"{_P}/badge",
        PipelineViewSet.as_view(
            {"get": "badge", "post": "publish_badge", "delete": "withdraw_badge"}
        ),
    ),
    path(
        f"{_P}/hook",
        PipelineViewSet.as_view({"get": "hook", "post": "open_hook", "delete": "close_hook"}),
    ),
    path(f"{_P}/export_yaml", PipelineViewSet.as_view({"get": "export_yaml"})),
    path(f"{_P}/drift", PipelineViewSet.as_view({"get": "drift"})),
    path(f"{_P}/take_file", PipelineViewSet.as_view({"post": "take_file"})),
    path(_TESTS, PipelineTestViewSet.as_view(_LIST)),
    path(f"{_TESTS}/<uuid:pk>", PipelineTestViewSet.as_view({"get": "retrieve"})),
    *(
        path(f"{_TESTS}/<uuid:pk>/{name}", PipelineTestViewSet.as_view({"post": name}))
        for name in ("quarantine", "release")
    ),
    path(f"{_P}/runs", PipelineRunsViewSet.as_view(_LIST)),
    path("pipeline_runs", RunViewSet.as_view(_LIST)),
    path(_R, RunViewSet.as_view({"get": "retrieve"})),
    path(f"{_R}/cancel", RunViewSet.as_view({"post": "cancel"})),
    path(f"{_R}/retry", RunViewSet.as_view({"post": "retry"})),
    path(f"{_R}/allow", RunViewSet.as_view({"post": "allow"})),
    path(f"{_R}/diagnosis", RunViewSet.as_view({"get": "diagnosis"})),
    path(f"{_R}/ask_ai", RunViewSet.as_view({"post": "ask_ai"})),
    path(f"{_R}/logs", logs.RunLogsView.as_view()),
    path(f"{_R}/artifacts", RunViewSet.as_view({"get": "artifacts"})),
    path(f"{_R}/test_report", RunViewSet.as_view({"get": "test_report"})),
    path(
        f"{_R}/events",
        RunViewSet.as_view({"get": "events"}, renderer_classes=[JSONRenderer, EventStreamRenderer]),
    ),
    path("approvals", approvals.ApprovalViewSet.as_view(_LIST)),
    path("approval_tokens/<str:token>", approvals.ApprovalTokenView.as_view()),
    path("approval_tokens/<str:token>/approve", approvals.ApprovalTokenAnswer.as_view()),
    path(
        "approval_tokens/<str:token>/reject",
        approvals.ApprovalTokenAnswer.as_view(answer=Answer.REJECT),
    ),
    *(
        path(
            f"step_executions/<uuid:pk>/{name}",
            approvals.StepApprovalViewSet.as_view({"post": name}),
        )
        for name in ("approve", "reject", "delegate")
    ),
    path("step_executions/<uuid:pk>/logs", logs.StepLogsView.as_view()),
    path("artifacts/<uuid:pk>", ArtifactViewSet.as_view({"get": "retrieve"})),
    path("artifacts/<uuid:pk>/download", ArtifactDownloadView.as_view()),
    *(
        path(f"artifacts/<uuid:pk>/{name}", ArtifactViewSet.as_view({"post": name}))
        for name in ("pin", "unpin")
    ),
    path("schedules", ScheduleViewSet.as_view(_ALL)),
    path("schedules/<uuid:pk>", ScheduleViewSet.as_view(_ONE)),
    path("schedules/<uuid:pk>/toggle", ScheduleViewSet.as_view({"post": "toggle"})),
    path("schedules/<uuid:pk>/trigger", ScheduleViewSet.as_view({"post": "trigger"})),
    path("caches", CacheViewSet.as_view(_LIST)),
    path("caches/<uuid:pk>", CacheViewSet.as_view({"get": "retrieve", "delete": "destroy"})),
    path("pipeline_templates", TemplateViewSet.as_view(_ALL)),
    path("pipeline_templates/<slug:slug>", TemplateViewSet.as_view(_ONE)),
    *(
        path(f"pipeline_templates/<slug:slug>/{name}", TemplateViewSet.as_view({"post": name}))
        for name in ("publish", "unpublish", "archive", "rate", "install")
    ),
    path("pipeline_templates/<slug:slug>/versions", TemplateVersionViewSet.as_view(_LIST)),
    path(
        "pipeline_templates/<slug:slug>/versions/<str:version>",
        TemplateVersionViewSet.as_view({"get": "retrieve"}),
    ),
    path("workers", WorkerViewSet.as_view(_LIST)),
    path("workers/<uuid:pk>", WorkerViewSet.as_view({"get": "retrieve"})),
    path("workers/<uuid:pk>/drain", WorkerViewSet.as_view({"post": "drain"})),
    path("repositories", RepositoryViewSet.as_view(_ALL)),
    path(_REPOSITORY, RepositoryViewSet.as_view(_ONE)),
    *(
        path(f"{_REPOSITORY}/{name}", RepositoryViewSet.as_view({method: name}))
        for name, method in (
            ("sync", "post"),
            ("attach_pipeline", "post"),
            ("detach_pipeline", "delete"),
            ("configure_webhook", "post"),
            ("remove_webhook", "delete"),
        )
    ),
]
