"""AI providers and prompt templates."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops import selectors
from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet
from devops.errors import Invalid
from devops.models import AiConfig, PromptTemplate
from devops.operations import ai_configs as configs
from devops.operations import prompt_templates as templates
from devops.prompt_usage import users_by_slug
from devops.prompts import render, variables_of
from devops.rest import ai_serializers as s
from devops.rest.filters import AiConfigFilter, PromptTemplateFilter

_MANAGE = configs.MANAGE
_READ, _WRITE = "devops.prompt_templates.read", templates.WRITE


class AiConfigViewSet(mixins.ListModelMixin, ActorViewSet[AiConfig]):
    """Connections to language models, with a budget for each."""

    model = AiConfig
    conditional = frozenset({"partial_update"})
    serializer_class = s.AiConfigSerializer
    filterset_class = AiConfigFilter
    permissions = {
        "list": _MANAGE,
        "retrieve": _MANAGE,
        "create": _MANAGE,
        "partial_update": _MANAGE,
        "destroy": _MANAGE,
        "set_default": _MANAGE,
    }

    def rows(self) -> QuerySet[AiConfig]:
        return selectors.ai_configs(self.actor)

    @extend_schema(responses=s.AiConfigDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One connection with its parameters and what it cost."""
        return self.render(s.AiConfigDetailSerializer, self.get_object())

    @extend_schema(request=s.AiConfigChanges, responses={201: s.AiConfigDetailSerializer})
    def create(self, _request: Request) -> Response:
        """Add a connection."""
        row = configs.create_ai_config(self.actor, self._values())
        return self.render(s.AiConfigDetailSerializer, row, 201)

    @extend_schema(request=s.AiConfigChanges, responses=s.AiConfigDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a connection; another address forgets the key."""
        row = self.get_object()
        row = configs.update_ai_config(self.actor, row, self._values(), seen=self.seen)
        return self.render(s.AiConfigDetailSerializer, row)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a connection; 409 for the default and for one that was used this month."""
        configs.delete_ai_config(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, responses=s.AiConfigDetailSerializer)
    @action(detail=True, methods=["post"])
    def set_default(self, _request: Request, **_path: object) -> Response:
        """Use it where none is named."""
        row = self.get_object()
        self.parse(NoBody)
        row = configs.set_default_ai_config(self.actor, row)
        return self.render(s.AiConfigDetailSerializer, row)

    def _values(self) -> dict[str, Any]:
        values = self.parse(s.AiConfigChanges)
        parameters = values.pop("parameters", {})
        return {**values, **parameters}


class PromptTemplateViewSet(mixins.ListModelMixin, ActorViewSet[PromptTemplate]):
    """Texts that AI steps ask with; `prompt_template` of a step names the slug."""

    model = PromptTemplate
    conditional = frozenset({"partial_update"})
    serializer_class = s.PromptTemplateSerializer
    filterset_class = PromptTemplateFilter
    query_parameters = {"retrieve": frozenset({"include_versions"})}
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "create": _WRITE,
        "partial_update": _WRITE,
        "destroy": _WRITE,
        "preview": _READ,
        "duplicate": _WRITE,
        "new_version": _WRITE,
    }

    def rows(self) -> QuerySet[PromptTemplate]:
        return selectors.prompt_templates(self.actor)

    def get_serializer_context(self) -> dict[str, Any]:
        """With who uses which template."""
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["users"] = users_by_slug(self.actor.account_id)
        return context

    @extend_schema(
        parameters=[OpenApiParameter("include_versions", bool)],
        responses=s.PromptTemplateDetailSerializer,
    )
    def retrieve(self, request: Request, **_path: object) -> Response:
        """One template."""
        row = self.get_object()
        wanted = request.query_params.get("include_versions", "false")
        if wanted not in {"true", "false"}:
            raise Invalid.field("?include_versions", "Say true or false.", code="invalid-parameter")
        versions = selectors.prompt_versions(row) if wanted == "true" else None
        return self._show(row, versions=versions)

    @extend_schema(
        request=s.PromptTemplateChanges, responses={201: s.PromptTemplateDetailSerializer}
    )
    def create(self, _request: Request) -> Response:
        """Write a template; the slug is made from its name."""
        values = self.parse(s.PromptTemplateChanges)
        return self._show(templates.create_prompt_template(self.actor, values), 201)

    @extend_schema(request=s.PromptTemplateChanges, responses=s.PromptTemplateDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a template in place; steps get the new text from their next run."""
        row = self.get_object()
        values = self.parse(s.PromptTemplateChanges)
        row = templates.update_prompt_template(self.actor, row, values, seen=self.seen)
        return self._show(row)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Take a template away; 409 `in-use` while steps name it."""
        templates.delete_prompt_template(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.PreviewBody, responses=s.PreviewSerializer)
    @action(detail=True, methods=["post"])
    def preview(self, _request: Request, **_path: object) -> Response:
        """Render a template with the given values and its defaults; nothing is asked."""
        row = self.get_object()
        values = self.parse(s.PreviewBody).get("variables", {})
        defaults = {each["name"]: each.get("default", "") for each in row.variables}
        body = {
            "rendered_content": render(row.content, {**defaults, **values}, strict=True),
            "variables_used": variables_of(row.content),
            "rendered_at": timezone.now(),
        }
        return Response(s.PreviewSerializer(body).data)

    @extend_schema(request=None, responses={201: s.PromptTemplateDetailSerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, _request: Request, **_path: object) -> Response:
        """Copy a template."""
        row = self.get_object()
        self.parse(NoBody)
        return self._show(templates.duplicate_prompt_template(self.actor, row), 201)

    @extend_schema(request=s.NewPromptVersion, responses={201: s.PromptTemplateDetailSerializer})
    @action(detail=True, methods=["post"])
    def new_version(self, _request: Request, **_path: object) -> Response:
        """Write the next version under the same slug; it becomes the active one."""
        row = self.get_object()
        values = self.parse(s.NewPromptVersion)
        return self._show(templates.new_version(self.actor, row, values), 201)

    def _show(
        self,
        row: PromptTemplate,
        status: int = 200,
        *,
        versions: list[PromptTemplate] | None = None,
    ) -> Response:
        context = {**self.get_serializer_context(), "versions": versions}
        data = s.PromptTemplateDetailSerializer(row, context=context).data
        return Response(data, status=status, headers=self.tagged(row))
