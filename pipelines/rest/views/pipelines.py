"""Pipelines: read, written, started, copied, exported."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from devops.errors import Conflict, Invalid
from pipelines import selectors, statistics
from pipelines.badges import badge_facts
from pipelines.documents import from_definition, step_key, stored_triggers
from pipelines.documents.generators import TARGETS, generate
from pipelines.filters import PipelineFilter
from pipelines.inputs import check_inputs
from pipelines.marketplace.abilities import abilities
from pipelines.models import Pipeline
from pipelines.operations import definitions as operations
from pipelines.operations.badges import publish_badge, withdraw_badge
from pipelines.operations.drift import compare_with_file, take_file
from pipelines.operations.hooks import close_hook, open_hook, reveal_hook
from pipelines.operations.runs import trigger_run
from pipelines.operations.template_versions import definition_of
from pipelines.operations.templates import create_from_pipeline
from pipelines.rest.serializers import pipelines as s
from pipelines.rest.serializers.runs import RunSerializer
from pipelines.rest.serializers.templates import TemplateDetailSerializer, TemplateOfPipeline
from pipelines.written import document_of

_READ, _WRITE = selectors.READ_PIPELINES, operations.WRITE
_TARGET = OpenApiParameter("target", str, enum=[*TARGETS], description="Default github.")
_FORMAT = OpenApiParameter("format", str, enum=["yaml", "json"], description="Default yaml.")


class PipelineViewSet(ActorViewSet[Pipeline]):
    """The account's pipelines, newest first."""

    model = Pipeline
    conditional = frozenset({"partial_update"})
    serializer_class = s.PipelineSerializer
    filterset_class = PipelineFilter
    query_parameters = {
        "export": frozenset({"format"}),
        "export_yaml": frozenset({"target"}),
    }
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "export": _READ,
        "export_yaml": _READ,
        "drift": _READ,
        "take_file": _WRITE,
        "create": _WRITE,
        "partial_update": _WRITE,
        "destroy": _WRITE,
        "duplicate": _WRITE,
        "create_template": _WRITE,
        "badge": _READ,
        "publish_badge": _WRITE,
        "withdraw_badge": _WRITE,
        "hook": _WRITE,
        "open_hook": _WRITE,
        "close_hook": _WRITE,
        "trigger": "devops.pipeline_runs.write",
    }

    def rows(self) -> QuerySet[Pipeline]:
        return selectors.pipelines(self.actor)

    def list(self, _request: Request, **_path: object) -> Response:
        """Each with its last run and its success rate of 30 days."""
        page: Any = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        self._add_facts(page)
        return self.get_paginated_response(s.PipelineSerializer(page, many=True).data)

    @extend_schema(responses=s.PipelineDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One pipeline with its steps and repositories."""
        return self._detail(self.kwargs["pk"])

    @extend_schema(request=s.NewPipeline, responses={201: s.PipelineDetailSerializer})
    def create(self, _request: Request) -> Response:
        """Write a pipeline; each rule that it breaks is named with its pointer."""
        values = self.parse(s.NewPipeline)
        repository = values.pop("repository_id", None)
        is_active = values.pop("is_active", True)
        row = operations.create_pipeline(
            self.actor,
            {"steps": [], **_completed(values)},
            repository_id=repository.pk if repository else None,
            is_active=is_active,
        )
        return self._detail(row.pk, 201)

    @extend_schema(request=s.PipelineChanges, responses=s.PipelineDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change fields; `steps` replaces all steps. Runs keep what they began with."""
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        values = self.parse(s.PipelineChanges)
        is_active = values.pop("is_active", None)
        operations.update_pipeline(
            self.actor, row, _completed(values), is_active=is_active, seen=self.seen
        )
        return self._detail(row.pk)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Take a pipeline away; 409 `in-use` while runs go on."""
        operations.delete_pipeline(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses={201: s.PipelineDetailSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, _request: Request, **_path: object) -> Response:
        """Copy a pipeline with its steps."""
        self.parse(NoBody)
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        return self._detail(operations.duplicate_pipeline(self.actor, row).pk, 201)

    @extend_schema(request=TemplateOfPipeline, responses={201: TemplateDetailSerializer})
    @action(detail=True, methods=["post"])
    def create_template(self, _request: Request, **_path: object) -> Response:
        """Make a template of it as a draft; `stripped` lists what was taken out."""
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        made, stripped = create_from_pipeline(self.actor, row, self.parse(TemplateOfPipeline))
        shown: Any = made
        shown.abilities, shown.stripped = abilities(definition_of(made)), stripped
        return self.render(TemplateDetailSerializer, shown, 201)

    @extend_schema(responses=s.HookSerializer)
    @action(detail=True, methods=["get"])
    def hook(self, _request: Request, **_path: object) -> Response:
        """The address and secret of the trigger `webhook`; empty while there is none."""
        return self.render(s.HookSerializer, self._hook(self.get_object()))

    @extend_schema(request=None, responses={201: s.HookSerializer})
    @action(detail=True, methods=["post"])
    def open_hook(self, _request: Request, **_path: object) -> Response:
        """Give the pipeline an address and secret; former ones end."""
        self.parse(NoBody)
        row = self.get_object()
        open_hook(self.actor, row)
        return self.render(s.HookSerializer, self._hook(row), 201)

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"])
    def close_hook(self, _request: Request, **_path: object) -> Response:
        """Close the address."""
        close_hook(self.actor, self.get_object())
        return Response(status=204)

    def _hook(self, row: Pipeline) -> dict[str, str]:
        found = reveal_hook(self.actor, row)
        return {"url": found.url if found else "", "secret": found.secret if found else ""}

    @extend_schema(responses=s.BadgeSerializer)
    @action(detail=True, methods=["get"])
    def badge(self, _request: Request, **_path: object) -> Response:
        """The badge's address and what shows it in a README; empty while it is not published."""
        return self.render(s.BadgeSerializer, badge_facts(self.get_object()))

    @extend_schema(request=None, responses={201: s.BadgeSerializer})
    @action(detail=True, methods=["post"])
    def publish_badge(self, _request: Request, **_path: object) -> Response:
        """Give the badge an address that nobody can guess; a former address ends."""
        self.parse(NoBody)
        row = publish_badge(self.actor, self.get_object())
        return self.render(s.BadgeSerializer, badge_facts(row), 201)

    @extend_schema(responses={204: None})
    @action(detail=True, methods=["delete"])
    def withdraw_badge(self, _request: Request, **_path: object) -> Response:
        """Show the badge to nobody any more."""
        withdraw_badge(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.TriggerBody, responses={201: RunSerializer, 200: s.PlanSerializer})
    @action(detail=True, methods=["post"])
    def trigger(self, _request: Request, **_path: object) -> Response:
        """Start a run: 201 with the run, also while no worker is there to take it."""
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        values = self.parse(s.TriggerBody)
        if values.pop("dry_run"):
            return Response(_plan(row, values.get("inputs") or {}))
        return self.render(RunSerializer, trigger_run(self.actor, row, **values), 201)

    @extend_schema(
        parameters=[_FORMAT],
        responses={(200, "application/yaml"): OpenApiResponse(str, "The pipeline document.")},
    )
    @action(detail=True, methods=["get"])
    def export(self, request: Request, **_path: object) -> HttpResponse | Response:
        """The pipeline as a document, to be kept in a repository or imported elsewhere."""
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        kind = request.query_params.get("format", "yaml")
        if kind == "json":
            return Response(from_definition(selectors.definition_of(row)))
        if kind != "yaml":
            raise Invalid.field("?format", "`format` is yaml or json.", code="invalid-format")
        text = document_of(self.actor, row)
        response = HttpResponse(text, content_type="application/yaml")
        response["Content-Disposition"] = f'attachment; filename="{row.slug}.yml"'
        return response

    @extend_schema(parameters=[_TARGET], responses={200: s.WorkflowSerializer})
    @action(detail=True, methods=["get"])
    def export_yaml(self, request: Request, **_path: object) -> Response:
        """The pipeline as a workflow of a host's own CI, with what could not be expressed."""
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        target = request.query_params.get("target", "github")
        if target not in TARGETS:
            text = f"`target` is one of {', '.join(TARGETS)}."
            raise Invalid.field("?target", text, code="invalid-target")
        made = generate(selectors.definition_of(row), target)
        shown = {
            "pipeline_id": row.pk, "pipeline_name": row.name, "target": target,
            "path": made.path, "yaml": made.text, "notes": made.notes,
            "generated_at": timezone.now(),
        }  # fmt: skip
        return self.render(s.WorkflowSerializer, shown)

    @extend_schema(responses={200: s.DriftSerializer})
    @action(detail=True, methods=["get"])
    def drift(self, _request: Request, **_path: object) -> Response:
        """How the definition stands to its file in the repository, read there now."""
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        return self.render(s.DriftSerializer, compare_with_file(self.actor, row))

    @extend_schema(request=None, responses={200: s.PipelineDetailSerializer})
    @action(detail=True, methods=["post"])
    def take_file(self, _request: Request, **_path: object) -> Response:
        """Replace the definition by what its file says now."""
        self.parse(NoBody)
        row = selectors.pipeline(self.actor, self.kwargs["pk"])
        return self._detail(take_file(self.actor, row).pk)

    def _detail(self, pk: object, status: int = 200) -> Response:
        row: Any = selectors.pipeline(self.actor, str(pk))
        self._add_facts([row])
        return self.render(s.PipelineDetailSerializer, row, status)

    def _add_facts(self, rows: Iterable[Any]) -> None:
        rows = [*rows]
        facts = statistics.pipeline_facts(self.actor, rows)
        for row in rows:
            row.last_run = facts[row.pk].last_run
            row.success_rate = facts[row.pk].success_rate


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """The body with what it may leave out: keys of steps, the short forms of triggers."""
    completed = dict(values)
    if "triggers" in values:
        completed["triggers"] = stored_triggers(values["triggers"])
    if "steps" in values:
        completed["steps"] = [
            {**step, "key": step.get("key") or step_key(step["name"])} for step in values["steps"]
        ]
    return completed


def _plan(row: Pipeline, inputs: dict[str, Any]) -> dict[str, Any]:
    """What a start would run; refuses what a start would refuse."""
    if not row.is_active:
        raise Conflict(f"Pipeline {row.name} is switched off.", remedy="Switch it on.")
    definition = selectors.definition_of(row)
    shown = ("key", "name", "step_type", "condition", "phase")
    return {
        "dry_run": True,
        "inputs": check_inputs(definition["triggers"], inputs),
        "runner_labels": definition["runner_labels"],
        "steps": [
            {name: step[name] for name in shown}
            for step in definition["steps"]
            if step["is_active"]
        ],
    }
