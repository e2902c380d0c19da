"""`/pipelines/try`: what a past or written event would start; nothing happens."""

import json
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse

from devops.errors import DomainError, Invalid
from devops.ids import parse_uuid
from devops.pages.base import Page
from devops.safety.json_values import DocumentError, load_json
from gitintegration.public import webhook_events
from pipelines import selectors
from pipelines.choices import TriggerType
from pipelines.simulation import (
    Happening,
    Simulated,
    SimulatedStep,
    delivered,
    simulate_account,
)

_DELIVERIES = 20
_LONGEST_EVENT = 64 * 1024
EXAMPLE = """\
{
  "type": "push",
  "branch": "main",
  "ref": "refs/heads/main",
  "changed_paths": ["src/app.py"],
  "commit": {"title": "Round prices", "author": "ana"}
}
"""


class TryEvent(Page):
    """The simulator's form and answer, in one page; `pipeline` and `event` come by the address."""

    nav_area = "pipelines"

    def get(self, request: HttpRequest) -> HttpResponse:
        chosen = request.GET.get("event", "")
        if chosen:
            return self._answer(request, chosen, "")
        return self._show(request, EXAMPLE, "")

    def post(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request, request.POST.get("event", ""), request.POST.get("text", ""))

    def _answer(self, request: HttpRequest, event_id: str, text: str) -> HttpResponse:
        try:
            happenings = self._happenings(event_id, text)
            pipeline = self._pipeline(request)
            results = [
                result
                for happening in happenings
                for result in simulate_account(self.actor, happening, pipeline_id=pipeline)
            ]
        except DomainError as error:
            return self._show(request, text, event_id, error=error.detail, status=error.status)
        return self._show(request, text or EXAMPLE, event_id, results=results)

    def _happenings(self, event_id: str, text: str) -> list[Happening]:
        if event_id:
            return delivered(self.actor, parse_uuid(event_id))
        try:
            event = load_json(text.encode(), max_bytes=_LONGEST_EVENT)
        except DocumentError as error:
            raise Invalid(f"The event is no JSON: {error}") from error
        if not isinstance(event, dict) or event.get("type") not in TriggerType.values:
            kinds = ", ".join(TriggerType.values)
            raise Invalid(f"An event is an object with a `type`: one of {kinds}.")
        return [Happening(event)]

    def _pipeline(self, request: HttpRequest) -> uuid.UUID | None:
        slug = request.GET.get("pipeline", "")
        return selectors.pipeline_by_slug(self.actor, slug).pk if slug else None

    def _show(
        self,
        request: HttpRequest,
        text: str,
        event_id: str,
        *,
        results: list[Simulated] | None = None,
        error: str = "",
        status: int = 200,
    ) -> HttpResponse:
        may_see = self.actor.may("git.webhooks.read")
        deliveries = list(webhook_events(self.actor)[:_DELIVERIES]) if may_see else []
        return self.render(
            "pipelines/try.html",
            {
                "text": text,
                "event_id": event_id,
                "deliveries": deliveries,
                "is_asked": results is not None,
                "starting": [_shown(each) for each in results or () if each.would_start],
                "resting": [each for each in results or () if not each.would_start],
                "error": error,
                "slug": request.GET.get("pipeline", ""),
            },
            status=status,
        )


def _shown(found: Simulated) -> dict[str, Any]:
    steps = [{"step": step, "values": _values(step)} for step in found.steps]
    return {"pipeline_name": found.pipeline_name, "reason": found.reason, "steps": steps}


def _values(step: SimulatedStep) -> str:
    shown = {**step.configuration, **({"env": step.environment} if step.environment else {})}
    return json.dumps(shown, indent=2, ensure_ascii=False, default=str)
