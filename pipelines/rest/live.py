"""Live streams of runs: which feed a request asks for."""

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request

from devops.access import Actor
from devops.api.streaming import is_over_for, last_place, live
from devops.errors import Invalid
from devops.ids import parse_uuid
from pipelines.feeds import EventFeed, LogFeed, RunLogFeed
from pipelines.models import PipelineRun, StepExecution
from pipelines.rest.numbers import parse_number

EVENT_STREAM = (200, "text/event-stream")
EVENTS = OpenApiResponse(
    OpenApiTypes.STR,
    "With `Accept: text/event-stream`: live server-sent events; see the reference of streams.",
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID",
    location=OpenApiParameter.HEADER,
    description="Of a live stream: the `id` seen last; goes before `after`.",
)


def live_events(request: Request, actor: Actor, run: PipelineRun) -> HttpResponseBase:
    """What happens in the run, until it is over."""
    if is_over_for(request):
        return live(request, None)
    return live(request, EventFeed(actor, run_id=run.pk, after=_number(request)))


def live_log(request: Request, execution: StepExecution) -> HttpResponseBase:
    """What the attempt says, until it is complete."""
    if is_over_for(request):
        return live(request, None)
    return live(request, LogFeed(execution.log_id, _number(request)))


def live_run_log(request: Request, actor: Actor, run: PipelineRun) -> HttpResponseBase:
    """What all attempts of the run say, one after the other.

    Raises:
        Invalid: the place is not `<step execution>:<offset>`.
        NotFound: it names no attempt of the run.
    """
    if is_over_for(request):
        return live(request, None)
    place = last_place(request)
    if not place:
        return live(request, RunLogFeed(actor, run.pk))
    key, colon, offset = place.partition(":")
    if not colon:
        raise Invalid.field(
            _where(request), "A byte offset belongs to one attempt.", code="after-needs-step",
            remedy="Send `<step execution>:<offset>`, or `step_execution_id` with it.",
        )  # fmt: skip
    after = (parse_uuid(key), parse_number(offset, _where(request)))
    return live(request, RunLogFeed(actor, run.pk, after))


def _number(request: Request) -> int:
    place = last_place(request)
    return parse_number(place, _where(request)) if place else 0


def _where(request: Request) -> str:
    return "Last-Event-ID" if request.headers.get("Last-Event-ID") else "?after"
