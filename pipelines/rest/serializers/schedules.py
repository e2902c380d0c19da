"""Schedules as JSON."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from devops.api.serializers import JSONObject, ScopedKey, StrictSerializer
from devops.cron_words import describe_cron
from pipelines import selectors, timetable
from pipelines.choices import JITTER_MAX_SECONDS, Missed, Overlap
from pipelines.models import Schedule, ScheduleFire


class LatenessSerializer(serializers.Serializer[Any]):
    """How long after their moment the last times were acted on."""

    count = serializers.IntegerField(help_text="Of so many times, at most 200.")
    p50_ms = serializers.IntegerField(allow_null=True)
    p99_ms = serializers.IntegerField(allow_null=True)


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    """A schedule as lists show it."""

    pipeline_id = serializers.UUIDField(read_only=True)
    pipeline_name = serializers.CharField(source="pipeline.name", read_only=True)
    pipeline_slug = serializers.CharField(source="pipeline.slug", read_only=True)
    inputs = serializers.DictField(read_only=True)
    cron_description = serializers.SerializerMethodField()
    is_due = serializers.SerializerMethodField()
    is_from_document = serializers.SerializerMethodField()

    class Meta:
        model = Schedule
        fields = [
            "id", "name", "pipeline_id", "pipeline_name", "pipeline_slug", "cron_expression",
            "cron_description", "timezone", "inputs", "ref", "is_active", "missed", "overlap",
            "jitter_seconds", "next_fire_at", "next_run_at", "last_run_at", "last_outcome",
            "last_detail", "is_due", "is_from_document", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_cron_description(self, row: Schedule) -> str:
        """The times in words."""
        return describe_cron(row.cron_expression)

    def get_is_due(self, row: Schedule) -> bool:
        """Whether its moment has come and nothing has acted on it yet."""
        return timetable.is_due(row)

    def get_is_from_document(self, row: Schedule) -> bool:
        """Whether the pipeline's document defines it; then it is changed there."""
        return bool(row.source_key)


class FireSerializer(serializers.ModelSerializer[ScheduleFire]):
    """One time and what came of it."""

    run_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ScheduleFire
        fields = ["fire_at", "due_at", "fired_at", "lateness_ms", "outcome", "detail", "run_id"]
        read_only_fields = fields


class ScheduleDetailSerializer(ScheduleSerializer):
    """A schedule with its next times, its last ones, and how late they came."""

    next_times = serializers.SerializerMethodField()
    lateness = LatenessSerializer(read_only=True)
    recent_fires = FireSerializer(many=True, read_only=True)

    class Meta(ScheduleSerializer.Meta):
        fields = [*ScheduleSerializer.Meta.fields, "next_times", "lateness", "recent_fires"]
        read_only_fields = fields

    def get_next_times(self, row: Schedule) -> list[datetime]:
        """The next ten times, without jitter."""
        return timetable.coming(row)


class ScheduleChanges(StrictSerializer):
    """What can be said about a schedule."""

    name = serializers.CharField(max_length=200)
    cron_expression = serializers.CharField(
        max_length=100, help_text="Five fields, or an alias such as @daily."
    )
    timezone = serializers.CharField(max_length=64, required=False, help_text="IANA name.")
    inputs = JSONObject(required=False)
    ref = serializers.CharField(
        max_length=300, allow_blank=True, required=False,
        help_text="Branch; default: the repository's default branch.",
    )  # fmt: skip
    is_active = serializers.BooleanField(required=False)
    missed = serializers.ChoiceField(choices=Missed.choices, required=False)
    overlap = serializers.ChoiceField(choices=Overlap.choices, required=False)
    jitter_seconds = serializers.IntegerField(
        min_value=0, max_value=JITTER_MAX_SECONDS, required=False
    )


class NewSchedule(ScheduleChanges):
    """A schedule to be entered."""

    pipeline_id = ScopedKey(rows=selectors.pipelines)
