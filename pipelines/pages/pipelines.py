"""One pipeline: its editor, and what can be done to it."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.access import Actor
from devops.errors import DomainError
from devops.ids import parse_uuid
from devops.pages.base import Page, asked_from
from pipelines import selectors, step_types, timetable
from pipelines.choices import PipelineType
from pipelines.documents import export_yaml, lint, parse, to_definition
from pipelines.models import Pipeline
from pipelines.operations.badges import publish_badge, withdraw_badge
from pipelines.operations.definitions import (
    WRITE,
    create_pipeline,
    delete_pipeline,
    duplicate_pipeline,
    set_active,
    update_pipeline,
)

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


class PipelinePage(Page):
    """The base of the pages of one pipeline, found by its slug in the session's account."""

    nav_area = "pipelines"

    def find(self, slug: str) -> Pipeline:
        return selectors.pipeline_by_slug(self.actor, slug)


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


class PipelineActive(PipelinePage):
    """`POST /pipelines/<slug>/active`: the switch."""

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        is_active = request.POST.getlist("active")[-1:] == ["true"]
        set_active(self.actor, pipeline, is_active=is_active)
        self.note(f"{pipeline.name} is switched {'on' if is_active else 'off'}.")
        return redirect(asked_from(request, pipeline.url))


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
    """`/pipelines/<slug>/delete`: what it concerns; the name must be typed."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        self.actor.require(WRITE)
        pipeline = self.find(slug)
        is_part = request.headers.get("HX-Request") == "true"
        return self.render(
            "pipelines/_delete_dialog.html" if is_part else "pipelines/pipeline_delete.html",
            {"pipeline": pipeline, "linked_objects": self._concerned(pipeline)},
        )

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        back = asked_from(request, f"{pipeline.url}?tab=settings")
        if request.POST.get("confirm") != pipeline.slug:
            messages.error(request, "Nothing was deleted: the name that was typed is another one.")
            return redirect(back)
        try:
            delete_pipeline(self.actor, pipeline)
        except DomainError as error:
            return self.refuse(error, back)
        self.note(f"{pipeline.name} is deleted.")
        return redirect("/pipelines")

    def _concerned(self, pipeline: Pipeline) -> list[str]:
        links = selectors.links(self.actor, pipeline.pk)
        schedules = timetable.schedules(self.actor).filter(pipeline=pipeline)[:100]
        return [
            _counted(len(pipeline.steps.all()), "step"),
            f"{_counted(pipeline.last_run_number, 'run')}, readable until retention takes them",
            *(f"the schedule {row.name}" for row in schedules),
            *(f"pushes to {link.repository} no longer start it" for link in links),
        ]


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


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _step_type(row: Any) -> dict[str, Any]:
    schema = step_types.config_schema(row.name)
    return {
        "type": row.name,
        "description": row.summary,
        "keys": list(schema.get("properties", {})),
    }
