"""Docker hosts."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from containers import selectors
from containers.clients.docker.errors import EngineError
from containers.models import DockerHost
from containers.operations import docker_hosts as operations
from containers.rest import docker_serializers as s
from devops.api.serializers import NoBody
from devops.api.views import ActorViewSet

_READ, _MANAGE = selectors.READ_HOSTS, operations.MANAGE


class DockerHostViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[DockerHost]):
    """Docker Engines on which the account's containers run."""

    model = DockerHost
    serializer_class = s.DockerHostSerializer
    filterset_fields = ("status", "environment")
    permissions = {
        "list": _READ,
        "retrieve": _READ,
        "create": _MANAGE,
        "partial_update": _MANAGE,
        "destroy": _MANAGE,
        "test_connection": _MANAGE,
    }

    def rows(self) -> QuerySet[DockerHost]:
        return selectors.docker_hosts(self.actor)

    @extend_schema(request=s.NewDockerHost, responses={201: s.DockerHostSerializer})
    def create(self, _request: Request) -> Response:
        """Connect a Docker host, and ask its Engine; one that does not answer is kept, in error."""
        host = operations.connect_host(self.actor, self.parse(s.NewDockerHost))
        _ask(self, host)
        return self.render(s.DockerHostSerializer, host, 201)

    @extend_schema(request=s.DockerHostUpdate, responses=s.DockerHostSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change what is known of a host."""
        host = self.get_object()
        values = self.parse(s.DockerHostUpdate)
        if values:
            host = operations.update_host(self.actor, host, values)
        return self.render(s.DockerHostSerializer, host)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Forget a host; refused while containers of running steps are on it."""
        operations.remove_host(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=NoBody, responses=s.ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def test_connection(self, _request: Request, **_path: object) -> Response:
        """Ask the host's Engine what it is."""
        host = self.get_object()
        self.parse(NoBody)
        problem = _ask(self, host)
        message = problem or f"Connected (Docker {host.docker_version}, API {host.api_version})"
        found = {"success": not problem, "message": message, "docker_host": host}
        return self.render(s.ConnectionSerializer, found)


def _ask(view: DockerHostViewSet, host: DockerHost) -> str:
    """Ask an Engine; what is wrong with it, or empty. The host's row says it, too."""
    try:
        operations.test_host(view.actor, host)
    except EngineError as error:
        return f"{error.detail} {error.remedy}".strip()
    return ""
