"""Templates of pipelines: found, written, published, rated, installed."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorView, ActorViewSet
from pipelines import marketplace_rows, selectors
from pipelines.filters import TemplateFilter
from pipelines.marketplace.abilities import abilities
from pipelines.models import (
    Pipeline,
    PipelineTemplate,
    PipelineTemplateVersion,
    TemplateInstallation,
)
from pipelines.operations import templates as operations
from pipelines.operations.definitions import WRITE
from pipelines.operations.template_updates import (
    TemplateUpdate,
    compare_with_template,
    update_from_template,
)
from pipelines.operations.template_versions import definition_of
from pipelines.rest.serializers import templates as s
from pipelines.rest.serializers.pipelines import PipelineDetailSerializer

_READ = selectors.READ_PIPELINES


class TemplateViewSet(mixins.ListModelMixin, ActorViewSet[PipelineTemplate]):
    """The account's templates, the built-in ones and the approved ones of others, newest first."""

    model = PipelineTemplate
    serializer_class = s.TemplateSerializer
    filterset_class = TemplateFilter
    lookup_field = "slug"
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "rate": _READ,
        "create": WRITE,
        "partial_update": WRITE,
        "destroy": WRITE,
        "publish": WRITE,
        "unpublish": WRITE,
        "archive": WRITE,
        "install": WRITE,
    }

    def rows(self) -> QuerySet[PipelineTemplate]:
        return marketplace_rows.templates(self.actor)

    @extend_schema(responses=s.TemplateDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One template with its definition, its variables and what it may do."""
        return self._detail(self._row())

    @extend_schema(request=s.NewTemplate, responses={201: s.TemplateDetailSerializer})
    def create(self, _request: Request) -> Response:
        """Write a template as a draft."""
        return self._detail(operations.create_template(self.actor, self.parse(s.NewTemplate)), 201)

    @extend_schema(request=s.TemplateChanges, responses=s.TemplateDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a template; a published definition changes with a higher `version` only."""
        row, changes = self._row(), self.parse(s.TemplateChanges)
        return self._detail(operations.update_template(self.actor, row, changes))

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a template; pipelines that were installed from it stay."""
        operations.delete_template(self.actor, self._row())
        return Response(status=204)

    @extend_schema(request=None, responses=s.TemplateDetailSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, _request: Request, **_path: object) -> Response:
        """Publish a draft in the account and submit it to the operator for the others."""
        self.parse(NoBody)
        return self._detail(operations.publish(self.actor, self._row()))

    @extend_schema(request=None, responses=s.TemplateDetailSerializer)
    @action(detail=True, methods=["post"])
    def unpublish(self, _request: Request, **_path: object) -> Response:
        """Make a published template a draft again."""
        self.parse(NoBody)
        return self._detail(operations.unpublish(self.actor, self._row()))

    @extend_schema(request=None, responses=s.TemplateDetailSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, _request: Request, **_path: object) -> Response:
        """Put a template away."""
        self.parse(NoBody)
        return self._detail(operations.archive(self.actor, self._row()))

    @extend_schema(request=s.RatingBody, responses=s.TemplateDetailSerializer)
    @action(detail=True, methods=["post"])
    def rate(self, _request: Request, **_path: object) -> Response:
        """Rate a template; a second rating of the same person replaces the first."""
        row, values = self._row(), self.parse(s.RatingBody)
        return self._detail(operations.rate(self.actor, row, values["rating"]))

    @extend_schema(request=s.InstallBody, responses={201: PipelineDetailSerializer})
    @action(detail=True, methods=["post"])
    def install(self, _request: Request, **_path: object) -> Response:
        """Write the template's pipeline, with `variables` put in their places."""
        row, values = self._row(), self.parse(s.InstallBody)
        repository = values.get("repository_id")
        made = operations.install(
            self.actor,
            row,
            name=values.get("name", ""),
            version=values.get("version", ""),
            variables=values.get("variables", {}),
            repository_id=repository.pk if repository else None,
            is_active=values["is_active"],
        )
        return self.render(PipelineDetailSerializer, made, 201)

    def _row(self) -> PipelineTemplate:
        return marketplace_rows.template(self.actor, self.kwargs["slug"])

    def _detail(self, row: Any, status: int = 200) -> Response:
        row.abilities = abilities(definition_of(row))
        return self.render(s.TemplateDetailSerializer, row, status)


class TemplateVersionViewSet(mixins.ListModelMixin, ActorViewSet[PipelineTemplateVersion]):
    """The published versions of a template, newest first."""

    model = PipelineTemplateVersion
    serializer_class = s.TemplateVersionSerializer
    lookup_field = "version"
    permissions = {"list": _READ, "retrieve": _READ}

    def rows(self) -> QuerySet[PipelineTemplateVersion]:
        return marketplace_rows.versions(self.actor, self._template())

    @extend_schema(responses=s.TemplateVersionDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One version with its definition, its variables and what it may do."""
        row: Any = marketplace_rows.version(self.actor, self._template(), self.kwargs["version"])
        row.abilities = abilities(row.pipeline_definition)
        return self.render(s.TemplateVersionDetailSerializer, row)

    def _template(self) -> PipelineTemplate:
        return marketplace_rows.template(self.actor, self.kwargs["slug"])


class TemplateUpdateView(ActorView):
    """How a pipeline stands to the template that it was made of."""

    permissions = {"get": _READ, "post": WRITE}
    query_parameters = {"get": frozenset({"version"})}

    @extend_schema(
        parameters=[OpenApiParameter("version", str, description="Default: the newest one.")],
        responses=s.TemplateUpdateSerializer,
    )
    def get(self, request: Request, pk: object) -> Response:
        """What an update would change, merged with what was changed here; changes nothing."""
        row = selectors.pipeline(self.actor, str(pk))
        version = request.query_params.get("version", "")
        found = compare_with_template(self.actor, row, version=version)
        facts = _update_facts(marketplace_rows.installation(self.actor, row), row, found)
        return Response(s.TemplateUpdateSerializer(facts).data)

    @extend_schema(request=s.TemplateUpdateBody, responses=PipelineDetailSerializer)
    def post(self, _request: Request, pk: object) -> Response:
        """Bring the pipeline to a version of its template; what was changed here stays."""
        row = selectors.pipeline(self.actor, str(pk))
        made = update_from_template(self.actor, row, **self.parse(s.TemplateUpdateBody))
        return Response(PipelineDetailSerializer(made, context={"actor": self.actor}).data)


def _update_facts(
    installation: TemplateInstallation | None, row: Pipeline, found: TemplateUpdate | None
) -> dict[str, Any]:
    template = installation.template if installation else None
    empty: dict[str, Any] = {
        "version": None, "changelog": "", "is_edited": False, "diff": "", "template_diff": "",
        "own_diff": "", "conflicts": [], "new_abilities": [], "problems": [],
    }  # fmt: skip
    facts: dict[str, Any] = {
        **empty,
        "state": "none" if template is None else "available" if found else "current",
        "template": template.slug if template else None,
        "template_name": installation.template_name if installation else "",
        "installed_version": installation.version if installation else "",
        "variables": installation.variables if installation else {},
        "definition_version": row.definition_version,
    }
    if found is None:
        return facts
    names = ("diff", "template_diff", "own_diff", "conflicts", "new_abilities", "problems")
    return facts | {name: getattr(found, name) for name in names} | {
        "version": found.target.version,
        "changelog": found.target.changelog,
        "is_edited": bool(found.own_diff),
    }  # fmt: skip
