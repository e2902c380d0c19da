"""Addresses of the containers app under `/api/v1/`."""

from typing import Any

from django.urls import path

from containers.rest.views import SecretViewSet

_ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("devops/secret_references", SecretViewSet.as_view({"get": "list", "post": "create"})),
    path("devops/secret_references/<uuid:pk>", SecretViewSet.as_view(_ONE)),
    path("devops/secret_references/<uuid:pk>/rotate", SecretViewSet.as_view({"post": "rotate"})),
]
