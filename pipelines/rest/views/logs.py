"""Logs: what runs said."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.renderers import EventStreamRenderer, JSONRenderer, TextRenderer
from devops.api.streaming import attachment, stream, wants_events
from devops.api.views import ActorView
from devops.errors import Invalid, NotFound
from devops.paging import read_limit
from devops.safety.line_search import SearchPatternError
from devops.storage import logs
from pipelines import selectors
from pipelines.models import PipelineRun, StepExecution
from pipelines.rest import live
from pipelines.rest.numbers import read_number
from pipelines.rest.serializers import runs as s
from pipelines.states import decimal_seconds

_READ = selectors.READ_RUNS
# Of all attempts together, in one answer.
_JSON_BYTES = 1024 * 1024
_LINES_MAX = 2000
_MATCHES_MAX = 1000
_TEXT = "text/plain; charset=utf-8"
_PLAIN = (200, "text/plain")


class RunLogsView(ActorView):
    """All that the steps of a run said."""

    permissions = {"get": _READ}
    query_parameters = {"get": frozenset({"step_execution_id", "after"})}
    renderer_classes = [JSONRenderer, TextRenderer, EventStreamRenderer]

    @extend_schema(
        operation_id="pipeline_runs_logs",
        parameters=[
            OpenApiParameter("step_execution_id", OpenApiTypes.UUID, description="Only this one."),
            OpenApiParameter(
                "after", int, description="Byte to go on from; needs `step_execution_id`."
            ),
            live.LAST_EVENT_ID,
        ],
        responses={
            200: s.RunLogsSerializer,
            _PLAIN: OpenApiResponse(OpenApiTypes.STR, "The whole log, step by step."),
            live.EVENT_STREAM: live.EVENTS,
        },
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        """The logs as JSON per attempt, with `Accept: text/plain` as one text, or live."""
        run = selectors.run(self.actor, pk)
        attempts = _attempts(run, request)
        if wants_events(request):
            if "step_execution_id" in request.query_params:
                return live.live_log(request, attempts[0])
            return live.live_run_log(request, self.actor, run)
        if _wants_text(request):
            return stream(request, _run_text(attempts), _TEXT)
        after = read_number(request, "after")
        if after and "step_execution_id" not in request.query_params:
            raise Invalid.field(
                "?after", "A byte offset belongs to one attempt.", code="after-needs-step",
                remedy="Send `step_execution_id` with it.",
            )  # fmt: skip
        body = {
            "pipeline_run_id": run.pk,
            "status": run.status,
            "retrieved_at": timezone.now(),
            "logs": list(_parts(attempts, after)),
        }
        return Response(s.RunLogsSerializer(body).data)


class StepLogsView(ActorView):
    """What one attempt at a step said."""

    permissions = {"get": _READ}
    query_parameters = {"get": frozenset({"line", "limit", "search", "regex", "download", "after"})}
    renderer_classes = [JSONRenderer, TextRenderer, EventStreamRenderer]

    @extend_schema(
        operation_id="step_executions_logs",
        parameters=[
            OpenApiParameter("line", int, description="First line, from 1."),
            OpenApiParameter("limit", int, description="At most 2,000 lines."),
            OpenApiParameter(
                "search", str, description="Answers `{total, lines: [number, …]}` instead."
            ),
            OpenApiParameter("regex", bool, description="`search` is an RE2 expression."),
            OpenApiParameter("download", bool, description="The bytes, as a file."),
            OpenApiParameter("after", int, description="Byte that a live stream goes on from."),
            live.LAST_EVENT_ID,
        ],
        responses={
            200: s.StepLogSerializer,
            _PLAIN: OpenApiResponse(OpenApiTypes.STR, "The whole log."),
            live.EVENT_STREAM: live.EVENTS,
        },
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        """Lines by number, the numbers of the lines that match, the whole text, or live."""
        execution = selectors.step_execution(self.actor, pk)
        query = request.query_params
        if wants_events(request):
            return live.live_log(request, execution)
        if "after" in query:
            raise Invalid.field("?after", "Only a live stream goes on from a byte; use `line`.")
        if _wants_text(request) or query.get("download") in {"1", "true"}:
            response = stream(request, logs.iter_bytes(execution.log_id), _TEXT)
            if "download" in query:
                response["Content-Disposition"] = attachment(f"{execution.step_key}.log")
            return response
        if "search" in query:
            return Response(
                _search(execution.log_id, query["search"], is_regex=_is_true(query, "regex"))
            )
        first = read_number(request, "line", 1)
        limit = read_limit(query.get("limit", ""), default=500, most=_LINES_MAX)
        return Response(s.StepLogSerializer(_lines(execution, first, limit)).data)


def _attempts(run: PipelineRun, request: Request) -> list[StepExecution]:
    attempts = list(run.step_executions.all())
    wanted = request.query_params.get("step_execution_id")
    if wanted is None:
        return attempts
    found = [each for each in attempts if str(each.pk) == wanted.lower()]
    if not found:
        raise NotFound("The run has no attempt with that identifier.")
    return found


def _parts(attempts: list[StepExecution], after: int) -> Iterator[dict[str, Any]]:
    room = _JSON_BYTES
    for execution in attempts:
        reached = logs.state(execution.log_id)
        data, following = b"", after
        if room and reached.size_bytes > after:
            data, following = logs.read_bytes(execution.log_id, after, room)
            room -= len(data)
        yield {
            "step_execution_id": execution.pk,
            "step_key": execution.step_key,
            "step_name": execution.step_name,
            "step_type": execution.step_type,
            "attempt": execution.attempt,
            "status": execution.status,
            "started_at": execution.started_at,
            "completed_at": execution.completed_at,
            "duration_seconds": decimal_seconds(execution.duration_ms),
            "error_message": execution.error_message,
            "outputs": execution.outputs,
            "offset": after,
            "next_offset": following,
            "size_bytes": reached.size_bytes,
            "complete": reached.complete,
            "text": data.decode(errors="replace"),
        }


def _run_text(attempts: list[StepExecution]) -> Iterator[bytes]:
    for execution in attempts:
        times = f", attempt {execution.attempt}" if execution.attempt > 1 else ""
        yield f"==> {execution.step_name} ({execution.status}{times})\n".encode()
        last = b"\n"
        for block in logs.iter_bytes(execution.log_id):
            last = block[-1:]
            yield block
        if last != b"\n":
            yield b"\n"


def _lines(execution: StepExecution, first: int, limit: int) -> dict[str, Any]:
    page = logs.read_lines(execution.log_id, first, limit)
    return {
        "step_execution_id": execution.pk,
        "total_lines": page.total_lines,
        "size_bytes": page.size_bytes,
        "complete": page.complete,
        "dropped_bytes": sum(gap.bytes for gap in page.gaps),
        "gaps": page.gaps,
        "lines": [
            {"n": line.number, "at": line.at, "text": line.text, "truncated": line.truncated}
            for line in page.lines
        ],
    }


def _search(stream_id: uuid.UUID, text: str, *, is_regex: bool) -> dict[str, Any]:
    try:
        found = logs.search(stream_id, text, regex=is_regex, limit=_MATCHES_MAX)
    except SearchPatternError as error:
        raise Invalid.field("?search", str(error), code="invalid-search") from error
    return {"total": found.total, "lines": found.lines}


def _wants_text(request: Request) -> bool:
    return isinstance(request.accepted_renderer, TextRenderer)


def _is_true(query: Any, name: str) -> bool:
    return query.get(name) in {"1", "true"}
