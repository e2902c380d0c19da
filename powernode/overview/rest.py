"""`GET /api/v1/devops/overview`."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.permissions import MEMBER
from devops.api.views import ActorView
from devops.errors import Invalid
from pipelines.figures import RunStatistics
from powernode.overview.serializers import OverviewSerializer
from powernode.overview.summary import Summary, summarize

_REFRESH = OpenApiParameter(
    "refresh", bool, description="Every answer is fresh; taken so that clients may ask for it."
)


class OverviewView(ActorView):
    """The account at a glance."""

    permissions = {"get": MEMBER}
    query_parameters = {"get": frozenset({"refresh"})}

    @extend_schema(
        operation_id="overview_read", parameters=[_REFRESH], responses=OverviewSerializer
    )
    def get(self, request: Request) -> Response:
        """Counts, alerts, live runs, and durations of 30 days, as far as the caller may read."""
        if request.query_params.get("refresh", "false").lower() not in {"true", "false", "1", "0"}:
            raise Invalid.field("?refresh", "`refresh` is true or false.")
        return Response(OverviewSerializer(_shown(summarize(self.actor))).data)


def _shown(summary: Summary) -> dict[str, Any]:
    shown = {**summary.sections, "alerts": summary.alerts}
    if summary.statistics is not None:
        shown |= {"durations": _durations(summary.statistics), "live_runs": summary.live_runs}
    return shown


def _durations(measured: RunStatistics) -> dict[str, float | int | None]:
    return {
        "runs": measured.runs,
        "median_seconds": _seconds(measured.median_duration_ms),
        "p95_seconds": _seconds(measured.duration_p95_ms),
        "queue_p95_seconds": _seconds(measured.queue_p95_ms),
    }


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
