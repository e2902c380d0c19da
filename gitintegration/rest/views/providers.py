"""Hosts and their credentials."""

import uuid

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devops.api.serializers import NoBody
from devops.api.views import ActorView, ActorViewSet
from devops.errors import NotFound
from devops.paging import read_limit
from gitintegration import selectors
from gitintegration.catalogue import HOST_KINDS
from gitintegration.filters import ProviderFilter
from gitintegration.models import GitProvider, GitProviderCredential, GitSync
from gitintegration.operations import credentials as credential_rules
from gitintegration.operations import oauth, providers
from gitintegration.operations.available import available_repositories
from gitintegration.operations.credential_checks import check_credential, try_credential
from gitintegration.operations.imports import request_import, request_sync
from gitintegration.rest.serializers import providers as s

_CHECK = OpenApiParameter("check", str, description="connection, rate_limit, webhooks or ci.")
_PAGE = OpenApiParameter("page", str, description="The `next_page` of the page before.")
_PER_PAGE = OpenApiParameter("per_page", int, description="1 to 100.")
_SEARCH = OpenApiParameter("search", str, description="In name, full name and description.")
_FORKS = OpenApiParameter("include_forks", bool)
_ARCHIVED = OpenApiParameter("include_archived", bool)


class GitProviderViewSet(mixins.ListModelMixin, ActorViewSet[GitProvider]):
    """The git hosts that the account talks to."""

    model = GitProvider
    conditional = frozenset({"partial_update"})
    serializer_class = s.GitProviderSerializer
    filterset_class = ProviderFilter
    permissions = {
        "list": selectors.PROVIDERS,
        "retrieve": selectors.PROVIDERS,
        "available": selectors.PROVIDERS,
        "create": providers.CREATE,
        "partial_update": providers.UPDATE,
        "destroy": providers.DELETE,
        "authorize": credential_rules.CREATE,
        "callback": credential_rules.CREATE,
    }

    def rows(self) -> QuerySet[GitProvider]:
        return selectors.git_providers(self.actor)

    @extend_schema(responses=s.GitProviderDetailSerializer)
    def retrieve(self, _request: Request, **_path: object) -> Response:
        """One host with its settings."""
        return self.render(s.GitProviderDetailSerializer, self.get_object())

    @extend_schema(responses=s.AvailableProviderSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"])
    def available(self, _request: Request) -> Response:
        """The kinds of hosts that can be connected, and which are."""
        used = set(self.rows().values_list("provider_type", flat=True))
        rows = [
            {
                "provider_type": key,
                "name": kind.name,
                "configured": key in used,
                "api_base_url": kind.api_base_url,
                "web_base_url": kind.web_base_url,
                "capabilities": list(kind.capabilities),
                "token_hint": kind.token_hint,
            }
            for key, kind in HOST_KINDS.items()
        ]
        return Response(s.AvailableProviderSerializer(rows, many=True).data)

    @extend_schema(request=s.NewGitProvider, responses={201: s.GitProviderDetailSerializer})
    def create(self, _request: Request) -> Response:
        """Connect a host; its addresses and capabilities come from its kind where left out."""
        row = providers.create_git_provider(self.actor, self.parse(s.NewGitProvider))
        return self._shown(row.pk, 201)

    @extend_schema(request=s.GitProviderChanges, responses=s.GitProviderDetailSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a host."""
        row = self.get_object()
        changes = self.parse(s.GitProviderChanges)
        providers.update_git_provider(self.actor, row, changes, seen=self.seen)
        return self._shown(row.pk)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a host with its credentials, mirrors and deliveries."""
        providers.delete_git_provider(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=s.AuthorizeBody, responses=s.AuthorizationSerializer)
    @action(detail=True, methods=["post"])
    def authorize(self, _request: Request, **_path: object) -> Response:
        """Begin to connect by OAuth: where to send the person; good for ten minutes."""
        url = oauth.start_authorization(
            self.actor, self.get_object(), **self.parse(s.AuthorizeBody)
        )
        return Response(s.AuthorizationSerializer({"authorization_url": url}).data)

    @extend_schema(request=s.CallbackBody, responses={201: s.CredentialSerializer})
    @action(detail=True, methods=["post"])
    def callback(self, _request: Request, **_path: object) -> Response:
        """Finish to connect by OAuth; the state is used up, whatever comes of it."""
        provider = self.get_object()
        values = self.parse(s.CallbackBody)
        row = oauth.finish_authorization(self.actor, provider, **values)
        return self.render(s.CredentialSerializer, row, 201)

    def _shown(self, pk: uuid.UUID, status: int = 200) -> Response:
        return self.render(
            s.GitProviderDetailSerializer, selectors.git_provider(self.actor, pk), status
        )


class CredentialViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[GitProviderCredential]
):
    """The credentials of one host."""

    model = GitProviderCredential
    serializer_class = s.CredentialSerializer
    permissions = {
        "list": credential_rules.READ,
        "retrieve": credential_rules.READ,
        "create": credential_rules.CREATE,
        "partial_update": credential_rules.UPDATE,
        "destroy": credential_rules.DELETE,
        "test": credential_rules.TEST,
        "make_default": credential_rules.UPDATE,
        "available_repositories": selectors.REPOSITORIES,
        "import_repositories": "git.repositories.sync",
        "sync_repositories": "git.repositories.sync",
    }
    query_parameters = {
        "test": frozenset({"check"}),
        "available_repositories": frozenset(
            {"page", "per_page", "search", "include_forks", "include_archived"}
        ),
    }

    def rows(self) -> QuerySet[GitProviderCredential]:
        provider_id = self.kwargs["provider_id"]
        if self.action == "list":
            # Another account's host is not found, rather than without credentials.
            selectors.git_provider(self.actor, provider_id)
        found = {
            "available_repositories": selectors.browsable_credentials,
            "import_repositories": selectors.syncable_credentials,
            "sync_repositories": selectors.syncable_credentials,
        }.get(self.action, selectors.credentials)
        return found(self.actor).filter(provider_id=provider_id)

    @extend_schema(request=s.NewCredential, responses={201: s.CredentialSerializer})
    def create(self, _request: Request, **_path: object) -> Response:
        """Add a credential; it is tested at once and says how that went."""
        provider = selectors.git_provider(self.actor, self.kwargs["provider_id"])
        row = credential_rules.create_credential(self.actor, provider, self.parse(s.NewCredential))
        if row.auth_type != "ssh_key":
            try_credential(row)
        return self.render(s.CredentialSerializer, self.rows().get(pk=row.pk), 201)

    @extend_schema(request=s.CredentialChanges, responses=s.CredentialSerializer)
    def partial_update(self, _request: Request, **_path: object) -> Response:
        """Change a credential; a new secret is tested at once."""
        row = self.get_object()
        if credential_rules.update_credential(self.actor, row, self.parse(s.CredentialChanges)):
            try_credential(row)
        return self.render(s.CredentialSerializer, self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_path: object) -> Response:
        """Remove a credential with the mirrors it fetched; 409 for the only one of its host."""
        credential_rules.delete_credential(self.actor, self.get_object())
        return Response(status=204)

    @extend_schema(request=None, parameters=[_CHECK], responses=s.CredentialTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_path: object) -> Response:
        """Try a credential at its host; a refusal is part of the answer, not an error."""
        self.parse(NoBody)
        check = request.query_params.get("check", "connection")
        found = check_credential(self.actor, self.get_object(), check)
        return Response(s.CredentialTestSerializer(found).data)

    @extend_schema(request=None, responses=s.CredentialSerializer)
    @action(detail=True, methods=["post"])
    def make_default(self, _request: Request, **_path: object) -> Response:
        """Have it used where none is named."""
        self.parse(NoBody)
        credential_rules.make_default(self.actor, self.get_object())
        return self.render(s.CredentialSerializer, self.get_object())

    @extend_schema(
        parameters=[_PAGE, _PER_PAGE, _SEARCH, _FORKS, _ARCHIVED],
        responses=s.AvailableRepositoriesSerializer,
    )
    @action(detail=True, methods=["get"])
    def available_repositories(self, request: Request, **_path: object) -> Response:
        """The repositories that the credential sees at the host, live."""
        query = request.query_params
        found = available_repositories(
            self.actor, self.get_object(),
            page=query.get("page", "")[:500],
            per_page=read_limit(query.get("per_page", ""), default=100, most=100),
            search=query.get("search", "")[:200],
            include_forks=query.get("include_forks", "") == "true",
            include_archived=query.get("include_archived", "") == "true",
        )  # fmt: skip
        return Response(s.AvailableRepositoriesSerializer(found).data)

    @extend_schema(request=s.ImportBody, responses={202: s.GitSyncSerializer})
    @action(detail=True, methods=["post"])
    def import_repositories(self, _request: Request, **_path: object) -> Response:
        """Import repositories in the background; GET /git/syncs/{id} says how far it came."""
        sync = request_import(self.actor, self.get_object(), **self.parse(s.ImportBody))
        return self.render(s.GitSyncSerializer, sync, 202)

    @extend_schema(request=None, responses={202: s.GitSyncSerializer})
    @action(detail=True, methods=["post"])
    def sync_repositories(self, _request: Request, **_path: object) -> Response:
        """Bring every mirror of the credential up to date, in the background."""
        self.parse(NoBody)
        return self.render(s.GitSyncSerializer, request_sync(self.actor, self.get_object()), 202)


class GitSyncViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ActorViewSet[GitSync]):
    """Imports and synchronisations, newest first."""

    model = GitSync
    serializer_class = s.GitSyncSerializer
    filterset_fields = ("credential_id", "status", "kind")
    permissions = {"list": selectors.REPOSITORIES, "retrieve": selectors.REPOSITORIES}

    def rows(self) -> QuerySet[GitSync]:
        return selectors.syncs(self.actor)


class SyncAllView(ActorView):
    """Synchronisation of one credential's mirrors."""

    permissions = {"post": "git.repositories.sync"}

    @extend_schema(
        operation_id="git_repositories_sync", request=s.SyncBody,
        responses={202: s.GitSyncSerializer},
    )  # fmt: skip
    def post(self, _request: Request) -> Response:
        """Bring every mirror of a credential up to date, in the background."""
        wanted = self.parse(s.SyncBody)["credential_id"]
        rows = selectors.syncable_credentials(self.actor).filter(pk=wanted)
        credential = rows.first()
        if credential is None:
            raise NotFound("No credential with that identifier.")
        sync = request_sync(self.actor, credential)
        return Response(s.GitSyncSerializer(sync).data, status=202)
