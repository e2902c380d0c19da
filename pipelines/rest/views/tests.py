"""Tests of a pipeline: what is known of them, and putting them aside."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from devops.errors import Invalid
from devops.paging import OrderedPagination
from pipelines import known_tests, selectors
from pipelines.filters import KnownTestFilter
from pipelines.models import KnownTest
from pipelines.operations.definitions import WRITE
from pipelines.operations.quarantines import quarantine_test, release_test
from pipelines.rest.serializers import tests as s


class PipelineTestViewSet(mixins.ListModelMixin, ActorViewSet[KnownTest]):
    """The tests that a pipeline's reports name."""

    model = KnownTest
    serializer_class = s.KnownTestSerializer
    filterset_class = KnownTestFilter
    pagination_class = OrderedPagination
    query_parameters = {"list": frozenset({"ordering"})}
    permissions = {
        "list": selectors.READ_RUNS,
        "retrieve": selectors.READ_RUNS,
        "quarantine": WRITE,
        "release": WRITE,
    }

    def rows(self) -> QuerySet[KnownTest]:
        pipeline = selectors.plain_pipeline(self.actor, self.kwargs["pipeline_id"])
        return known_tests.known_tests(self.actor, pipeline.pk)

    @property
    def order_column(self) -> str:
        """The column of `?ordering=`; without it the flakiest come first."""
        name = self.request.query_params.get("ordering", "score")
        if name not in known_tests.ORDERINGS:
            words = ", ".join(known_tests.ORDERINGS)
            raise Invalid.field(
                "?ordering", f"`ordering` is one of {words}.", code="invalid-ordering"
            )
        return known_tests.ORDERINGS[name]

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "ordering", str, enum=list(known_tests.ORDERINGS),
                description="The largest first; `score` without it.",
            )
        ]
    )  # fmt: skip
    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        """The pipeline's tests, the flakiest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=s.KnownTestDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One test with its last results and its quarantines."""
        return self._shown(self._test())

    @extend_schema(request=s.QuarantineBody, responses=s.KnownTestDetailSerializer)
    @action(detail=True, methods=["post"])
    def quarantine(self, _request: Request, **_path: object) -> Response:
        """Put the test aside: its failure is shown and counted, but fails no step."""
        test = self._test()
        values = self.parse(s.QuarantineBody)
        quarantine_test(self.actor, test, reason=values["reason"], expires_at=values["expires_at"])
        return self._shown(self._test())

    @extend_schema(request=None, responses=s.KnownTestDetailSerializer)
    @action(detail=True, methods=["post"])
    def release(self, _request: Request, **_path: object) -> Response:
        """End the test's quarantine; 409 `not-quarantined` where there is none."""
        self.parse(NoBody)
        release_test(self.actor, self._test())
        return self._shown(self._test())

    def _test(self) -> KnownTest:
        pipeline = selectors.plain_pipeline(self.actor, self.kwargs["pipeline_id"])
        return known_tests.one_test(self.actor, pipeline.pk, self.kwargs["pk"])

    def _shown(self, test: KnownTest) -> Response:
        context = {
            "history": known_tests.history(self.actor, test),
            "quarantines": known_tests.quarantines_of(self.actor, test),
        }
        return Response(s.KnownTestDetailSerializer(test, context=context).data)
