"""The dashboard's addresses."""

from django.urls import path

from pipelines.pages import runs
from powernode.home import Overview

urlpatterns = [
    path("", Overview.as_view(), name="overview"),
    path("runs", runs.RunList.as_view(), name="run_list"),
    path("runs/<uuid:pk>", runs.RunDetail.as_view(), name="run_detail"),
    path("runs/<uuid:pk>/cancel", runs.RunCancel.as_view(), name="run_cancel"),
    path("runs/<uuid:pk>/retry", runs.RunRetry.as_view(), name="run_retry"),
]
