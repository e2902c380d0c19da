"""The operators' view of the containers app."""

from django.contrib import admin

from containers.models import SecretReference
from devops.admin import RecordAdmin


@admin.register(SecretReference)
class SecretReferenceAdmin(RecordAdmin):
    """Names of secrets, never values."""

    list_display = ("name", "account", "backend", "value_version", "rotated_at", "last_used_at")
    exclude = ("encrypted_value",)
