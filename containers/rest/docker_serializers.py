"""Docker hosts as JSON; certificates go in and never out."""

from typing import Any

from rest_framework import serializers

from containers.choices import HostEnvironment
from containers.models import DockerHost
from devops.api.serializers import StrictSerializer

_PEM_MAX = 64 * 1024


class DockerHostSerializer(serializers.ModelSerializer[DockerHost]):
    """A Docker host and what its Engine last said of itself."""

    has_tls_credentials = serializers.BooleanField(read_only=True)

    class Meta:
        model = DockerHost
        fields = [
            "id", "name", "slug", "description", "api_endpoint", "api_version", "environment",
            "status", "is_default", "tls_verify", "has_tls_credentials", "docker_version",
            "os_type", "architecture", "kernel_version", "memory_bytes", "cpu_count",
            "container_count", "image_count", "consecutive_failures", "last_error",
            "last_seen_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class DockerHostChanges(StrictSerializer):
    """What can be said about a Docker host; an empty PEM takes that certificate away."""

    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    api_endpoint = serializers.CharField(
        max_length=500, help_text="For example `https://docker.example.com:2376`."
    )
    environment = serializers.ChoiceField(choices=HostEnvironment.choices, required=False)
    tls_verify = serializers.BooleanField(required=False)
    tls_ca = serializers.CharField(
        max_length=_PEM_MAX, allow_blank=True, required=False, write_only=True,
        trim_whitespace=False, help_text="PEM of the authority that signed the Engine's.",
    )  # fmt: skip
    tls_cert = serializers.CharField(
        max_length=_PEM_MAX, allow_blank=True, required=False, write_only=True,
        trim_whitespace=False, help_text="PEM of our certificate.",
    )  # fmt: skip
    tls_key = serializers.CharField(
        max_length=_PEM_MAX, allow_blank=True, required=False, write_only=True,
        trim_whitespace=False, help_text="PEM of our certificate's key.",
    )  # fmt: skip
    is_default = serializers.BooleanField(
        required=False, help_text="Steps in containers run on the default host."
    )


class NewDockerHost(DockerHostChanges):
    """A Docker host to be connected."""


class DockerHostUpdate(DockerHostChanges):
    """Changes of a Docker host."""

    is_maintenance = serializers.BooleanField(
        required=False, help_text="While it is set, no new container starts there."
    )


class ConnectionSerializer(serializers.Serializer[Any]):
    """What came of asking an Engine."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    docker_host = DockerHostSerializer()
