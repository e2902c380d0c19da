"""Pipelines: the list, one pipeline's page, its editor, and what can be done to it."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.access import Actor
from devops.errors import DomainError
from devops.ids import parse_uuid
from devops.pages.base import Page, cursor_page
from pipelines import marketplace_rows, selectors, step_types, timetable
from pipelines.badges import badge_facts, badge_path
from pipelines.choices import PipelineType
from pipelines.documents import export_yaml, lint, parse, to_definition
from pipelines.inputs import declared_inputs, typed_input
from pipelines.models import Pipeline, PipelineRepository
from pipelines.operations.badges import publish_badge, withdraw_badge
from pipelines.operations.definitions import (
    WRITE,
    create_pipeline,
    delete_pipeline,
    duplicate_pipeline,
    set_active,
    update_pipeline,
)
from pipelines.operations.runs import trigger_run
from pipelines.operations.template_updates import newer_version
from pipelines.pages.schedules import schedule_row
from pipelines.statistics import pipeline_facts

TABS = ("runs", "definition", "schedules", "triggers", "settings")
BARS = 30
_ICONS = {
    "push": "git-commit", "pull_request": "git-pull-request", "manual": "hand-click",
    "schedule": "calendar-time", "release": "tag",
}  # fmt: skip
STARTER = """\
name: CI
on:
  push: {branches: ["**"]}
  manual: {}
timeout_minutes: 30
steps:
  - name: Check out
    uses: checkout
  - name: Tests
    uses: run_tests
    with:
      command: python -m pytest --junitxml=report.xml
      report: report.xml
"""


class PipelineList(Page):
    """`/pipelines`."""

    nav_area = "pipelines"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "").strip() for name in ("search", "active")}
        rows = selectors.pipelines(self.actor)
        if filters["search"]:
            rows = rows.filter(name__icontains=filters["search"])
        if filters["active"] in {"true", "false"}:
            rows = rows.filter(is_active=filters["active"] == "true")
        found, page = cursor_page(request, rows)
        return self.render(
            "pipelines/pipeline_list.html",
            {
                "pipelines": _with_runs(self.actor, found),
                "filters": filters,
                "is_filtered": any(filters.values()),
                "page": page,
                "can_write": self.actor.may(WRITE),
            },
        )


class PipelinePage(Page):
    """The base of the pages of one pipeline, found by its slug in the session's account."""

    nav_area = "pipelines"

    def find(self, slug: str) -> Pipeline:
        return selectors.pipeline_by_slug(self.actor, slug)


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
        runs, page = cursor_page(request, own) if tab == "runs" else ([], {})
        links = list(selectors.links(self.actor, pipeline.pk))
        repository = links[0].repository if links else None
        pipeline.repository = repository  # type: ignore[attr-defined]
        definition = selectors.definition_of(pipeline) if tab == "definition" else None
        installation = marketplace_rows.installation(self.actor, pipeline)
        return self.render(
            "pipelines/pipeline_detail.html",
            {
                "pipeline": pipeline,
                "tab": tab,
                "runs": runs,
                "page": page,
                "recent_runs": list(own[:BARS])[::-1],
                "definition_text": export_yaml(definition) if definition else "",
                "triggers": [_trigger(name, rule) for name, rule in pipeline.triggers.items()],
                "schedules": self._schedules(pipeline) if tab == "schedules" else [],
                "can_schedule": self.actor.may("devops.schedules.write"),
                "schedules_key": str(pipeline.pk),
                "inputs": _inputs(pipeline, refused, typed or {}),
                "default_ref": repository.default_branch if repository else "",
                "trigger_error": refused.detail if refused else "",
                "trigger_values": {"ref": (typed or {}).get("ref", "")},
                "badge": {**badge_facts(pipeline), "path": badge_path(pipeline)},
                "linked_objects": self._concerned(pipeline, links) if tab == "settings" else [],
                "installation": installation,
                "newer": newer_version(self.actor, installation),
                "can_write": self.actor.may(WRITE),
                "can_delete": self.actor.may(WRITE),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
            status=refused.status if refused else 200,
        )

    def _schedules(self, pipeline: Pipeline) -> list[dict[str, Any]]:
        rows = list(timetable.schedules(self.actor).filter(pipeline=pipeline)[:100])
        late = timetable.lateness_of(self.actor, [row.pk for row in rows])
        return [schedule_row(row, late[row.pk]) for row in rows]

    def _concerned(self, pipeline: Pipeline, links: list[PipelineRepository]) -> list[str]:
        return [
            f"{len(pipeline.steps.all())} steps",
            f"{pipeline.last_run_number} runs, which stay readable until retention",
            *(f"pushes to {link.repository} no longer start it" for link in links),
        ]


class PipelineEdit(PipelinePage):
    """`/pipelines/new` and `/pipelines/<slug>/edit`: the document beside a form of it."""

    def get(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        self.actor.require(WRITE)
        if not slug:
            return self._show(None, STARTER, repository_id=request.GET.get("repository"))
        pipeline = self.find(slug)
        return self._show(pipeline, export_yaml(selectors.definition_of(pipeline)))

    def post(self, request: HttpRequest, slug: str = "") -> HttpResponse:
        pipeline = self.find(slug) if slug else None
        text = request.POST.get("text", "").replace("\r\n", "\n")
        repository_id = request.POST.get("repository") or None
        findings = lint(text, schemas=step_types.all_schemas())
        if any(finding.severity == "error" for finding in findings):
            return self._show(
                pipeline, text, findings, repository_id, status=HTTPStatus.UNPROCESSABLE_ENTITY
            )
        definition = to_definition(parse(text).value)
        try:
            if pipeline is None:
                chosen = parse_uuid(repository_id) if repository_id else None
                saved = create_pipeline(self.actor, definition, repository_id=chosen)
            else:
                definition["slug"] = pipeline.slug
                saved = update_pipeline(self.actor, pipeline, definition)
        except DomainError as error:
            return self._show(pipeline, text, findings, repository_id, error, error.status)
        self.note(f"{saved.name} is saved.")
        return redirect(saved.url)

    def _show(
        self,
        pipeline: Pipeline | None,
        text: str,
        findings: list[Any] | None = None,
        repository_id: str | None = None,
        error: DomainError | None = None,
        status: int = 200,
    ) -> HttpResponse:
        if pipeline is not None and repository_id is None:
            link = selectors.links(self.actor, pipeline.pk).first()
            repository_id = str(link.repository_id) if link else None
        return self.render(
            "pipelines/pipeline_edit.html",
            {
                **editor_context(self.actor, pipeline, text),
                "findings": [asdict(finding) for finding in findings or []],
                "is_refused": status != HTTPStatus.OK,
                "error": f"{error.detail} {error.remedy}".strip() if error else "",
                "repository_id": repository_id,
            },
            status=status,
        )


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


class PipelineActive(PipelinePage):
    """`POST /pipelines/<slug>/active`: the switch."""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        is_active = request.POST.getlist("active")[-1:] == ["true"]
        set_active(self.actor, pipeline, is_active=is_active)
        self.note(f"{pipeline.name} is switched {'on' if is_active else 'off'}.")
        return redirect(pipeline.url)


class PipelineBadge(PipelinePage):
    """`POST /pipelines/<slug>/badge`: publish it, under a new address, or withdraw it."""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        if request.POST.get("action") == "withdraw":
            withdraw_badge(self.actor, pipeline)
            self.note("The badge is withdrawn: its address shows nothing any more.")
        else:
            publish_badge(self.actor, pipeline)
            self.note("The badge is published.")
        return redirect(f"{pipeline.url}?tab=settings")


class PipelineDuplicate(PipelinePage):
    """`POST /pipelines/<slug>/duplicate`."""

    def post(self, _request: HttpRequest, slug: str) -> HttpResponse:
        return redirect(duplicate_pipeline(self.actor, self.find(slug)).url + "/edit")


class PipelineDelete(PipelinePage):
    """`POST /pipelines/<slug>/delete`: the name must be typed."""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        if request.POST.get("confirm") != pipeline.slug:
            messages.error(request, "Nothing was deleted: the name that was typed is another one.")
            return redirect(f"{pipeline.url}?tab=settings")
        try:
            delete_pipeline(self.actor, pipeline)
        except DomainError as error:
            return self.refuse(error, f"{pipeline.url}?tab=settings")
        self.note(f"{pipeline.name} is deleted.")
        return redirect("/pipelines")


class PipelineExport(PipelinePage):
    """`/pipelines/<slug>/export`: the document as a file."""

    def get(self, _request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        text = export_yaml(selectors.definition_of(pipeline))
        disposition = f'attachment; filename="{pipeline.slug}.yml"'
        return HttpResponse(
            text, content_type="application/yaml", headers={"Content-Disposition": disposition}
        )


def editor_context(actor: Actor, pipeline: Pipeline | None, text: str) -> dict[str, Any]:
    """What the editor shows of a document, saved or not."""
    return {
        "pipeline": pipeline,
        "text": text,
        "step_types": [_step_type(row) for row in step_types.all_types()],
        "pipeline_types": PipelineType.choices,
        "repositories": [
            {"id": str(row.pk), "full_name": row.full_name}
            for row in selectors.repositories(actor)[:500]
        ],
        "is_from_repository": bool(pipeline and pipeline.source_path),
    }


def _with_runs(actor: Actor, found: list[Pipeline]) -> list[Pipeline]:
    """Pipelines with their last runs and success rate, in a fixed number of queries each page."""
    latest = selectors.recent_runs_of(actor, [row.pk for row in found], 12)
    links = selectors.first_links(actor, [row.pk for row in found])
    facts = pipeline_facts(actor, found)
    for row in found:
        runs = latest.get(row.pk, [])
        row.recent_runs = runs[::-1]  # type: ignore[attr-defined]
        row.last_run = runs[0] if runs else None  # type: ignore[attr-defined]
        row.success_percent = facts[row.pk].success_rate  # type: ignore[attr-defined]
        row.repository = links.get(row.pk)  # type: ignore[attr-defined]
    return found


def _trigger(name: str, rule: Any) -> dict[str, Any]:
    parts = []
    if isinstance(rule, dict):
        for key, value in rule.items():
            if key == "inputs":
                parts.append(f"inputs: {', '.join(value)}")
            elif isinstance(value, list):
                parts.append(f"{key}: {', '.join(map(str, value))}")
            else:
                parts.append(f"{key}: {value}")
    title = name.replace("_", " ").capitalize()
    detail = " · ".join(parts) or "Every one starts a run."
    return {"icon": _ICONS.get(name, "bolt"), "name": title, "detail": detail, "next_at": None}


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


def _step_type(row: Any) -> dict[str, Any]:
    schema = step_types.config_schema(row.name)
    return {
        "type": row.name,
        "description": row.summary,
        "keys": list(schema.get("properties", {})),
    }
