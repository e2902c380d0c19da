"""The list of pipelines: totals, filters, and each with its last runs."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse

from devops.access import Actor
from devops.pages.base import Page, cursor_page
from pipelines import selectors
from pipelines.inputs import declared_inputs
from pipelines.models import Pipeline
from pipelines.operations.definitions import WRITE
from pipelines.operations.runs import WRITE_RUNS
from pipelines.statistics import account_totals, pipeline_facts

BARS = 12
_STATES = (("", "All", "all"), ("true", "Active", "active"), ("false", "Inactive", "inactive"))


class PipelineList(Page):
    """`/pipelines`."""

    nav_area = "pipelines"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "").strip() for name in ("search", "active")}
        named = Q(name__icontains=filters["search"]) if filters["search"] else Q()
        rows = selectors.pipelines(self.actor).filter(named)
        if filters["active"] in {"true", "false"}:
            rows = rows.filter(is_active=filters["active"] == "true")
        found, page = cursor_page(request, rows)
        return self.render(
            "pipelines/pipeline_list.html",
            {
                "pipelines": _with_runs(self.actor, found),
                "filters": filters,
                "is_filtered": any(filters.values()),
                "states": self._states(named),
                "page": page,
                "totals": account_totals(self.actor),
                "can_write": self.actor.may(WRITE),
                "can_run": self.actor.may(WRITE_RUNS),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
        )

    def _states(self, named: Q) -> list[dict[str, Any]]:
        """The choices of the filter with how many pipelines each would show."""
        counts = selectors.plain_pipelines(self.actor).filter(named).order_by().aggregate(
            all=Count("pk"), active=Count("pk", filter=Q(is_active=True)),
            inactive=Count("pk", filter=Q(is_active=False)),
        )  # fmt: skip
        return [
            {"value": value, "label": label, "key": key, "count": counts[key]}
            for value, label, key in _STATES
        ]


def _with_runs(actor: Actor, found: list[Pipeline]) -> list[Pipeline]:
    """Pipelines with their last runs and success rate, in a fixed number of queries each page."""
    latest = selectors.recent_runs_of(actor, [row.pk for row in found], BARS)
    links = selectors.first_links(actor, [row.pk for row in found])
    facts = pipeline_facts(actor, found)
    for row in found:
        runs = latest.get(row.pk, [])
        row.recent_runs = runs[::-1]  # type: ignore[attr-defined]
        row.last_run = runs[0] if runs else None  # type: ignore[attr-defined]
        row.success_percent = facts[row.pk].success_rate  # type: ignore[attr-defined]
        row.repository = links.get(row.pk)  # type: ignore[attr-defined]
        row.has_inputs = bool(declared_inputs(row.triggers))  # type: ignore[attr-defined]
    return found
