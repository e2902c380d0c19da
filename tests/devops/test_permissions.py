from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from devops.api.checks import declared_permissions
from devops.api.permissions import require_declared
from devops.api.throttles import ActorThrottle
from devops.api.views import ActorView
from tests.client import ApiClient
from tests.factories.devops import actor_of


class Forgetful(ActorView):
    """Declares one of its two methods."""

    permissions = {"get": "devops.pipelines.read"}

    def get(self, _request: Request) -> Response:
        return Response({})

    def post(self, _request: Request) -> Response:
        return Response({})


class Open(Forgetful):
    """Replaces the permission class."""

    permissions = {"get": "devops.pipelines.read", "post": "devops.pipelines.write"}
    permission_classes = [AllowAny]


class Public(ActorView):
    """Says why everyone may come in."""

    public = "a test"

    def get(self, _request: Request) -> Response:
        return Response({})


class Narrow(ActorThrottle):
    """Three requests a minute."""

    limit = 3


class Busy(ActorView):
    """Throttled early."""

    permissions = {"get": "member"}
    throttle_classes = [Narrow]

    def get(self, _request: Request) -> Response:
        return Response({})


def plain(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (Forgetful.as_view(), "Forgetful.post"),
        (Open.as_view(), "replaced"),
        (plain, "plain view"),
    ],
)
def test_an_address_without_a_declaration_is_not_served(view: Any, name: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        require_declared([path("api/v1/thing", view)])
    assert "api/v1/thing" in str(refused.value)
    assert name in str(refused.value)


def test_a_public_view_says_why() -> None:
    require_declared([path("thing", Public.as_view())])


def test_the_start_up_check_finds_nothing_undeclared() -> None:
    assert declared_permissions() == []


@pytest.mark.django_db
def test_an_undeclared_method_is_refused_even_when_it_is_reached(alice: ApiClient) -> None:
    request = APIRequestFactory().post("/")
    force_authenticate(request, alice.user, actor_of(alice))  # type: ignore[arg-type]
    with pytest.raises(ImproperlyConfigured):
        Forgetful.as_view()(request)


@pytest.mark.django_db
def test_too_many_requests_are_told_when_to_come_back(alice: ApiClient, bob: ApiClient) -> None:
    statuses = []
    for _ in range(4):
        request = APIRequestFactory().get("/")
        force_authenticate(request, alice.user, actor_of(alice))  # type: ignore[arg-type]
        response = Busy.as_view()(request)
        statuses.append(response.status_code)
    assert statuses == [200, 200, 200, 429]
    assert 0 < int(response["Retry-After"]) <= 60
    other = APIRequestFactory().get("/")
    force_authenticate(other, bob.user, actor_of(bob))  # type: ignore[arg-type]
    assert Busy.as_view()(other).status_code == 200
