"""The simulator over REST."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.views import ActorView
from pipelines import selectors
from pipelines.documents import parse, to_definition
from pipelines.linting import lint_text
from pipelines.rest.serializers import simulation as s
from pipelines.rest.views.documents import refuse_errors
from pipelines.simulation import (
    Happening,
    Simulated,
    delivered,
    simulate_account,
    simulate_definition,
)


class SimulateView(ActorView):
    """The simulator: nothing is started, nothing is stored."""

    permissions = {"post": selectors.READ_PIPELINES}

    @extend_schema(
        operation_id="pipelines_simulate",
        request=s.SimulationBody,
        responses=s.SimulationSerializer,
    )
    def post(self, _request: Request) -> Response:
        """Match a past or given event with one document, one pipeline, or all.

        Earlier steps count as green.
        """
        values = self.parse(s.SimulationBody)
        results = [
            result
            for happening in self._happenings(values)
            for result in self._simulate(values, happening)
        ]
        # A thousand rows: the serializer of the reference would take longer than the answer.
        return Response({"results": [_plain(result) for result in results]})

    def _happenings(self, values: Mapping[str, Any]) -> list[Happening]:
        if "event_id" in values:
            return delivered(self.actor, values["event_id"])
        return [Happening(values["event"])]

    def _simulate(self, values: Mapping[str, Any], happening: Happening) -> list[Simulated]:
        if "text" in values:
            refuse_errors(lint_text(values["text"]))
            return [
                simulate_definition(to_definition(parse(values["text"]).value), happening.event)
            ]
        chosen = values.get("pipeline_id")
        return simulate_account(self.actor, happening, pipeline_id=chosen.pk if chosen else None)


def _plain(found: Simulated) -> dict[str, Any]:
    return {
        "pipeline_id": found.pipeline_id,
        "pipeline_name": found.pipeline_name,
        "would_start": found.would_start,
        "reason": found.reason,
        "steps": [asdict(step) for step in found.steps],
    }
