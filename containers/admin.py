"""The operators' view of the containers app."""

from django.contrib import admin

from containers.models import ContainerInstance, DockerHost, SecretReference
from devops.admin import RecordAdmin


@admin.register(SecretReference)
class SecretReferenceAdmin(RecordAdmin):
    """Names of secrets, never values."""

    list_display = ("name", "account", "backend", "value_version", "rotated_at", "last_used_at")
    exclude = ("encrypted_value",)


@admin.register(DockerHost)
class DockerHostAdmin(RecordAdmin):
    """Docker hosts, never their certificates."""

    list_display = ("name", "account", "api_endpoint", "status", "docker_version", "last_seen_at")
    exclude = ("encrypted_tls_credentials",)


@admin.register(ContainerInstance)
class ContainerInstanceAdmin(RecordAdmin):
    """Containers that were asked for."""

    list_display = ("execution_id", "account", "image_name", "status", "owner", "started_at")
