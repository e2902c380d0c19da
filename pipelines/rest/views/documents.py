"""Pipeline documents: linted, described, imported."""

import dataclasses
import difflib
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.parsers import DocumentParser, StrictJSONParser, YamlParser
from devops.api.views import ActorView
from devops.errors import FieldProblem, Invalid
from devops.safety.documents import DocumentError, dump_yaml
from pipelines import selectors, statistics, step_types
from pipelines.documents import (
    Finding,
    export_yaml,
    json_schema,
    parse,
    to_definition,
)
from pipelines.documents.github_import import Remark, import_github
from pipelines.linting import lint_stored, lint_text
from pipelines.models import Pipeline
from pipelines.operations import definitions as operations
from pipelines.rest.serializers import pipelines as s
from pipelines.risk_contract import contract_schema

_READ = selectors.READ_PIPELINES
_FROM = OpenApiParameter(
    "from", str, enum=["powernode", "github"], description="Whose format it is; default ours."
)
_DRY_RUN = OpenApiParameter("dry_run", bool, description="Answer the difference, change nothing.")


class LintView(ActorView):
    """The linter."""

    permissions = {"post": _READ}

    @extend_schema(operation_id="pipelines_lint", request=s.LintBody, responses=s.LintSerializer)
    def post(self, _request: Request) -> Response:
        """Everything wrong with a document or definition, each with its place and a remedy."""
        values = self.parse(s.LintBody)
        if "text" in values:
            labels = statistics.known_labels(self.actor)
            findings = lint_text(values["text"], known_labels=labels)
        else:
            findings = lint_stored(values["definition"])
        shown = {"valid": not _errors(findings), "findings": _plain(findings)}
        return Response(s.LintSerializer(shown).data)


class SchemaView(ActorView):
    """The JSON Schema of the pipeline document."""

    permissions = {"get": _READ}

    @extend_schema(
        operation_id="pipelines_schema",
        responses={200: {"type": "object", "additionalProperties": True}},
    )
    def get(self, _request: Request) -> Response:
        """For editors: completion, checks, descriptions."""
        return Response(json_schema(step_types.all_schemas()))


class RiskContractSchemaView(ActorView):
    """The JSON Schema of the risk contract."""

    permissions = {"get": _READ}

    @extend_schema(
        operation_id="risk_contract_schema",
        responses={200: {"type": "object", "additionalProperties": True}},
    )
    def get(self, _request: Request) -> Response:
        """For editors of `.powernode/risk-contract.yml`."""
        return Response(contract_schema())


class StepTypesView(ActorView):
    """The step types."""

    permissions = {"get": _READ}

    @extend_schema(operation_id="step_types_list", responses=s.StepTypeSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Each with the schema of its configuration."""
        return Response([_step_type(kind) for kind in step_types.all_types()])


class ImportView(ActorView):
    """Documents become pipelines."""

    permissions = {"post": operations.WRITE}
    query_parameters = {"post": frozenset({"dry_run", "from"})}
    parser_classes = [StrictJSONParser, DocumentParser, YamlParser]

    @extend_schema(
        operation_id="pipelines_import",
        parameters=[_DRY_RUN, _FROM],
        request={
            "application/json": {"type": "object", "additionalProperties": True},
            "text/yaml": {"type": "string"},
            "application/yaml": {"type": "string"},
        },
        responses={
            201: s.PipelineDetailSerializer,
            200: s.ImportPlanSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        """Create the pipeline of the document's `key`, or change it: 201 or 200 with the pipeline.

        With `dry_run=true`: 200 with the difference.
        """
        is_dry = _flag(request, "dry_run")
        text, remarks = _ours(_text(request), request.query_params.get("from", "powernode"))
        labels = statistics.known_labels(self.actor)
        findings = lint_text(text, known_labels=labels)
        refuse_errors(findings)
        definition = to_definition(parse(text).value)
        existing = _existing(self, definition["slug"])
        if is_dry:
            plan = _plan(existing, definition, findings)
            plan |= {"document": text, "remarks": remarks}
            return Response(s.ImportPlanSerializer(plan).data)
        if existing is None:
            row = operations.create_pipeline(self.actor, definition, text=text)
        else:
            row = operations.update_pipeline(self.actor, existing, definition, text=text)
        shown: Any = selectors.pipeline(self.actor, row.pk)
        facts = statistics.pipeline_facts(self.actor, [shown])[shown.pk]
        shown.last_run, shown.success_rate = facts.last_run, facts.success_rate
        body = s.PipelineDetailSerializer(shown).data
        return Response(body, status=201 if existing is None else 200)


def _text(request: Request) -> str:
    """The document's text; JSON is written out as YAML, so that one linter reads both."""
    if request.content_type and "json" in request.content_type:
        return dump_yaml(request.data)
    body: Any = request.data
    text: str = body.get("text", "")
    return text


def _ours(text: str, kind: str) -> tuple[str, list[Remark]]:
    """The text as a document of ours, and what of a foreign one did not map."""
    if kind == "powernode":
        return text, []
    if kind != "github":
        raise Invalid.field("?from", "`from` is powernode or github.", code="invalid-from")
    try:
        imported = import_github(text)
    except DocumentError as error:
        raise Invalid(
            f"The workflow cannot be read: {error}.",
            remedy="Send the text of a file of `.github/workflows`.",
        ) from error
    return dump_yaml(imported.document), imported.remarks


def _flag(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "false").lower()
    if value not in {"true", "false", "1", "0"}:
        raise Invalid.field(f"?{name}", f"`{name}` is true or false.")
    return value in {"true", "1"}


def _existing(view: ActorView, slug: str) -> Pipeline | None:
    return selectors.pipelines(view.actor).filter(slug=slug).prefetch_related("steps").first()


def _plan(
    existing: Pipeline | None, definition: dict[str, Any], findings: list[Finding]
) -> dict[str, Any]:
    before = export_yaml(selectors.definition_of(existing)) if existing else ""
    after = export_yaml(definition)
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "present", "imported"
    )
    diff = "".join(lines)
    change = "update" if diff else "none"
    return {
        "dry_run": True,
        "action": change if existing else "create",
        "pipeline_id": existing.pk if existing else None,
        "diff": diff,
        "findings": _plain(findings),
    }


def refuse_errors(findings: list[Finding]) -> None:
    """Refuse a document with errors; warnings pass.

    Raises:
        Invalid: every error with its line.
    """
    errors = _errors(findings)
    if errors:
        first = errors[0]
        raise Invalid(
            f"The document has {len(errors)} error(s); the first, in line {first.line}: "
            f"{first.message}",
            remedy=first.remedy,
            errors=[
                FieldProblem(
                    each.pointer, each.code, f"Line {each.line}: {each.message}", each.remedy
                )
                for each in errors
            ],
        )


def _errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "error"]


def _plain(findings: list[Finding]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(finding) for finding in findings]


def _step_type(kind: step_types.StepType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "summary": kind.summary,
        "effect": kind.effect,
        "docs": kind.docs,
        "outputs": dict(kind.outputs),
        "example": dict(kind.example),
        "configuration_schema": step_types.config_schema(kind.name),
    }
