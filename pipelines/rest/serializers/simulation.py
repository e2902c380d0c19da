"""The simulator's question and answer as JSON."""

from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, ScopedKey, StrictSerializer
from pipelines import selectors
from pipelines.choices import TriggerType

_TEXT: dict[str, Any] = {"required": False, "allow_blank": True, "max_length": 1000}


class SimulatedCommit(StrictSerializer):
    """The newest commit of the event."""

    title = serializers.CharField(**_TEXT)
    message = serializers.CharField(**_TEXT)
    author = serializers.CharField(**_TEXT)


class SimulatedComment(StrictSerializer):
    """The comment that is the event."""

    body = serializers.CharField(**_TEXT)


class EventBody(StrictSerializer):
    """An event as the `trigger` context of expressions has it."""

    type = serializers.ChoiceField(choices=TriggerType.choices)
    action = serializers.CharField(**_TEXT)
    branch = serializers.CharField(**_TEXT)
    base_branch = serializers.CharField(**_TEXT)
    tag = serializers.CharField(**_TEXT)
    ref = serializers.CharField(**_TEXT)
    sha = serializers.CharField(**_TEXT)
    actor = serializers.CharField(**_TEXT)
    changed_paths = serializers.ListField(
        child=serializers.CharField(max_length=1000), max_length=3000, required=False
    )
    labels = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=200, required=False
    )
    commit = SimulatedCommit(required=False)
    comment = SimulatedComment(required=False)
    pull_request = JSONObject(required=False)
    issue = JSONObject(required=False)
    repository = JSONObject(required=False)


class SimulationBody(StrictSerializer):
    """An event, and what it meets: a document, a pipeline, or every pipeline."""

    event = EventBody(required=False)
    event_id = serializers.UUIDField(required=False, help_text="A webhook delivery of the account.")
    text = serializers.CharField(required=False, max_length=262_144, trim_whitespace=False)
    pipeline_id = ScopedKey(rows=selectors.pipelines, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("event" in attrs) == ("event_id" in attrs):
            raise serializers.ValidationError("Give either `event` or `event_id`.")
        return attrs


class SimulatedStep(serializers.Serializer[Any]):
    """What would become of a step."""

    key = serializers.CharField()
    name = serializers.CharField()
    step_type = serializers.CharField()
    would_run = serializers.BooleanField(allow_null=True)
    reason = serializers.CharField()
    configuration = serializers.DictField(help_text="With values as far as they are known.")
    environment = serializers.DictField()


class SimulatedPipeline(serializers.Serializer[Any]):
    """What would become of a pipeline."""

    pipeline_id = serializers.UUIDField(allow_null=True)
    pipeline_name = serializers.CharField()
    would_start = serializers.BooleanField()
    reason = serializers.CharField()
    steps = SimulatedStep(many=True)


class SimulationSerializer(serializers.Serializer[Any]):
    """What the event would start."""

    results = SimulatedPipeline(many=True)
