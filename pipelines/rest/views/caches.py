"""Caches: what steps keep from run to run."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.views import ActorViewSet
from pipelines import selectors
from pipelines.filters import CacheFilter
from pipelines.models import StepCache
from pipelines.operations.caches import WRITE_CACHES, delete_cache
from pipelines.rest.serializers.caches import CacheSerializer


class CacheViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[StepCache]):
    """The account's caches, newest first."""

    model = StepCache
    serializer_class = CacheSerializer
    filterset_class = CacheFilter
    permissions = {
        "list": selectors.READ_RUNS,
        "retrieve": selectors.READ_RUNS,
        "destroy": WRITE_CACHES,
    }

    def rows(self) -> QuerySet[StepCache]:
        return selectors.caches(self.actor)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Take a cache away; the next run that asks for its key makes it anew."""
        delete_cache(self.actor, self.get_object())
        return Response(status=204)
