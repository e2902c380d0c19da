"""Addresses of the containers app under `/api/v1/`."""

from typing import Any

from django.urls import path

from containers.rest.docker_views import DockerHostViewSet
from containers.rest.views import SecretViewSet

_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("devops/docker/hosts", DockerHostViewSet.as_view({"get": "list", "post": "create"})),
    path("devops/docker/hosts/<uuid:pk>", DockerHostViewSet.as_view(_ONE)),
    path(
        "devops/docker/hosts/<uuid:pk>/test_connection",
        DockerHostViewSet.as_view({"post": "test_connection"}),
    ),
    path("devops/secret_references", SecretViewSet.as_view({"get": "list", "post": "create"})),
    path("devops/secret_references/<uuid:pk>", SecretViewSet.as_view(_ONE)),
    path("devops/secret_references/<uuid:pk>/rotate", SecretViewSet.as_view({"post": "rotate"})),
]
