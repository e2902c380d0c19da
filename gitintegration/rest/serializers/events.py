"""The git integration's resources as JSON."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, StrictSerializer
from devops.models import Provider
from gitintegration.models import GitWebhookEvent


class WebhookEventSerializer(serializers.ModelSerializer[GitWebhookEvent]):
    """A delivery without its body."""

    repository_id = serializers.UUIDField(read_only=True, allow_null=True)
    repository = serializers.SerializerMethodField()

    class Meta:
        model = GitWebhookEvent
        fields = [
            "id", "status", "dialect", "event_type", "delivery_id", "repository_id", "repository",
            "action", "ref", "sha", "sender", "sender_id", "attempts", "retry_count",
            "result", "error_message", "is_reconciled", "created_at", "processed_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_repository(self, event: GitWebhookEvent) -> str | None:
        """The repository's full name."""
        return event.repository.full_name if event.repository else None


class WebhookEventDetailSerializer(WebhookEventSerializer):
    """A delivery as it came."""

    headers = serializers.DictField(read_only=True)
    payload = serializers.DictField(read_only=True)

    class Meta(WebhookEventSerializer.Meta):
        fields = [*WebhookEventSerializer.Meta.fields, "headers", "payload"]
        read_only_fields = fields


class RedeliverySerializer(serializers.Serializer[Any]):
    """A delivery and its copy."""

    original_event = WebhookEventSerializer()
    new_event = WebhookEventSerializer()


class WebhookStatsSerializer(serializers.Serializer[Any]):
    """What became of the deliveries of some days."""

    days = serializers.IntegerField()
    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    processing = serializers.IntegerField()
    processed = serializers.IntegerField()
    ignored = serializers.IntegerField()
    failed = serializers.IntegerField()
    today = serializers.IntegerField()
    success_rate = serializers.FloatField(
        allow_null=True, help_text="Percent of the processed and failed that were processed."
    )


class ProviderSerializer(serializers.ModelSerializer[Provider]):
    """A connection to a place that holds code."""

    repository_count = serializers.IntegerField(read_only=True, default=0)
    capabilities = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Provider
        fields = [
            "id", "name", "provider_type", "base_url", "api_version", "capabilities", "is_active",
            "is_default", "health_status", "last_health_check_at", "repository_count",
            "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class ProviderChanges(StrictSerializer):
    """What can be said about a provider."""

    name = serializers.CharField(max_length=120)
    base_url = serializers.CharField(max_length=500, allow_blank=True, required=False)
    api_version = serializers.CharField(max_length=20, required=False)
    configuration = JSONObject(required=False)
    capabilities = serializers.ListField(
        child=serializers.CharField(max_length=60), max_length=50, required=False
    )
    is_active = serializers.BooleanField(required=False)
    is_default = serializers.BooleanField(required=False)


class NewProvider(ProviderChanges):
    """A provider to be added; its type stays."""

    provider_type = serializers.ChoiceField(choices=Provider.Kind.choices)
