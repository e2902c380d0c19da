"""Pipelines and their steps as JSON."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, ScopedKey, StrictSerializer
from pipelines import selectors
from pipelines.choices import RUN_TIMEOUT_MAX, TIMEOUT_MIN, Phase, PipelineType
from pipelines.documents.vocabulary import RECIPIENT_KINDS
from pipelines.models import Pipeline, PipelineRepository, PipelineStep
from pipelines.rest.serializers.runs import RunSerializer

_KEY_MAX = 64


class StepSerializer(serializers.ModelSerializer[PipelineStep]):
    """One step of a pipeline."""

    class Meta:
        model = PipelineStep
        fields = ["id", "position", *selectors.STEP_FIELDS]
        read_only_fields = fields


class PipelineSerializer(serializers.ModelSerializer[Pipeline]):
    """A pipeline as lists show it."""

    step_count = serializers.IntegerField(read_only=True)
    last_run = RunSerializer(read_only=True, allow_null=True)
    success_rate = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Percent of the newest 100 runs of 30 days."
    )
    triggers = serializers.DictField(read_only=True)
    runner_labels = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Pipeline
        fields = [
            "id", "name", "slug", "description", "pipeline_type", "triggers", "runner_labels",
            "timeout_minutes", "allow_concurrent", "is_active", "is_system", "definition_version",
            "step_count", "last_run", "success_rate", "source_path", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class PipelineLinkSerializer(serializers.ModelSerializer[PipelineRepository]):
    """A repository that starts a pipeline."""

    id = serializers.UUIDField(source="repository.pk", read_only=True)
    full_name = serializers.CharField(source="repository.full_name", read_only=True)
    default_branch = serializers.CharField(source="repository.default_branch", read_only=True)
    overrides = serializers.DictField(read_only=True)

    class Meta:
        model = PipelineRepository
        fields = ["id", "full_name", "default_branch", "overrides"]
        read_only_fields = fields


class ToldSerializer(serializers.Serializer[Any]):
    """Somebody who is told how a pipeline's runs go."""

    type = serializers.ChoiceField(choices=RECIPIENT_KINDS)
    value = serializers.CharField(max_length=250, help_text="Address, id of a user, or role.")


class ToldBody(StrictSerializer):
    """Somebody to be told."""

    type = serializers.ChoiceField(choices=RECIPIENT_KINDS)
    value = serializers.CharField(max_length=250, help_text="Address, id of a user, or role.")


class PipelineDetailSerializer(PipelineSerializer):
    """A pipeline with all that it says."""

    environment = serializers.DictField(read_only=True)
    secret_refs = serializers.ListField(child=serializers.CharField(), read_only=True)
    features = serializers.DictField(read_only=True)
    settings = serializers.DictField(read_only=True)
    notification_recipients = ToldSerializer(many=True, read_only=True)
    notification_settings = serializers.DictField(read_only=True)
    steps = StepSerializer(many=True, read_only=True)
    repositories = PipelineLinkSerializer(many=True, read_only=True, source="links.all")

    class Meta(PipelineSerializer.Meta):
        fields = [
            *PipelineSerializer.Meta.fields, "environment", "secret_refs", "features", "settings",
            "notification_recipients", "notification_settings", "source_sha", "repositories",
            "steps",
        ]  # fmt: skip
        read_only_fields = fields


class StepBody(StrictSerializer):
    """A step as it is written; the order of the list is the order of the steps."""

    key = serializers.CharField(
        max_length=_KEY_MAX, allow_blank=True, required=False, help_text="Default: from the name."
    )
    name = serializers.CharField(max_length=200)
    step_type = serializers.CharField(max_length=60)
    configuration = JSONObject(required=False)
    condition = serializers.CharField(allow_blank=True, max_length=21_000, required=False)
    continue_on_error = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    requires_approval = serializers.BooleanField(required=False)
    approval_settings = JSONObject(required=False)
    inputs = JSONObject(required=False)
    outputs = JSONObject(required=False)
    environment = JSONObject(required=False)
    secret_refs = serializers.ListField(child=serializers.CharField(max_length=100), required=False)
    timeout_minutes = serializers.FloatField(
        allow_null=True, min_value=TIMEOUT_MIN, max_value=RUN_TIMEOUT_MAX, required=False
    )
    retry = JSONObject(required=False)
    matrix = JSONObject(required=False)
    cache = JSONObject(required=False)
    image = serializers.CharField(
        max_length=1000, allow_blank=True, required=False,
        help_text="Empty: the pipeline's; `none`: a process of the worker.",
    )  # fmt: skip
    services = JSONObject(required=False)
    group_key = serializers.CharField(max_length=_KEY_MAX, allow_blank=True, required=False)
    phase = serializers.ChoiceField(choices=Phase.choices, required=False)


class PipelineChanges(StrictSerializer):
    """What can be said about a pipeline; `steps` replaces all steps."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(allow_blank=True, max_length=20_000, required=False)
    pipeline_type = serializers.ChoiceField(choices=PipelineType.choices, required=False)
    triggers = JSONObject(required=False)
    environment = JSONObject(required=False)
    secret_refs = serializers.ListField(child=serializers.CharField(max_length=100), required=False)
    runner_labels = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False
    )
    timeout_minutes = serializers.FloatField(
        min_value=TIMEOUT_MIN, max_value=RUN_TIMEOUT_MAX, required=False
    )
    allow_concurrent = serializers.BooleanField(required=False)
    features = JSONObject(required=False)
    settings = JSONObject(required=False)
    notification_recipients = ToldBody(many=True, required=False)
    notification_settings = JSONObject(required=False)
    is_active = serializers.BooleanField(required=False)
    steps = StepBody(many=True, required=False)


class NewPipeline(PipelineChanges):
    """A pipeline to be written."""

    slug = serializers.CharField(
        max_length=_KEY_MAX, allow_blank=True, required=False, help_text="Default: from the name."
    )
    repository_id = ScopedKey(
        rows=selectors.repositories, required=False, allow_null=True,
        help_text="The repository whose events start it.",
    )  # fmt: skip


class TriggerBody(StrictSerializer):
    """How a run is to be started."""

    ref = serializers.CharField(
        max_length=300, allow_blank=True, required=False, help_text="Branch; default: the default."
    )
    sha = serializers.RegexField(
        r"\A[0-9a-f]{40}([0-9a-f]{24})?\Z", allow_blank=True, required=False
    )
    title = serializers.CharField(max_length=300, allow_blank=True, required=False)
    inputs = JSONObject(required=False)
    dry_run = serializers.BooleanField(
        default=False, help_text="Answers what would run, and starts nothing."
    )


class BadgeSerializer(serializers.Serializer[Any]):
    """A pipeline's badge; `?branch=` and `?label=` may be added to the address."""

    is_published = serializers.BooleanField()
    url = serializers.CharField(help_text="The picture's address; empty while not published.")
    markdown = serializers.CharField(help_text="For a README: the picture, leading to the runs.")
    html = serializers.CharField()


class PlannedStep(serializers.Serializer[Any]):
    """A step that would run."""

    key = serializers.CharField()
    name = serializers.CharField()
    step_type = serializers.CharField()
    condition = serializers.CharField()
    phase = serializers.CharField()


class PlanSerializer(serializers.Serializer[Any]):
    """What a start would run."""

    dry_run = serializers.BooleanField()
    inputs = serializers.DictField()
    runner_labels = serializers.ListField(child=serializers.CharField())
    steps = PlannedStep(many=True)


class LintBody(StrictSerializer):
    """A pipeline document as text, or a definition as an object."""

    text = serializers.CharField(required=False, max_length=262_144, trim_whitespace=False)
    definition = JSONObject(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Give either `text` or `definition`.")
        return attrs


class FindingSerializer(serializers.Serializer[Any]):
    """Something that the linter says; `line` and `column` are 0 where there is no text."""

    severity = serializers.ChoiceField(choices=["error", "warning"])
    code = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    pointer = serializers.CharField()
    remedy = serializers.CharField()


class LintSerializer(serializers.Serializer[Any]):
    """All that the linter says."""

    valid = serializers.BooleanField(help_text="No finding is an error.")
    findings = FindingSerializer(many=True)


class RemarkSerializer(serializers.Serializer[Any]):
    """What an importer did not take over as it was."""

    kind = serializers.ChoiceField(choices=["changed", "left_out"])
    pointer = serializers.CharField()
    line = serializers.IntegerField()
    message = serializers.CharField()


class ImportPlanSerializer(serializers.Serializer[Any]):
    """What an import would change."""

    dry_run = serializers.BooleanField()
    action = serializers.ChoiceField(choices=["create", "update", "none"])
    pipeline_id = serializers.UUIDField(allow_null=True)
    diff = serializers.CharField(help_text="Unified diff of the documents.")
    findings = FindingSerializer(many=True)
    document = serializers.CharField(help_text="The document that is imported.")
    remarks = RemarkSerializer(many=True, help_text="What of a foreign workflow did not map.")


class StepTypeSerializer(serializers.Serializer[Any]):
    """A kind of step."""

    name = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField()
    effect = serializers.CharField(help_text="What repeating it does outside.")
    docs = serializers.CharField()
    outputs = serializers.DictField(child=serializers.CharField())
    example = serializers.DictField()
    configuration_schema = serializers.DictField()


class HookSerializer(serializers.Serializer[Any]):
    """The signed address under which a pipeline is started."""

    url = serializers.CharField(help_text="Empty while there is none.")
    secret = serializers.CharField(help_text="Signs calls by Standard Webhooks.")


class WorkflowSerializer(serializers.Serializer[Any]):
    """A pipeline as a workflow of a host's own CI."""

    pipeline_id = serializers.UUIDField()
    pipeline_name = serializers.CharField()
    target = serializers.ChoiceField(choices=["github", "gitlab", "gitea", "bitbucket"])
    path = serializers.CharField(help_text="Where its file belongs in the repository.")
    yaml = serializers.CharField()
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What differs from the pipeline."
    )
    generated_at = serializers.DateTimeField()


class DriftSerializer(serializers.Serializer[Any]):
    """How a definition stands to its file on the default branch."""

    state = serializers.ChoiceField(
        choices=["none", "in_step", "differs", "missing", "invalid", "unreadable"]
    )
    message = serializers.CharField()
    path = serializers.CharField()
    branch = serializers.CharField()
    sha = serializers.CharField()
    diff = serializers.CharField(help_text="Unified diff from what is stored to the file.")
