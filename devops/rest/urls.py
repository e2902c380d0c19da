"""Addresses of the kernel under `/api/v1/`."""

from django.urls import path

from devops.rest import ai_views, views

urlpatterns = [
    path("me", views.MeView.as_view()),
    path("account", views.AccountView.as_view()),
    path("account/members", views.MemberViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "account/members/<uuid:pk>",
        views.MemberViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
    ),
    path("account/invitations", views.InvitationViewSet.as_view({"get": "list", "post": "create"})),
    path("account/invitations/<uuid:pk>", views.InvitationViewSet.as_view({"delete": "destroy"})),
    path("account/tokens", views.TokenViewSet.as_view({"get": "list", "post": "create"})),
    path("account/tokens/<uuid:pk>", views.TokenViewSet.as_view({"delete": "destroy"})),
    path("account/audit_events", views.AuditEventViewSet.as_view({"get": "list"})),
    path("devops/ai_configs", ai_views.AiConfigViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "devops/ai_configs/<uuid:pk>",
        ai_views.AiConfigViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
    path(
        "devops/ai_configs/<uuid:pk>/set_default",
        ai_views.AiConfigViewSet.as_view({"post": "set_default"}),
    ),
    path(
        "devops/prompt_templates",
        ai_views.PromptTemplateViewSet.as_view({"get": "list", "post": "create"}),
    ),
    path(
        "devops/prompt_templates/<uuid:pk>",
        ai_views.PromptTemplateViewSet.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
    ),
    *(
        path(
            f"devops/prompt_templates/<uuid:pk>/{name}",
            ai_views.PromptTemplateViewSet.as_view({"post": name}),
        )
        for name in ("preview", "duplicate", "new_version")
    ),
]
