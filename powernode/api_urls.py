"""Every address of the API; one that declares no permission is not served at all."""

from django.urls import include, path

from devops.api import docs
from devops.api.permissions import require_declared

urlpatterns = [
    path("docs", docs.swagger),
    path("docs/redoc", docs.redoc),
    path("v1/schema", docs.SchemaView.as_view()),
    path("v1/", include("devops.rest.urls")),
    path("v1/", include("gitintegration.rest.urls")),
    path("v1/", include("containers.rest.urls")),
    path("v1/devops/", include("pipelines.rest.urls")),
]

require_declared(urlpatterns)
