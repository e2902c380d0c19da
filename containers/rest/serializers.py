"""Secrets as JSON; values go in and never out."""

from rest_framework import serializers

from containers.choices import SecretType
from containers.models import SecretReference
from containers.operations.secrets import VALUE_MAX_BYTES
from devops.api.serializers import StrictSerializer


class SecretSerializer(serializers.ModelSerializer[SecretReference]):
    """A secret without its value."""

    class Meta:
        model = SecretReference
        fields = [
            "id", "name", "description", "backend", "secret_type", "value_version", "rotated_at",
            "last_used_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class SecretValue(StrictSerializer):
    """A new value."""

    value = serializers.CharField(
        max_length=VALUE_MAX_BYTES, trim_whitespace=False, write_only=True
    )


class NewSecret(SecretValue):
    """A secret to be kept; `name` is what pipelines ask for."""

    name = serializers.RegexField(
        r"\A[A-Za-z_][A-Za-z0-9_]*\Z",
        max_length=100,
        error_messages={"invalid": "Use letters, digits and _, not beginning with a digit."},
    )
    description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    secret_type = serializers.ChoiceField(choices=SecretType.choices, required=False)


class SecretChanges(StrictSerializer):
    """What is said about a secret; its value is rotated."""

    description = serializers.CharField(max_length=500, allow_blank=True)
