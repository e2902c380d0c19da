"""Runners of the hosts' own CI."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorView, ActorViewSet
from devops.errors import Invalid, NotFound
from gitintegration import selectors, statistics
from gitintegration.clients.shapes import Scope
from gitintegration.filters import RunnerFilter
from gitintegration.models import GitProviderCredential, GitRunner, RunnerDispatch
from gitintegration.operations import runners
from gitintegration.operations.dispatches import dispatch
from gitintegration.rest.serializers import ci as s


class RunnerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[GitRunner]):
    """The runners that the hosts' own CI gives jobs to."""

    model = GitRunner
    serializer_class = s.RunnerSerializer
    filterset_class = RunnerFilter
    http_method_names = ["get", "head", "post", "put", "delete"]
    permissions = {
        "list": runners.READ,
        "retrieve": runners.READ,
        "stats": runners.READ,
        "sync": runners.READ,
        "destroy": runners.MANAGE,
        "labels": runners.MANAGE,
        "registration_token": runners.TOKEN,
        "removal_token": runners.TOKEN,
    }

    def rows(self) -> QuerySet[GitRunner]:
        return selectors.runners(self.actor)

    @extend_schema(responses=s.RunnerStatsSerializer, filters=False)
    @action(detail=False, methods=["get"])
    def stats(self, _request: Request) -> Response:
        """How many there are, and how many are at work."""
        return Response(s.RunnerStatsSerializer(statistics.runner_stats(self.rows())).data)

    @extend_schema(request=s.RunnerSyncBody, responses=s.RunnerSyncSerializer)
    @action(detail=False, methods=["post"])
    def sync(self, _request: Request) -> Response:
        """Fetch the runners of a repository, a credential, or everything, from the hosts."""
        values = self.parse(s.RunnerSyncBody)
        credential = mirror = None
        if "repository_id" in values:
            mirror = selectors.git_repository(self.actor, values["repository_id"])
        elif "credential_id" in values:
            credential = _credential(self.actor, values["credential_id"])
        count, problems = runners.sync_runners(self.actor, credential, mirror)
        body = {"synced_count": count, "problems": problems}
        return Response(s.RunnerSyncSerializer(body).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a runner at its host and here."""
        runners.delete_runner(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.LabelsBody, responses=s.RunnerSerializer)
    @action(detail=True, methods=["put"])
    def labels(self, _request: Request, **_path: object) -> Response:
        """Replace a runner's labels at its host; the answer shows what the host made of them."""
        row = runners.set_labels(self.actor, self.get_object(), self.parse(s.LabelsBody)["labels"])
        return self.render(s.RunnerSerializer, row)

    @extend_schema(request=None, responses=s.RunnerTokenSerializer)
    @action(detail=True, methods=["post"])
    def registration_token(self, _request: Request, **_path: object) -> Response:
        """A token that registers another runner beside this one."""
        self.parse(NoBody)
        row = self.get_object()
        token = runners.registration_token(self.actor, row.credential, runners.scope_of(row))
        return Response(s.RunnerTokenSerializer(token).data)

    @extend_schema(request=None, responses=s.RunnerTokenSerializer)
    @action(detail=True, methods=["post"])
    def removal_token(self, _request: Request, **_path: object) -> Response:
        """A token with which the runner takes itself away."""
        self.parse(NoBody)
        token = runners.removal_token(self.actor, self.get_object())
        return Response(s.RunnerTokenSerializer(token).data)


class RegistrationTokenView(ActorView):
    """A token for the first runner of a repository, an organization or an instance."""

    permissions = {"post": runners.TOKEN}

    @extend_schema(
        operation_id="git_runners_first_registration_token", request=s.RegistrationBody,
        responses=s.RunnerTokenSerializer,
    )  # fmt: skip
    def post(self, _request: Request) -> Response:
        """Make a token; nothing need be registered there yet."""
        credential, scope = self._where(self.parse(s.RegistrationBody))
        token = runners.registration_token(self.actor, credential, scope)
        return Response(s.RunnerTokenSerializer(token).data)

    def _where(self, values: dict[str, Any]) -> tuple[GitProviderCredential, Scope]:
        if "repository_id" in values:
            mirror = selectors.git_repository(self.actor, values["repository_id"])
            if mirror.credential is None:
                raise Invalid.field("/repository_id", "The repository has no credential.")
            return mirror.credential, Scope("repository", mirror.full_name)
        if "credential_id" not in values:
            raise Invalid("Name a repository, or a credential with a scope.")
        credential = _credential(self.actor, values["credential_id"])
        if values.get("organization"):
            return credential, Scope("organization", values["organization"])
        if values.get("scope") == "enterprise":
            return credential, Scope("enterprise")
        raise Invalid("Name the organization, or the scope `enterprise`.")


class RunnerDispatchViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[RunnerDispatch]
):
    """Workflows that were sent to a runner picked by its labels."""

    model = RunnerDispatch
    serializer_class = s.DispatchSerializer
    filterset_fields = ("runner_id", "repository_id", "status")
    permissions = {
        "list": runners.READ,
        "retrieve": runners.READ,
        "create": "git.pipelines.trigger",
    }

    def rows(self) -> QuerySet[RunnerDispatch]:
        return selectors.runner_dispatches(self.actor)

    @extend_schema(request=s.DispatchBody, responses={202: s.DispatchSerializer})
    def create(self, _request: Request) -> Response:
        """Send a workflow to the free runner with all the labels that ran the fewest jobs.

        409 when no free runner has them. The host chooses by the workflow's own `runs-on`: a
        workflow that reads its input `runner_labels` there is pinned to the picked runner.
        """
        values = self.parse(s.DispatchBody)
        mirror = selectors.git_repository(self.actor, values["repository_id"])
        row = dispatch(
            self.actor, mirror, workflow=values["workflow"], labels=values.get("labels", ()),
            ref=values.get("ref", ""), inputs=values.get("inputs"),
        )  # fmt: skip
        return self.render(s.DispatchSerializer, self.rows().get(pk=row.pk), 202)


def _credential(actor: Any, pk: Any) -> GitProviderCredential:
    found = selectors.runner_credentials(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound("No credential with that identifier.")
    return found
