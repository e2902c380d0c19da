"""Templates of pipelines as JSON."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, ScopedKey, StrictSerializer
from pipelines import selectors
from pipelines.choices import RUN_TIMEOUT_MAX, TIMEOUT_MIN, Difficulty, TemplateCategory
from pipelines.models import PipelineTemplate, PipelineTemplateVersion


class TemplateSerializer(serializers.ModelSerializer[PipelineTemplate]):
    """A template as lists show it."""

    rating = serializers.FloatField(read_only=True)
    tags = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = PipelineTemplate
        fields = [
            "id", "name", "slug", "description", "category", "difficulty_level", "status",
            "version", "timeout_minutes", "tags", "icon_url", "rating", "rating_count",
            "usage_count", "install_count", "is_public", "is_featured", "is_system",
            "marketplace_status", "marketplace_rejection_reason", "published_at", "created_at",
            "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class AbilitySerializer(serializers.Serializer[Any]):
    """One thing that a pipeline of the template may do."""

    kind = serializers.ChoiceField(
        choices=["starts", "code", "host", "secrets", "deploys", "messages", "ai", "asks", "other"]
    )
    text = serializers.CharField()


class StrippedSerializer(serializers.Serializer[Any]):
    """A place that was emptied when the template was made."""

    pointer = serializers.CharField()
    reason = serializers.CharField()


class TemplateDetailSerializer(TemplateSerializer):
    """A template with all that it says."""

    pipeline_definition = serializers.DictField(read_only=True)
    default_variables = serializers.DictField(read_only=True)
    triggers = serializers.DictField(read_only=True)
    metadata = serializers.DictField(read_only=True)
    changelog = serializers.CharField(read_only=True)
    abilities = AbilitySerializer(many=True, read_only=True)
    stripped = StrippedSerializer(
        many=True, read_only=True, help_text="Only in the answer of `create_template`."
    )

    class Meta(TemplateSerializer.Meta):
        fields = [
            *TemplateSerializer.Meta.fields, "pipeline_definition", "default_variables",
            "triggers", "metadata", "changelog", "abilities", "stripped",
        ]  # fmt: skip
        read_only_fields = fields


class TemplateChanges(StrictSerializer):
    """What can be said about a template."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(allow_blank=True, max_length=20_000, required=False)
    category = serializers.ChoiceField(choices=TemplateCategory.choices, required=False)
    difficulty_level = serializers.ChoiceField(choices=Difficulty.choices, required=False)
    version = serializers.CharField(max_length=40, required=False)
    timeout_minutes = serializers.FloatField(
        min_value=TIMEOUT_MIN, max_value=RUN_TIMEOUT_MAX, required=False
    )
    pipeline_definition = JSONObject(required=False)
    default_variables = JSONObject(required=False)
    triggers = JSONObject(required=False)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=40), max_length=20, required=False
    )
    icon_url = serializers.URLField(max_length=500, allow_blank=True, required=False)
    metadata = JSONObject(required=False)
    changelog = serializers.CharField(
        allow_blank=True, max_length=20_000, required=False,
        help_text="What is new in this version; a higher version begins with an empty one.",
    )  # fmt: skip


class NewTemplate(TemplateChanges):
    """A template to be written."""

    pipeline_definition = JSONObject()


class TemplateOfPipeline(StrictSerializer):
    """How the template of a pipeline is to be called."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(allow_blank=True, max_length=20_000, required=False)
    category = serializers.ChoiceField(choices=TemplateCategory.choices, required=False)


class RatingBody(StrictSerializer):
    """A rating; more than 0, at most 5."""

    rating = serializers.DecimalField(max_digits=3, decimal_places=2, max_value=5, min_value=0)

    def validate_rating(self, value: Any) -> Any:
        if value <= 0:
            raise serializers.ValidationError("Give more than 0.")
        return value


class InstallBody(StrictSerializer):
    """How a template is to be installed."""

    name = serializers.CharField(max_length=200, required=False, help_text="Of the pipeline.")
    version = serializers.CharField(
        max_length=40, required=False, help_text="A published one; without it: as it is now."
    )
    variables = JSONObject(required=False)
    repository_id = ScopedKey(
        rows=selectors.repositories, required=False, allow_null=True,
        help_text="The repository whose events start it.",
    )  # fmt: skip
    is_active = serializers.BooleanField(default=True)


class TemplateVersionSerializer(serializers.ModelSerializer[PipelineTemplateVersion]):
    """A published version as lists show it."""

    class Meta:
        model = PipelineTemplateVersion
        fields = ["id", "version", "changelog", "published_at"]
        read_only_fields = fields


class TemplateVersionDetailSerializer(TemplateVersionSerializer):
    """A published version with what it installs; it never changes."""

    pipeline_definition = serializers.DictField(read_only=True)
    default_variables = serializers.DictField(read_only=True)
    abilities = AbilitySerializer(many=True, read_only=True)

    class Meta(TemplateVersionSerializer.Meta):
        fields = [
            *TemplateVersionSerializer.Meta.fields, "pipeline_definition", "default_variables",
            "abilities",
        ]  # fmt: skip
        read_only_fields = fields


class ClashSerializer(serializers.Serializer[Any]):
    """A place that the template and the account both changed."""

    pointer = serializers.CharField()
    mine = serializers.JSONField(allow_null=True)
    template = serializers.JSONField(allow_null=True)


class ValueProblemSerializer(serializers.Serializer[Any]):
    """A variable whose value does not fit."""

    pointer = serializers.CharField()
    detail = serializers.CharField()


class TemplateUpdateSerializer(serializers.Serializer[Any]):
    """What a pipeline was made of, and what an update would change."""

    state = serializers.ChoiceField(
        choices=["none", "current", "available"],
        help_text="`none`: it was not made of a template that is still there.",
    )
    template = serializers.CharField(allow_null=True, help_text="Its slug.")
    template_name = serializers.CharField()
    installed_version = serializers.CharField()
    variables = serializers.DictField()
    version = serializers.CharField(allow_null=True, help_text="That the update leads to.")
    changelog = serializers.CharField()
    definition_version = serializers.IntegerField()
    is_edited = serializers.BooleanField(help_text="Whether it was changed here since.")
    diff = serializers.CharField(help_text="From what the pipeline says to what it would say.")
    template_diff = serializers.CharField(help_text="What the template changed.")
    own_diff = serializers.CharField(help_text="What was changed here.")
    conflicts = ClashSerializer(many=True)
    new_abilities = AbilitySerializer(many=True)
    problems = ValueProblemSerializer(many=True)


class TemplateUpdateBody(StrictSerializer):
    """How a pipeline is to be updated."""

    version = serializers.CharField(
        max_length=40, required=False, help_text="Default: the newest that is newer than its own."
    )
    variables = JSONObject(required=False, help_text="Over those that it was installed with.")
    prefer = serializers.ChoiceField(
        choices=["mine", "template"], default="mine",
        help_text="Whose change counts where both changed the same.",
    )  # fmt: skip
    seen_version = serializers.IntegerField(
        required=False, min_value=1,
        help_text="The `definition_version` that was looked at; 409 when it is another by now.",
    )  # fmt: skip
