"""The dashboard's addresses."""

from django.urls import path

from pipelines.pages import pipelines, runs
from powernode.home import Overview

urlpatterns = [
    path("", Overview.as_view(), name="overview"),
    path("runs", runs.RunList.as_view(), name="run_list"),
    path("runs/<uuid:pk>", runs.RunDetail.as_view(), name="run_detail"),
    path("runs/<uuid:pk>/cancel", runs.RunCancel.as_view(), name="run_cancel"),
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
]
