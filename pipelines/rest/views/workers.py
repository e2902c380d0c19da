"""Workers: who executes runs."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from pipelines import selectors
from pipelines.models import Worker
from pipelines.operations.workers import WRITE_WORKERS, drain_worker
from pipelines.rest.serializers.runs import WorkerSerializer


class WorkerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[Worker]):
    """The workers of this installation; they serve every account."""

    model = Worker
    serializer_class = WorkerSerializer
    filterset_fields = ("status",)
    permissions = {
        "list": "devops.workers.read",
        "retrieve": "devops.workers.read",
        "drain": WRITE_WORKERS,
    }

    def rows(self) -> QuerySet[Worker]:
        return selectors.workers(self.actor)

    @extend_schema(request=None, responses=WorkerSerializer)
    @action(detail=True, methods=["post"])
    def drain(self, _request: Request, **_path: object) -> Response:
        """Give a worker no more runs; for operators, as it serves every account."""
        self.parse(NoBody)
        drain_worker(self.actor, self.get_object().pk)
        return self.render(WorkerSerializer, self.get_object())
