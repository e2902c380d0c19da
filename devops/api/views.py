"""The two bases of every endpoint: for single addresses, and for the rows of a model."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet
from typing_extensions import override

from devops import audit, idempotency, paging
from devops.access import Actor
from devops.api.authentication import refuse_query_tokens
from devops.api.filters import check_query
from devops.api.permissions import action_of
from devops.api.serializers import StrictSerializer
from devops.api.throttles import ActorThrottle
from devops.errors import Invalid, PermissionDenied
from devops.problems import problem_response
from devops.versions import IF_MATCH, version_of

M = TypeVar("M", bound=Model)
S = TypeVar("S", bound=BaseSerializer[Any])


_SAFE = frozenset({"GET", "HEAD"})
_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]{1,64})"')


class _Replayed(Exception):
    """The request was answered before."""

    def __init__(self, answer: idempotency.Answer) -> None:
        super().__init__("replayed")
        self.answer = answer


class ActorView(APIView):
    """An endpoint that knows its actor.

    Attributes:
        permissions: the permission of each action (of a view set) or method (in lower case).
        public: why everyone may come in; then no permission is needed.
        query_parameters: what each action reads from the address, beyond filters and paging.
        paged: the actions that answer with a page.
        conditional: the actions that heed `If-Match`.
    """

    permissions: ClassVar[Mapping[str, str]] = {}
    public: ClassVar[str] = ""
    query_parameters: ClassVar[Mapping[str, frozenset[str]]] = {}
    paged: ClassVar[frozenset[str]] = frozenset({"list"})
    conditional: ClassVar[frozenset[str]] = frozenset()
    throttle_classes = [ActorThrottle]
    http_method_names = ["get", "head", "post", "patch", "delete"]
    metadata_class = None
    _claim: idempotency.Claim | None = None

    @property
    def actor(self) -> Actor:
        """Who is asking."""
        actor: Any = self.request.auth
        return cast("Actor", actor)

    @property
    def seen(self) -> str:
        """The version that the caller changes (`If-Match`); empty when any will do.

        Raises:
            Invalid: the header is no single entity tag.
        """
        given = self.request.headers.get(IF_MATCH, "*").strip()
        if given == "*":
            return ""
        # What compresses an answer on its way marks its tag as weak.
        found = _TAG.fullmatch(given)
        if found is None:
            raise Invalid(
                f"`{IF_MATCH}` is one entity tag in double quotes, or `*`.",
                remedy="Send the `ETag` of the answer that you changed, as it came.",
            )
        return found[1]

    def parse(self, serializer_class: type[StrictSerializer]) -> dict[str, Any]:
        """The body as the serializer wants it.

        Raises:
            ValidationError: it is not.
        """
        serializer = serializer_class(
            data=self.request.data,
            partial=self.request.method == "PATCH",
            context={"actor": self.actor},
        )
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """All that is checked before a handler runs, in the order of what it may reveal."""
        refuse_query_tokens(request)
        super().initial(request, *args, **kwargs)
        action = action_of(self, request.method or "")
        if action is not None:
            is_list = action in self.paged
            allowed = set(self.query_parameters.get(action, ()))
            if is_list:
                filterset = getattr(self, "filterset_class", None)
                allowed |= paging.PARAMETERS | set(filterset.base_filters if filterset else ())
                allowed |= set(getattr(self, "filterset_fields", ()))
            check_query(list(request.query_params), allowed, is_list=is_list)
        if request.method not in _SAFE and IF_MATCH in request.headers:
            self._check_condition(action)
        if request.method == "POST" and action is not None:
            self._begin(request)

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        """Every refusal is a problem document; denials leave a trace."""
        if isinstance(exc, _Replayed):
            headers = {idempotency.REPLAYED: "true"}
            answer = exc.answer
            return HttpResponse(
                answer.body, status=answer.status, headers=headers, content_type="application/json"
            )
        # Not `request.auth`: a failed authentication would be tried again.
        actor = getattr(self.request, "_auth", None)
        if isinstance(exc, PermissionDenied) and isinstance(actor, Actor):
            detail = {"path": self.request.path[:300], "reason": exc.detail[:300]}
            audit.record(actor, "permission.denied", detail=detail, outcome="refused")
        return super().handle_exception(exc)

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Add what every answer has, and keep the answer to a POST with a key."""
        final: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]
        if not final.has_header("Cache-Control"):
            final["Cache-Control"] = "no-store"
        if self._claim is not None:
            _keep(self._claim, final)
        return final

    @override
    def http_method_not_allowed(  # type: ignore[override]
        self, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """405 with what is allowed."""
        allowed = ", ".join(self.allowed_methods)
        return problem_response(
            405, f"{request.method} is not possible here; {allowed} is.",
            instance=request.path, headers={"Allow": allowed},
        )  # fmt: skip

    def _check_condition(self, action: str | None) -> None:
        """Refuse a condition that would not be kept: whoever sends one relies on it."""
        if action not in self.conditional:
            raise Invalid(f"`{IF_MATCH}` is not heeded here.", remedy="Leave it out.")

    def _begin(self, request: Request) -> None:
        key = request.headers.get(idempotency.HEADER)
        if key is None or request.auth is None:
            return
        body = request._request.body  # noqa: SLF001  (the raw bytes, before any parser)
        taken = idempotency.claim(self.actor, key, request.get_full_path(), body)
        if isinstance(taken, idempotency.Answer):
            raise _Replayed(taken)
        self._claim = taken


class ActorViewSet(ActorView, GenericViewSet[M], Generic[M]):
    """The rows of a model as the actor sees them; a subclass says which in `rows`."""

    model: type[M]

    def rows(self) -> QuerySet[M]:
        """The rows, from a selector."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[M]:
        """The rows; none while the API reference is being written."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._base_manager.none()
        return self.rows()

    def render(self, serializer_class: type[S], row: Any, status: int = 200) -> Response:
        """One object as a serializer shows it."""
        serializer = serializer_class(row, context={"actor": self.actor})
        return Response(serializer.data, status=status, headers=self.tagged(row))

    def tagged(self, row: Any) -> dict[str, str]:
        """The header with the version of a row whose changes heed one."""
        if not self.conditional or not isinstance(row, self.model):
            return {}
        return {"ETag": f'"{version_of(row)}"'}

    def page(self, rows: QuerySet[Any], serializer_class: type[S]) -> Response:
        """One page of rows."""
        page = self.paginate_queryset(rows)
        serializer = serializer_class(page, many=True, context={"actor": self.actor})
        return self.get_paginated_response(serializer.data)


def _keep(held: idempotency.Claim, response: HttpResponseBase) -> None:
    """Keep a success; a refusal changed nothing, so the key is free again.

    After a bug (500) nobody knows what changed: the key stays taken.
    """
    if response.status_code >= 400 or response.streaming:
        idempotency.release(held)
        return
    if isinstance(response, Response):
        response.add_post_render_callback(
            lambda rendered: idempotency.keep(held, rendered.status_code, rendered.content)
        )
    else:
        assert isinstance(response, HttpResponse)  # noqa: S101  (all that is left)
        idempotency.keep(held, response.status_code, response.content)
