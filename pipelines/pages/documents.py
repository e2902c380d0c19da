"""Pipelines as documents of others: workflows out, workflows in, and the file in the repository."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError, Invalid
from devops.pages.base import Page
from devops.pages.differences import diff_lines
from devops.safety.documents import DocumentError, dump_yaml
from pipelines import selectors
from pipelines.documents.generators import TARGETS, generate
from pipelines.documents.github_import import import_github
from pipelines.linting import lint_text
from pipelines.operations.definitions import WRITE
from pipelines.operations.drift import compare_with_file, take_file
from pipelines.operations.hooks import close_hook, open_hook, reveal_hook
from pipelines.pages.editor import editor_context
from pipelines.pages.pipelines import PipelinePage

NAMES = {"github": "GitHub", "gitlab": "GitLab", "gitea": "Gitea", "bitbucket": "Bitbucket"}


class PipelineWorkflow(PipelinePage):
    """`/pipelines/<slug>/workflow?target=`: the pipeline in the words of a host's own CI."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        target = request.GET.get("target", "github")
        if target not in TARGETS:
            raise Invalid.field("?target", f"`target` is one of {', '.join(TARGETS)}.")
        made = generate(selectors.definition_of(pipeline), target)
        if "download" in request.GET:
            name = made.path.rsplit("/", 1)[-1]
            disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
            return HttpResponse(made.text, content_type="application/yaml", headers=disposition)
        choices = [{"target": key, "name": NAMES[key]} for key in TARGETS]
        return self.render(
            "pipelines/workflow.html",
            {"pipeline": pipeline, "target": target, "made": made, "choices": choices},
        )


class PipelineDrift(PipelinePage):
    """`/pipelines/<slug>/drift`: what is stored beside its file, read in the repository now."""

    def get(self, _request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        found = compare_with_file(self.actor, pipeline)
        return self.render(
            "pipelines/drift.html",
            {
                "pipeline": pipeline,
                "found": found,
                "lines": diff_lines(found.diff),
                "can_take": found.state == "differs" and self.actor.may(WRITE),
            },
        )

    def post(self, _request: HttpRequest, slug: str) -> HttpResponse:
        """Take what the file says."""
        pipeline = self.find(slug)
        try:
            take_file(self.actor, pipeline)
        except DomainError as error:
            return self.refuse(error, f"{pipeline.url}/drift")
        self.note(f"{pipeline.name} says what its file says.")
        return redirect(f"{pipeline.url}?tab=definition")


class PipelineHookPage(PipelinePage):
    """`/pipelines/<slug>/hook`: the signed address under which others start it."""

    def get(self, _request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        return self.render(
            "pipelines/hook.html",
            {
                "pipeline": pipeline,
                "hook": reveal_hook(self.actor, pipeline),
                "is_declared": "webhook" in pipeline.triggers,
            },
        )

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Open, renew or close it."""
        pipeline = self.find(slug)
        if request.POST.get("close"):
            close_hook(self.actor, pipeline)
            self.note("The address is closed.")
        else:
            open_hook(self.actor, pipeline)
            self.note("This is the new address; a former one ended.")
        return redirect(f"{pipeline.url}/hook")


class WorkflowImport(Page):
    """`/pipelines/import`: a GitHub workflow becomes a pipeline in the editor, not saved yet."""

    nav_area = "pipelines"

    def get(self, _request: HttpRequest) -> HttpResponse:
        self.actor.require(WRITE)
        return self.render("pipelines/workflow_import.html", {"text": "", "error": ""})

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(WRITE)
        text = request.POST.get("text", "")
        try:
            imported = import_github(text)
        except DocumentError as error:
            context = {"text": text, "error": f"{error}."}
            return self.render("pipelines/workflow_import.html", context, status=400)
        document = dump_yaml(imported.document)
        findings = [asdict(each) for each in lint_text(document)]
        context = editor_context(self.actor, None, document)
        lines = text.splitlines()
        remarks = [
            {**asdict(each), "said": "".join(lines[each.line - 1 : each.line]).strip()[:120]}
            for each in imported.remarks
        ]
        return self.render(
            "pipelines/pipeline_edit.html",
            {**context, "findings": findings, "remarks": remarks, "is_imported": True},
        )
