"""Runs: read, stopped, repeated; what they said and left behind."""

from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.streaming import wants_events
from devops.api.views import ActorViewSet
from devops.paging import read_limit
from pipelines import artifacts, selectors
from pipelines.diagnosis import diagnose
from pipelines.filters import RunFilter
from pipelines.hints import last_hint
from pipelines.models import PipelineRun
from pipelines.operations.approvers import RESPOND
from pipelines.operations.hints import ask_ai
from pipelines.operations.reruns import retry_run
from pipelines.operations.runs import WRITE_RUNS, cancel_run
from pipelines.operations.trust import allow_run
from pipelines.rest import live
from pipelines.rest.numbers import read_number
from pipelines.rest.serializers import runs as s
from pipelines.rest.serializers.artifacts import ArtifactSerializer
from pipelines.rest.serializers.diagnosis import (
    AskBody,
    DiagnosisSerializer,
    HintSerializer,
)

_READ = selectors.READ_RUNS
_EVENTS_MAX = 200


class RunViewSet(mixins.ListModelMixin, ActorViewSet[PipelineRun]):
    """The account's runs, newest first."""

    model = PipelineRun
    serializer_class = s.RunSerializer
    filterset_class = RunFilter
    query_parameters = {"events": frozenset({"after", "limit"})}
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "cancel": WRITE_RUNS,
        "retry": WRITE_RUNS,
        "allow": RESPOND,
        "artifacts": _READ,
        "test_report": _READ,
        "events": _READ,
        "diagnosis": _READ,
        "ask_ai": WRITE_RUNS,
    }

    def rows(self) -> QuerySet[PipelineRun]:
        return selectors.runs(self.actor)

    @extend_schema(responses=s.RunDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One run with every attempt at its steps."""
        return self.render(s.RunDetailSerializer, self._run())

    @extend_schema(request=None, responses=s.RunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, **_path: object) -> Response:
        """Ask a run to stop; asked again, it stops at once. 409 `illegal-transition` at its end."""
        self.parse(NoBody)
        return self.render(s.RunSerializer, cancel_run(self.actor, self._run()))

    @extend_schema(request=None, responses=s.RunSerializer)
    @action(detail=True, methods=["post"])
    def allow(self, _request: Request, **_path: object) -> Response:
        """Let a run of an unknown contributor go ahead, without secrets; 409 for any other."""
        self.parse(NoBody)
        return self.render(s.RunSerializer, allow_run(self.actor, self._run()))

    @extend_schema(request=s.RetryBody, responses={201: s.RunSerializer})
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, **_path: object) -> Response:
        """Repeat a finished run as a new one, with the event it had.

        What comes before `from` is taken over with its results and workspace; `edits` change steps
        of this repetition alone (needs `devops.pipelines.write` too).
        """
        values = self.parse(s.RetryBody)
        again = retry_run(
            self.actor, self._run(), start_from=values["from"], edits=values.get("edits")
        )
        return self.render(s.RunSerializer, again, 201)

    @extend_schema(responses=ArtifactSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def artifacts(self, _request: Request, **_path: object) -> Response:
        """The files that the run kept."""
        rows = artifacts.artifacts_of(self.actor, self.get_object().pk)
        return Response(ArtifactSerializer(rows, many=True).data)

    @extend_schema(responses=s.TestSummarySerializer)
    @action(detail=True, methods=["get"])
    def test_report(self, *_request: Request, **_path: object) -> Response:
        """The tests of the run, failures first."""
        reports = list(selectors.test_reports(self.actor, self.get_object().pk))
        names = ("total", "passed", "failed", "errors", "skipped", "quarantined")
        summary: dict[str, Any] = {
            name: sum(getattr(report, name) for report in reports) for name in names
        }
        summary["duration_seconds"] = sum(report.duration_ms for report in reports) / 1000
        summary["reports"] = reports
        return Response(s.TestSummarySerializer(summary).data)

    @extend_schema(responses=DiagnosisSerializer, filters=False)
    @action(detail=True, methods=["get"])
    def diagnosis(self, _request: Request, **_path: object) -> Response:
        """Why it failed, as far as it can be shown: the line, what differs, known flakes."""
        run = self._run()
        found = {**diagnose(self.actor, run), "ai_hint": last_hint(self.actor, run)}
        return Response(DiagnosisSerializer(found).data)

    @extend_schema(request=AskBody, responses={201: HintSerializer})
    @action(detail=True, methods=["post"])
    def ask_ai(self, _request: Request, **_path: object) -> Response:
        """Have a model asked why the run failed; the answer comes later, in `diagnosis`.

        What was asked before is given back, unless it is to be asked `again`.
        """
        values = self.parse(AskBody)
        return self.render(HintSerializer, ask_ai(self.actor, self._run(), **values), 201)

    @extend_schema(
        parameters=[
            OpenApiParameter("after", int, description="The last `seq` seen; default 0."),
            OpenApiParameter("limit", int, description="At most 200."),
            live.LAST_EVENT_ID,
        ],
        responses={200: s.RunEventsSerializer, live.EVENT_STREAM: live.EVENTS},
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def events(self, request: Request, **_path: object) -> HttpResponseBase:
        """What happened in the run, in order, each exactly once; kept for 7 days."""
        if wants_events(request):
            return live.live_events(request, self.actor, self.get_object())
        after = read_number(request, "after")
        limit = read_limit(request.query_params.get("limit", ""), most=_EVENTS_MAX)
        rows = list(selectors.run_messages(self.actor, self.get_object().pk, after)[:limit])
        page = {"results": rows, "next_after": rows[-1].seq if rows else after}
        return Response(s.RunEventsSerializer(page).data)

    def _run(self) -> PipelineRun:
        return selectors.run(self.actor, self.kwargs["pk"])


class PipelineRunsViewSet(mixins.ListModelMixin, ActorViewSet[PipelineRun]):
    """The runs of one pipeline, newest first."""

    model = PipelineRun
    serializer_class = s.RunSerializer
    filterset_class = RunFilter
    permissions = {"list": _READ}

    def rows(self) -> QuerySet[PipelineRun]:
        pipeline = selectors.pipeline(self.actor, self.kwargs["pk"])
        return selectors.runs(self.actor).filter(pipeline=pipeline)
