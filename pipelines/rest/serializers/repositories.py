"""Repositories that pipelines attach to as JSON."""

from typing import Any

from rest_framework import serializers

from devops import sources
from devops.api.serializers import JSONObject, ScopedKey, StrictSerializer
from devops.models import Repository
from gitintegration.public import Dialect
from pipelines import selectors


class RepositorySerializer(serializers.ModelSerializer[Repository]):
    """A repository."""

    provider_id = serializers.UUIDField(read_only=True, allow_null=True)
    pipeline_count = serializers.IntegerField(read_only=True, default=0)
    has_webhook = serializers.BooleanField(read_only=True, default=False)
    settings = serializers.DictField(read_only=True)

    class Meta:
        model = Repository
        fields = [
            "id", "name", "full_name", "clone_url", "web_url", "default_branch", "external_id",
            "is_active", "settings", "provider_id", "pipeline_count", "has_webhook",
            "last_synced_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class RepositoryChanges(StrictSerializer):
    """What can be said about a repository."""

    name = serializers.CharField(max_length=255, required=False)
    full_name = serializers.CharField(max_length=500)
    clone_url = serializers.CharField(max_length=500)
    web_url = serializers.URLField(max_length=500, allow_blank=True, required=False)
    default_branch = serializers.CharField(max_length=255, required=False)
    is_active = serializers.BooleanField(required=False)
    settings = JSONObject(required=False)


class NewRepository(StrictSerializer):
    """A repository to be added."""

    full_name = serializers.CharField(max_length=500)
    clone_url = serializers.CharField(max_length=500)
    name = serializers.CharField(max_length=255, required=False)
    web_url = serializers.URLField(max_length=500, allow_blank=True, required=False)
    default_branch = serializers.CharField(max_length=255, required=False)
    provider_id = ScopedKey(
        rows=sources.providers, required=False, allow_null=True, source="provider"
    )


class SyncSerializer(serializers.Serializer[Any]):
    """What a look at the repository found."""

    pushes_found = serializers.IntegerField()


class AttachBody(StrictSerializer):
    """The pipeline that the repository's events start."""

    pipeline_id = ScopedKey(rows=selectors.pipelines)
    overrides = JSONObject(required=False)


class WebhookBody(StrictSerializer):
    """How the sender signs and words its deliveries."""

    dialect = serializers.ChoiceField(choices=Dialect.choices, default=Dialect.GIT)


class WebhookSerializer(serializers.Serializer[Any]):
    """What the sender needs, shown this once."""

    url = serializers.CharField()
    secret = serializers.CharField()
    dialect = serializers.CharField()
    hook_script = serializers.CharField(
        help_text="For plain git: save it as `hooks/post-receive` and make it executable."
    )
