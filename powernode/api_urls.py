"""Every address of the API; one that declares no permission is not served at all."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path

from devops.api import docs
from devops.api.permissions import require_declared
from devops.problems import problem_response
from pipelines.rest.badges import badge
from pipelines.rest.ingress import pipeline_webhook
from powernode.overview.rest import OverviewView


def not_found(request: HttpRequest) -> HttpResponse:
    """The answer for every other address, without the pages' templates."""
    return problem_response(404, "There is nothing at this address.", instance=request.path)


not_found.public = "there is nothing to protect"  # type: ignore[attr-defined]

urlpatterns: list[URLPattern | URLResolver] = [
    path("docs", docs.swagger),
    path("docs/redoc", docs.redoc),
    path("v1/schema", docs.SchemaView.as_view()),
    path("v1/", include("devops.rest.urls")),
    path("v1/", include("gitintegration.rest.urls")),
    path("v1/", include("containers.rest.urls")),
    path("v1/devops/overview", OverviewView.as_view()),
    path("v1/devops/", include("pipelines.rest.urls")),
    path("v1/webhooks/pipelines/<str:hook_token>", pipeline_webhook),
    re_path(r"^v1/badges/(?P<token>[A-Za-z0-9_-]{32})\.svg$", badge),
    re_path("", not_found),
]

require_declared(urlpatterns)
