"""Artifacts: looked at, fetched, kept beyond their time."""

import uuid

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.streaming import attachment, send_file
from devops.api.views import ActorView, ActorViewSet
from devops.errors import NotFound
from devops.storage.blobs import open_blob
from pipelines import artifacts, selectors
from pipelines.models import Artifact
from pipelines.operations.artifacts import pin_artifact, unpin_artifact
from pipelines.operations.runs import WRITE_RUNS
from pipelines.rest.serializers import artifacts as s

_BYTES = "application/octet-stream"


class ArtifactViewSet(ActorViewSet[Artifact]):
    """Files that runs kept."""

    model = Artifact
    serializer_class = s.ArtifactDetailSerializer
    permissions = {
        "retrieve": selectors.READ_RUNS,
        "pin": WRITE_RUNS,
        "unpin": WRITE_RUNS,
    }

    def rows(self) -> QuerySet[Artifact]:
        return artifacts.artifacts(self.actor)

    @extend_schema(responses=s.ArtifactDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One artifact, with the first names that an archive holds."""
        return self._shown()

    @extend_schema(request=None, responses=s.ArtifactDetailSerializer)
    @action(detail=True, methods=["post"])
    def pin(self, _request: Request, **_path: object) -> Response:
        """Keep it beyond its time, until somebody unpins it."""
        self.parse(NoBody)
        pin_artifact(self.actor, self._artifact())
        return self._shown()

    @extend_schema(request=None, responses=s.ArtifactDetailSerializer)
    @action(detail=True, methods=["post"])
    def unpin(self, _request: Request, **_path: object) -> Response:
        """Let it go when its time is over."""
        self.parse(NoBody)
        unpin_artifact(self.actor, self._artifact())
        return self._shown()

    def _artifact(self) -> Artifact:
        return artifacts.one_artifact(self.actor, self.kwargs["pk"])

    def _shown(self) -> Response:
        return self.render(s.ArtifactDetailSerializer, self._artifact())


class ArtifactDownloadView(ActorView):
    """A file that a run kept."""

    permissions = {"get": selectors.READ_RUNS}

    @extend_schema(
        operation_id="artifacts_download",
        parameters=[
            OpenApiParameter(
                "Range", str, OpenApiParameter.HEADER, description="One range of bytes."
            )
        ],
        responses={
            (200, _BYTES): OpenApiTypes.BINARY,
            (206, _BYTES): OpenApiResponse(OpenApiTypes.BINARY, "The range."),
        },
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        """Its bytes, always as an attachment: what a run made must not run in our pages."""
        artifact = artifacts.one_artifact(self.actor, pk)
        try:
            file = open_blob(artifact.blob)
        except FileNotFoundError as error:
            raise NotFound("The bytes of this artifact are gone.") from error
        blob = artifact.blob
        response = send_file(request, file, blob.size_bytes, blob.sha256, _BYTES)
        response["Content-Security-Policy"] = "sandbox; default-src 'none'"
        name = f"{artifact.name}.tar.gz" if artifact.is_archive else artifact.name
        response["Content-Disposition"] = attachment(name)
        return response
