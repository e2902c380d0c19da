"""The API reference: the schema, and two viewers of it that load nothing from elsewhere."""

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.permissions import AnyActor


class SchemaView(SpectacularAPIView):
    """The OpenAPI 3.1 document, as YAML or (`Accept: application/json`) JSON."""

    permission_classes = [AnyActor]

    @extend_schema(
        operation_id="schema_read",
        responses={200: {"type": "object", "additionalProperties": True}},
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """The document that this page's viewers show."""
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer


def swagger(request: HttpRequest) -> HttpResponse:
    """The viewer that can send requests; they act with the reader's own session."""
    return _viewer(request, "swagger")


def redoc(request: HttpRequest) -> HttpResponse:
    """The viewer for reading."""
    return _viewer(request, "redoc")


# The viewers are static; the schema that they load asks who is there.
swagger.public = redoc.public = "static pages without data"  # type: ignore[attr-defined]


def _viewer(request: HttpRequest, viewer: str) -> HttpResponse:
    nonce = secrets.token_urlsafe(16)
    context = {"viewer": viewer, "nonce": nonce, "schema_url": "/api/v1/schema"}
    response = render(request, "devops/api_docs.html", context)
    # Both viewers set style attributes and make style elements of their own without the nonce.
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return response
