"""Secrets by reference."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from containers import selectors
from containers.models import SecretReference
from containers.operations import secrets as operations
from containers.rest import serializers as s
from devops.api.views import ActorViewSet

_READ, _WRITE = "devops.secret_references.read", operations.WRITE


class SecretViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[SecretReference]
):
    """Secrets that pipelines and containers ask for by name; nobody can read a value."""

    model = SecretReference
    serializer_class = s.SecretSerializer
    filterset_fields = ("name", "secret_type")
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "create": _WRITE,
        "partial_update": _WRITE,
        "destroy": _WRITE,
        "rotate": _WRITE,
    }

    def rows(self) -> QuerySet[SecretReference]:
        return selectors.secrets(self.actor)

    @extend_schema(request=s.NewSecret, responses={201: s.SecretSerializer})
    def create(self, _request: Request) -> Response:
        """Keep a value under a name."""
        values = self.parse(s.NewSecret)
        name, value = values.pop("name"), values.pop("value")
        row = operations.create_secret(self.actor, name, value, **values)
        return self.render(s.SecretSerializer, row, 201)

    @extend_schema(request=s.SecretChanges, responses=s.SecretSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change the description."""
        row = self.get_object()
        values = self.parse(s.SecretChanges)
        if values:
            row = operations.update_secret(self.actor, row, description=values["description"])
        return self.render(s.SecretSerializer, row)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Forget a secret; steps that name it fail from now on."""
        operations.delete_secret(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.SecretValue, responses=s.SecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, _request: Request, **_path: object) -> Response:
        """Replace the value; steps that begin from now on get the new one."""
        row = self.get_object()
        row = operations.rotate_secret(self.actor, row, self.parse(s.SecretValue)["value"])
        return self.render(s.SecretSerializer, row)
