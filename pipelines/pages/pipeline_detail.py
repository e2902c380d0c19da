"""One pipeline's page: how its runs go, what it does, what it is set to; and its start by hand."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.pages.base import cursor_page
from pipelines import marketplace_rows, selectors, timetable
from pipelines.badges import badge_facts, badge_path
from pipelines.inputs import declared_inputs, typed_input
from pipelines.models import Pipeline
from pipelines.operations.definitions import WRITE
from pipelines.operations.runs import WRITE_RUNS, trigger_run
from pipelines.operations.template_updates import newer_version
from pipelines.pages.definition_rows import (
    configuration,
    definition_parts,
    notifications,
    step_rows,
    trigger_row,
)
from pipelines.pages.pipelines import PipelinePage
from pipelines.pages.run_list import with_notes
from pipelines.pages.schedules import schedule_row
from pipelines.statistics import pipeline_totals
from pipelines.written import document_of

TABS = ("runs", "steps", "definition", "schedules", "triggers", "settings")
BARS = 30


class PipelineDetail(PipelinePage):
    """`/pipelines/<slug>`."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        return self.show(request, self.find(slug))

    def show(
        self,
        request: HttpRequest,
        pipeline: Pipeline,
        refused: DomainError | None = None,
        typed: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        """The page; after a refused start with its dialog open and what was typed still in it."""
        tab = request.GET.get("tab", "runs")
        tab = tab if tab in TABS else "runs"
        own = selectors.runs(self.actor).filter(pipeline=pipeline)
        recent = list(own[:BARS])
        link = selectors.links(self.actor, pipeline.pk).first()
        repository = link.repository if link else None
        pipeline.repository = repository  # type: ignore[attr-defined]
        installation = marketplace_rows.installation(self.actor, pipeline)
        return self.render(
            "pipelines/pipeline_detail.html",
            {
                "pipeline": pipeline,
                "tab": tab,
                "recent_runs": recent[::-1],
                "last_run": recent[0] if recent else None,
                "totals": pipeline_totals(self.actor, pipeline),
                "steps": step_rows(pipeline) if tab in {"runs", "steps"} else [],
                "configuration": configuration(pipeline),
                **self._of_tab(request, pipeline, tab),
                "can_schedule": self.actor.may("devops.schedules.write"),
                "schedules_key": str(pipeline.pk),
                "inputs": _inputs(pipeline, refused, typed or {}),
                "default_ref": repository.default_branch if repository else "",
                "trigger_error": refused.detail if refused else "",
                "trigger_is_open": request.GET.get("run") == "1" and pipeline.is_active,
                "trigger_values": {"ref": (typed or {}).get("ref", "")},
                "installation": installation,
                "newer": newer_version(self.actor, installation),
                "can_write": self.actor.may(WRITE),
                "can_run": self.actor.may(WRITE_RUNS),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
            status=refused.status if refused else 200,
        )

    def _of_tab(self, request: HttpRequest, pipeline: Pipeline, tab: str) -> dict[str, Any]:
        """What only one of the tabs shows."""
        if tab == "runs":
            own = selectors.runs(self.actor).filter(pipeline=pipeline)
            runs, page = cursor_page(request, own)
            return {"runs": with_notes(self.actor, runs), "page": page}
        if tab == "definition":
            text = document_of(self.actor, pipeline)
            return {"parts": definition_parts(selectors.definition_of(pipeline), text)}
        if tab == "schedules":
            return {"schedules": self._schedules(pipeline)}
        if tab == "triggers":
            return {"triggers": [trigger_row(*each) for each in pipeline.triggers.items()]}
        if tab == "settings":
            badge = {**badge_facts(pipeline), "path": badge_path(pipeline)}
            return {"badge": badge, "notifications": notifications(self.actor, pipeline)}
        return {}

    def _schedules(self, pipeline: Pipeline) -> list[dict[str, Any]]:
        rows = list(timetable.schedules(self.actor).filter(pipeline=pipeline)[:100])
        late = timetable.lateness_of(self.actor, [row.pk for row in rows])
        return [schedule_row(row, late[row.pk]) for row in rows]


class PipelineTrigger(PipelineDetail):
    """`POST /pipelines/<slug>/trigger`: start a run with the typed inputs of the dialog."""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        typed = {
            name: typed_input(rule, request.POST.get(f"inputs.{name}"))
            for name, rule in declared_inputs(pipeline.triggers).items()
        }
        given = {name: value for name, value in typed.items() if value is not None}
        ref = request.POST.get("ref", "").strip()
        try:
            run = trigger_run(self.actor, pipeline, inputs=given, ref=ref)
        except DomainError as error:
            return self.show(request, pipeline, error, {**typed, "ref": ref})
        return redirect(run.url)


def _inputs(
    pipeline: Pipeline, refused: DomainError | None, typed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    problems = {problem.pointer: problem.detail for problem in refused.errors} if refused else {}
    return [
        {
            "type": "string",
            **rule,
            "name": name,
            "value": typed.get(name, rule.get("default")),
            "error": problems.get(f"/inputs/{name}", ""),
        }
        for name, rule in declared_inputs(pipeline.triggers).items()
    ]
