"""The operators' view of the kernel: people and accounts can be changed, records only read."""

from django.contrib import admin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from devops.models import (
    Account,
    ApiToken,
    AuditEvent,
    Invitation,
    LogStream,
    Membership,
    OutboxMessage,
    Provider,
    Repository,
    User,
    WebhookDelivery,
)


class RecordAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows that only the product writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(ModelAdmin):  # type: ignore[misc]
    """People."""

    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    fields = ("email", "name", "timezone", "is_active", "is_staff", "is_superuser")


@admin.register(Account)
class AccountAdmin(ModelAdmin):  # type: ignore[misc]
    """Tenants."""

    list_display = ("name", "slug", "is_active", "created_at")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "is_active")


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):  # type: ignore[misc]
    """Who may do what in which account."""

    list_display = ("account", "user", "role")
    list_filter = ("role",)
    search_fields = ("user__email", "account__name")
    autocomplete_fields = ("account", "user")


@admin.register(ApiToken)
class ApiTokenAdmin(RecordAdmin):
    """Tokens, by their first letters."""

    list_display = ("name", "prefix", "account", "user", "expires_at", "last_used_at", "revoked_at")
    search_fields = ("name", "prefix", "user__email")
    exclude = ("digest",)


@admin.register(Invitation)
class InvitationAdmin(RecordAdmin):
    """Open invitations."""

    list_display = ("email", "account", "role", "expires_at", "accepted_at")
    exclude = ("token_digest",)


@admin.register(AuditEvent)
class AuditEventAdmin(RecordAdmin):
    """Who did what."""

    list_display = ("at", "account", "actor_label", "action", "target_label", "outcome")
    list_filter = ("action", "outcome")
    search_fields = ("actor_label", "target_label")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(RecordAdmin):
    """Messages; the parked ones want attention."""

    list_display = ("created_at", "name", "topic", "seq", "published_at", "handled_at", "attempts")
    list_filter = ("name",)
    search_fields = ("topic",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(RecordAdmin):
    """Messages to the world."""

    list_display = ("created_at", "kind", "destination", "event_name", "status", "attempts")
    list_filter = ("kind", "status")
    exclude = ("encrypted_secret",)


@admin.register(Provider)
class ProviderAdmin(RecordAdmin):
    """Connections."""

    list_display = ("name", "account", "provider_type", "base_url", "is_active")
    list_filter = ("provider_type",)


@admin.register(Repository)
class RepositoryAdmin(RecordAdmin):
    """Repositories."""

    list_display = ("full_name", "account", "clone_url", "default_branch", "is_active")
    search_fields = ("full_name", "clone_url")


@admin.register(LogStream)
class LogStreamAdmin(RecordAdmin):
    """Logs by size."""

    list_display = ("id", "size_bytes", "line_count", "dropped_bytes", "closed_at")
