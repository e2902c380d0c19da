"""One pipeline: what can be done to it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.pages.base import Page, asked_from
from pipelines import selectors, timetable
from pipelines.models import Pipeline
from pipelines.operations.badges import publish_badge, withdraw_badge
from pipelines.operations.definitions import (
    WRITE,
    delete_pipeline,
    duplicate_pipeline,
    set_active,
)
from pipelines.written import document_of


class PipelinePage(Page):
    """The base of the pages of one pipeline, found by its slug in the session's account."""

    nav_area = "pipelines"

    def find(self, slug: str) -> Pipeline:
        return selectors.pipeline_by_slug(self.actor, slug)


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
        runs = _counted(pipeline.last_run_number, "run")
        return [
            _counted(len(pipeline.steps.all()), "step"),
            *([f"{runs} so far, readable until retention"] if pipeline.last_run_number else []),
            *(f"the schedule {row.name}" for row in schedules),
            *(f"pushes to {link.repository} no longer start it" for link in links),
        ]


class PipelineExport(PipelinePage):
    """`/pipelines/<slug>/export`: the document as a file."""

    def get(self, _request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        text = document_of(self.actor, pipeline)
        disposition = f'attachment; filename="{pipeline.slug}.yml"'
        return HttpResponse(
            text, content_type="application/yaml", headers={"Content-Disposition": disposition}
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
