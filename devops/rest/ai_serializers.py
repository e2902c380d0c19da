"""AI providers and prompt templates as JSON."""

from typing import Any

from rest_framework import serializers

from devops import ai_spending
from devops.api.serializers import JSONObject, StrictSerializer
from devops.models import AiConfig, PromptTemplate
from devops.prompts import MOST_BYTES, variables_of

_PARAMETERS = (
    "max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty",
    "timeout_seconds",
)  # fmt: skip


class AiConfigSerializer(serializers.ModelSerializer[AiConfig]):
    """A connection to a language model; nobody can read its key."""

    has_key = serializers.BooleanField(read_only=True)

    class Meta:
        model = AiConfig
        fields = [
            "id", "name", "description", "config_type", "provider", "model", "base_url", "status",
            "is_active", "is_default", "has_key", "monthly_budget_usd", "last_used_at",
            "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class AiParameters(StrictSerializer):
    """How the model is asked. Newer models take no sampling settings; those are kept, not sent."""

    max_tokens = serializers.IntegerField(min_value=1, max_value=100_000, required=False)
    temperature = serializers.FloatField(min_value=0, max_value=2, required=False)
    top_p = serializers.FloatField(min_value=0, max_value=1, required=False)
    frequency_penalty = serializers.FloatField(min_value=-2, max_value=2, required=False)
    presence_penalty = serializers.FloatField(min_value=-2, max_value=2, required=False)
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=300, required=False)


class AiUsageSerializer(serializers.Serializer[Any]):
    """What was used; money of the present month."""

    total_requests = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    average_tokens = serializers.FloatField(allow_null=True)
    month_usd = serializers.FloatField(help_text="Settled.")
    reserved_usd = serializers.FloatField(help_text="Of calls whose cost is not known yet.")


class AiConfigDetailSerializer(AiConfigSerializer):
    """A connection with how it is asked and what it cost."""

    parameters = serializers.SerializerMethodField()
    usage_stats = serializers.SerializerMethodField()
    system_prompt = serializers.DictField(read_only=True)
    settings = serializers.DictField(read_only=True)
    rate_limits = serializers.DictField(read_only=True)
    metadata = serializers.DictField(read_only=True)

    class Meta(AiConfigSerializer.Meta):
        fields = [
            *AiConfigSerializer.Meta.fields, "parameters", "usage_stats", "system_prompt",
            "settings", "rate_limits", "metadata", "last_test_at", "last_test_error",
        ]  # fmt: skip
        read_only_fields = fields

    def get_parameters(self, row: AiConfig) -> dict[str, float]:
        """How the model is asked."""
        return {name: getattr(row, name) for name in _PARAMETERS}

    def get_usage_stats(self, row: AiConfig) -> dict[str, float | int | None]:
        """What was used."""
        month = ai_spending.spent(row)
        return {
            "total_requests": row.total_requests,
            "total_tokens": row.total_tokens,
            "average_tokens": row.average_tokens,
            "month_usd": month.settled / ai_spending.MICRO,
            "reserved_usd": month.open / ai_spending.MICRO,
        }


class AiConfigChanges(StrictSerializer):
    """What can be said about a connection."""

    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    config_type = serializers.ChoiceField(choices=AiConfig.Kind.choices, required=False)
    provider = serializers.CharField(max_length=50)
    model = serializers.CharField(max_length=100)
    base_url = serializers.CharField(
        max_length=500, allow_blank=True, required=False,
        help_text="Empty: the provider's own. Another address forgets the key.",
    )  # fmt: skip
    api_key = serializers.CharField(
        max_length=500, allow_blank=True, required=False, write_only=True
    )
    status = serializers.ChoiceField(choices=AiConfig.Status.choices, required=False)
    is_active = serializers.BooleanField(required=False)
    is_default = serializers.BooleanField(required=False)
    monthly_budget_usd = serializers.DecimalField(
        max_digits=10, decimal_places=2, min_value=0, required=False
    )
    parameters = AiParameters(required=False)
    system_prompt = JSONObject(required=False, help_text="`{content}`.")
    settings = JSONObject(
        required=False, help_text="`prices`: {model: {input, output}}, dollars a million tokens."
    )
    rate_limits = JSONObject(required=False)
    metadata = JSONObject(required=False)


class PromptVariable(StrictSerializer):
    """One variable of a template."""

    name = serializers.RegexField(r"\A[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
    type = serializers.CharField(max_length=20, default="string")
    required = serializers.BooleanField(default=False)  # type: ignore[assignment]
    default = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    description = serializers.CharField(max_length=500, allow_blank=True, default="")


class PromptTemplateSerializer(serializers.ModelSerializer[PromptTemplate]):
    """A prompt template."""

    variables = serializers.ListField(child=serializers.DictField(), read_only=True)
    metadata = serializers.DictField(read_only=True)
    variable_names = serializers.SerializerMethodField()
    usage_count = serializers.SerializerMethodField()
    created_by_name = serializers.SerializerMethodField()
    parent_template_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = PromptTemplate
        fields = [
            "id", "name", "slug", "description", "category", "domain", "content", "variables",
            "variable_names", "version", "parent_template_id", "is_active", "is_system",
            "usage_count", "created_by_name", "metadata", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_variable_names(self, row: PromptTemplate) -> list[str]:
        """The names that the content reads."""
        return variables_of(row.content)

    def get_usage_count(self, row: PromptTemplate) -> int:
        """How many steps name it."""
        users: dict[str, list[str]] = self.context.get("users") or {}
        return len(users.get(row.slug, ()))

    def get_created_by_name(self, row: PromptTemplate) -> str:
        """Who wrote it."""
        return str(row.created_by) if row.created_by else ""


class PromptVersionSerializer(serializers.ModelSerializer[PromptTemplate]):
    """One version in the list of a template's versions."""

    class Meta:
        model = PromptTemplate
        fields = ["id", "version", "is_active", "created_at"]
        read_only_fields = fields


class PromptTemplateDetailSerializer(PromptTemplateSerializer):
    """A template, with its newest versions where they were asked for."""

    versions = serializers.SerializerMethodField()

    class Meta(PromptTemplateSerializer.Meta):
        fields = [*PromptTemplateSerializer.Meta.fields, "versions"]
        read_only_fields = fields

    def get_versions(self, _row: PromptTemplate) -> list[dict[str, Any]] | None:
        """The ten newest versions with `include_versions=true`, else null."""
        versions = self.context.get("versions")
        if versions is None:
            return None
        return [dict(each) for each in PromptVersionSerializer(versions, many=True).data]


class PromptTemplateChanges(StrictSerializer):
    """What can be changed of a template in place."""

    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=2000, allow_blank=True, required=False)
    category = serializers.ChoiceField(choices=PromptTemplate.Category.choices, required=False)
    content = serializers.CharField(max_length=MOST_BYTES, trim_whitespace=False)
    variables = PromptVariable(many=True, required=False)
    is_active = serializers.BooleanField(required=False)
    metadata = JSONObject(required=False)


class NewPromptVersion(PromptTemplateChanges):
    """What the next version says differently."""

    name = serializers.CharField(max_length=255, required=False)
    content = serializers.CharField(max_length=MOST_BYTES, trim_whitespace=False, required=False)
    is_active = None  # type: ignore[assignment]  # the new version is the active one
    metadata = None  # type: ignore[assignment]


class PreviewBody(StrictSerializer):
    """Values for the variables; an unknown one is refused by name."""

    variables = JSONObject(required=False)


class PreviewSerializer(serializers.Serializer[Any]):
    """A rendered template."""

    rendered_content = serializers.CharField()
    variables_used = serializers.ListField(child=serializers.CharField())
    rendered_at = serializers.DateTimeField()
