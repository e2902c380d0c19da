"""Repositories that pipelines attach to, and the webhooks that announce pushes."""

import uuid

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from devops.errors import Invalid, NotFound
from devops.models import Repository
from gitintegration import public as git
from pipelines import selectors
from pipelines.operations.definitions import attach_repository, detach_repository
from pipelines.rest.serializers import repositories as s

_READ, _WRITE = "devops.repositories.read", "devops.repositories.write"
_MANAGE_HOOKS = "git.webhooks.manage"
_PIPELINE = OpenApiParameter("pipeline_id", uuid.UUID, required=True)


class RepositoryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[Repository]):
    """Repositories, by clone URL."""

    model = Repository
    serializer_class = s.RepositorySerializer
    filterset_fields = ("provider_id", "is_active", "full_name")
    query_parameters = {"detach_pipeline": frozenset({"pipeline_id"})}
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "create": _WRITE,
        "partial_update": _WRITE,
        "destroy": _WRITE,
        "sync": "git.repositories.sync",
        "attach_pipeline": _WRITE,
        "detach_pipeline": _WRITE,
        "configure_webhook": _MANAGE_HOOKS,
        "remove_webhook": _MANAGE_HOOKS,
    }

    def rows(self) -> QuerySet[Repository]:
        has_webhook = Q(webhook_endpoint__isnull=False)
        return selectors.repositories(self.actor).annotate(
            has_webhook=ExpressionWrapper(has_webhook, output_field=BooleanField())
        )

    @extend_schema(request=s.NewRepository, responses={201: s.RepositorySerializer})
    def create(self, _request: Request) -> Response:
        """Add a repository by its clone URL; the first checkout shows whether it can be reached."""
        row = git.create_repository(self.actor, **self.parse(s.NewRepository))
        return self.render(s.RepositorySerializer, row, 201)

    @extend_schema(request=s.RepositoryChanges, responses=s.RepositorySerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a repository."""
        git.update_repository(self.actor, self.get_object(), self.parse(s.RepositoryChanges))
        return self.render(s.RepositorySerializer, self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a repository with its webhook; 409 `in-use` while pipelines are attached."""
        git.delete_repository(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=s.SyncSerializer)
    @action(detail=True, methods=["post"])
    def sync(self, _request: Request, **_path: object) -> Response:
        """Look for pushes that no delivery announced, and start what they start."""
        self.parse(NoBody)
        found = git.sync_repository(self.actor, self.get_object())
        return Response(s.SyncSerializer({"pushes_found": found}).data)

    @extend_schema(request=s.AttachBody, responses=s.RepositorySerializer)
    @action(detail=True, methods=["post"])
    def attach_pipeline(self, _request: Request, **_path: object) -> Response:
        """Let the repository's events start a pipeline."""
        row = self.get_object()
        values = self.parse(s.AttachBody)
        attach_repository(self.actor, row, values["pipeline_id"], values.get("overrides") or {})
        return self.render(s.RepositorySerializer, self.get_object())

    @extend_schema(parameters=[_PIPELINE], request=None, responses={204: None})
    @action(detail=True, methods=["delete"])
    def detach_pipeline(self, request: Request, **_path: object) -> Response:
        """Its events no longer start the pipeline; 404 when they did not."""
        row = self.get_object()
        try:
            wanted = uuid.UUID(request.query_params.get("pipeline_id", ""))
        except ValueError as error:
            raise Invalid.field("?pipeline_id", "Give the key of a pipeline.") from error
        pipeline = selectors.pipeline(self.actor, wanted)
        if not detach_repository(self.actor, row, pipeline):
            raise NotFound(f"{row} is not attached to {pipeline}.")
        return Response(status=204)

    @extend_schema(request=s.WebhookBody, responses={201: s.WebhookSerializer})
    @action(detail=True, methods=["post"])
    def configure_webhook(self, _request: Request, **_path: object) -> Response:
        """Make an address for deliveries; its secret and hook script are shown this once."""
        row = self.get_object()
        values = self.parse(s.WebhookBody)
        endpoint = git.configure_webhook(self.actor, row, values["dialect"])
        revealed = git.reveal_endpoint(self.actor, endpoint)
        body = {
            "url": revealed.url,
            "secret": revealed.secret,
            "dialect": endpoint.dialect,
            "hook_script": git.hook_script(self.actor, endpoint),
        }
        return Response(s.WebhookSerializer(body).data, status=201)

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"])
    def remove_webhook(self, _request: Request, **_path: object) -> Response:
        """Close the address; 404 when there is none."""
        row = self.get_object()
        if not git.remove_webhook(self.actor, row):
            raise NotFound(f"{row} has no webhook address.")
        return Response(status=204)
