"""The operators' view of incoming webhooks."""

from django.contrib import admin

from devops.admin import RecordAdmin
from gitintegration.models import GitWebhookEvent, WebhookEndpoint


@admin.register(GitWebhookEvent)
class GitWebhookEventAdmin(RecordAdmin):
    """Deliveries."""

    list_display = ("created_at", "event_type", "repository", "ref", "status", "attempts", "result")
    list_filter = ("status", "event_type", "dialect")
    list_select_related = ("repository",)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(RecordAdmin):
    """Addresses."""

    list_display = ("repository", "dialect", "is_active", "delivery_count", "rejected_count")
    exclude = ("token_digest", "encrypted_token", "encrypted_secret")
