"""Addresses of the git integration under `/api/v1/`."""

from django.urls import path

from gitintegration.rest import views
from gitintegration.rest.ingress import git_webhook

_EVENTS, _PROVIDERS = views.WebhookEventViewSet, views.ProviderViewSet

urlpatterns = [
    path("webhooks/git/<str:hook_token>", git_webhook),
    path("git/webhook_events", _EVENTS.as_view({"get": "list"})),
    path("git/webhook_events/stats", _EVENTS.as_view({"get": "stats"})),
    path("git/webhook_events/<uuid:pk>", _EVENTS.as_view({"get": "retrieve"})),
    path("git/webhook_events/<uuid:pk>/retry", _EVENTS.as_view({"post": "retry"})),
    path("devops/providers", _PROVIDERS.as_view({"get": "list", "post": "create"})),
    path(
        "devops/providers/<uuid:pk>",
        _PROVIDERS.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
    ),
]
