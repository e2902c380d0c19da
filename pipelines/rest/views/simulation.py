"""What would this event start, which steps would be skipped, and why."""

from collections.abc import Iterator, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.views import ActorView
from pipelines import selectors, step_types
from pipelines.documents import lint, parse, to_definition
from pipelines.expressions import ExpressionError, condition
from pipelines.inputs import declared_inputs
from pipelines.matching import match_triggers
from pipelines.rest.serializers import simulation as s
from pipelines.rest.views.documents import refuse_errors

_PIPELINES_MAX = 200


class SimulateView(ActorView):
    """The simulator: nothing is started, nothing is stored."""

    permissions = {"post": selectors.READ_PIPELINES}

    @extend_schema(
        operation_id="pipelines_simulate",
        request=s.SimulationBody,
        responses=s.SimulationSerializer,
    )
    def post(self, _request: Request) -> Response:
        """Match an event with one document, one pipeline, or all; earlier steps count as green."""
        values = self.parse(s.SimulationBody)
        event = values["event"]
        results = [
            _simulate(key, definition, event, is_active=is_active)
            for key, definition, is_active in self._definitions(values)
        ]
        return Response(s.SimulationSerializer({"results": results}).data)

    def _definitions(
        self, values: Mapping[str, Any]
    ) -> Iterator[tuple[object, dict[str, Any], bool]]:
        if "text" in values:
            refuse_errors(lint(values["text"], schemas=step_types.all_schemas()))
            yield None, to_definition(parse(values["text"]).value), True
            return
        rows = selectors.pipelines(self.actor).prefetch_related("steps")
        if values.get("pipeline_id"):
            rows = rows.filter(pk=values["pipeline_id"].pk)
        for row in rows.order_by("-id")[:_PIPELINES_MAX]:
            yield row.pk, selectors.definition_of(row), row.is_active


def _simulate(
    key: object, definition: Mapping[str, Any], event: Mapping[str, Any], *, is_active: bool
) -> dict[str, Any]:
    match = match_triggers(definition["triggers"], event)
    would_start, reason = match.is_match, match.reason
    if not is_active:
        would_start, reason = False, "The pipeline is switched off."
    return {
        "pipeline_id": key,
        "pipeline_name": definition["name"],
        "would_start": would_start,
        "reason": reason,
        "steps": list(_steps(definition, event)) if would_start else [],
    }


def _steps(definition: Mapping[str, Any], event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    contexts: dict[str, Any] = {
        "trigger": dict(event),
        "pipeline": {"name": definition["name"], "slug": definition["slug"]},
        "repository": event.get("repository") or {},
        "run": {},
        "worker": {},
        "secrets": {},
        "matrix": {},
        "env": definition["environment"],
        "inputs": {
            name: rule.get("default")
            for name, rule in declared_inputs(definition["triggers"]).items()
        },
        "steps": {},
    }
    for step in definition["steps"]:
        would_run, reason = _decide(step, contexts)
        yield {
            "key": step["key"],
            "name": step["name"],
            "step_type": step["step_type"],
            "would_run": would_run,
            "reason": reason,
        }
        status = "success" if would_run else "skipped"
        contexts["steps"][step["key"]] = {"status": status, "outputs": {}}


def _decide(step: Mapping[str, Any], contexts: Mapping[str, Any]) -> tuple[bool | None, str]:
    if not step.get("is_active", True):
        return False, "The step is switched off."
    source = step.get("condition") or ""
    if not source:
        return True, "It has no condition."
    try:
        is_met = condition(source, contexts)
    except ExpressionError as error:
        return None, f"Its condition cannot be evaluated here: {error}"
    return is_met, f"Its condition {source} is {'met' if is_met else 'not met'}."
