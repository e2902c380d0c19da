"""Deliveries and providers."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from devops import sources
from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from devops.models import Provider
from devops.paging import read_limit
from gitintegration import selectors, statistics
from gitintegration.filters import WebhookEventFilter
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.deliveries import redeliver, replay_delivery
from gitintegration.operations.links import check_provider, sync_provider
from gitintegration.rest.serializers import events as s
from gitintegration.rest.serializers.providers import CredentialTestSerializer, GitSyncSerializer

_DAYS = OpenApiParameter("days", int, description="How many days back, 1 to 365; default 30.")


class WebhookEventViewSet(mixins.ListModelMixin, ActorViewSet[GitWebhookEvent]):
    """What git hosts delivered, newest first."""

    model = GitWebhookEvent
    serializer_class = s.WebhookEventSerializer
    filterset_class = WebhookEventFilter
    permissions = {
        "list": "git.webhooks.read",
        "retrieve": "git.webhooks.read",
        "stats": "git.webhooks.read",
        "retry": "git.webhooks.manage",
        "redeliver": "git.webhooks.manage",
    }
    query_parameters = {"stats": frozenset({"days"})}

    def rows(self) -> QuerySet[GitWebhookEvent]:
        return selectors.webhook_events(self.actor)

    @extend_schema(responses=s.WebhookEventDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One delivery with its headers and body."""
        event = get_object_or_404(self.rows().defer(None), pk=self.kwargs["pk"])
        return self.render(s.WebhookEventDetailSerializer, event)

    @extend_schema(parameters=[_DAYS], responses=s.WebhookStatsSerializer, filters=False)
    @action(detail=False, methods=["get"])
    def stats(self, request: Request) -> Response:
        """How many deliveries came, and what became of them."""
        days = read_limit(request.query_params.get("days", ""), default=30, most=365)
        facts = statistics.webhook_stats(self.actor, days)
        return Response(s.WebhookStatsSerializer(facts).data)

    @extend_schema(request=None, responses=s.WebhookEventSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, **_path: object) -> Response:
        """Process a delivery again; pipelines that it started once are not started twice."""
        self.parse(NoBody)
        event = replay_delivery(self.actor, self.get_object())
        return self.render(s.WebhookEventSerializer, event)

    @extend_schema(request=None, responses={201: s.RedeliverySerializer})
    @action(detail=True, methods=["post"])
    def redeliver(self, _request: Request, **_path: object) -> Response:
        """Take a delivery once more as a new one; the original stays as it is."""
        self.parse(NoBody)
        original = get_object_or_404(self.rows().defer(None), pk=self.kwargs["pk"])
        fresh = redeliver(self.actor, original)
        body = {"original_event": original, "new_event": fresh}
        return Response(s.RedeliverySerializer(body).data, status=201)


class ProviderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[Provider]):
    """The account's connections to places that hold code."""

    model = Provider
    serializer_class = s.ProviderSerializer
    filterset_fields = ("provider_type", "is_active")
    permissions = {
        "list": "devops.providers.read",
        "retrieve": "devops.providers.read",
        "create": "devops.providers.write",
        "partial_update": "devops.providers.write",
        "destroy": "devops.providers.write",
        "test_connection": "devops.providers.write",
        "sync_repositories": "git.repositories.sync",
    }

    def rows(self) -> QuerySet[Provider]:
        return sources.providers(self.actor)

    @extend_schema(request=s.NewProvider, responses={201: s.ProviderSerializer})
    def create(self, _request: Request) -> Response:
        """Add a provider."""
        row = sources.create_provider(self.actor, self.parse(s.NewProvider))
        return self.render(s.ProviderSerializer, row, 201)

    @extend_schema(request=s.ProviderChanges, responses=s.ProviderSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a provider."""
        row = self.get_object()
        sources.update_provider(self.actor, row, self.parse(s.ProviderChanges))
        return self.render(s.ProviderSerializer, self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a provider; 409 `in-use` while repositories need it."""
        sources.delete_provider(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=CredentialTestSerializer)
    @action(detail=True, methods=["post"])
    def test_connection(self, _request: Request, **_path: object) -> Response:
        """Try the connection's credential at its host, and keep how that went."""
        self.parse(NoBody)
        found = check_provider(self.actor, self.get_object())
        return Response(CredentialTestSerializer(found).data)

    @extend_schema(request=None, responses={202: GitSyncSerializer})
    @action(detail=True, methods=["post"])
    def sync_repositories(self, _request: Request, **_path: object) -> Response:
        """Bring the mirrors of the connection's credential up to date, in the background."""
        self.parse(NoBody)
        sync = sync_provider(self.actor, self.get_object())
        return self.render(GitSyncSerializer, sync, 202)
