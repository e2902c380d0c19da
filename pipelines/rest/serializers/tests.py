"""Tests of a pipeline as JSON: what is known of them, their last results, who put them aside."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devops.api.serializers import StrictSerializer
from pipelines.flakiness import PASSED, SKIPPED
from pipelines.known_tests import flakiness_of, is_suggested, outcomes_of
from pipelines.models import KnownTest, TestCase, TestQuarantine
from pipelines.operations.quarantines import REASON_MAX
from pipelines.rest.serializers.runs import MillisecondsField

_WORDS = {PASSED: "passed", SKIPPED: "skipped"}


class QuarantineSerializer(serializers.ModelSerializer[TestQuarantine]):
    """A person put a test aside."""

    class Meta:
        model = TestQuarantine
        fields = ["id", "reason", "begun_by", "created_at", "expires_at", "ended_at", "ended_by"]
        read_only_fields = fields


class KnownTestSerializer(serializers.ModelSerializer[KnownTest]):
    """A test as lists show it; the counts are those of its last 50 results."""

    pipeline_id = serializers.UUIDField(read_only=True)
    flaky_score = serializers.SerializerMethodField()
    median_seconds = MillisecondsField(source="median_ms", read_only=True)
    median_before_seconds = MillisecondsField(
        source="median_before_ms", read_only=True, allow_null=True
    )
    last_failed_run_id = serializers.UUIDField(read_only=True, allow_null=True)
    last_results = serializers.SerializerMethodField()
    quarantine = serializers.SerializerMethodField()
    is_quarantine_suggested = serializers.SerializerMethodField()

    class Meta:
        model = KnownTest
        fields = [
            "id", "pipeline_id", "suite", "name", "file", "last_status", "last_seen_at",
            "last_failed_at", "last_failed_run_id", "passed_count", "failed_count", "flaky_score",
            "median_seconds", "median_before_seconds", "last_results", "quarantine",
            "is_quarantine_suggested",
        ]  # fmt: skip
        read_only_fields = fields

    def get_flaky_score(self, test: KnownTest) -> float:
        """From 0 (never) to 1 (always): how often it changed by itself."""
        return test.score / 1000

    def get_last_results(self, test: KnownTest) -> list[str]:
        """passed, failed or skipped, the newest last."""
        return [_WORDS.get(outcome, "failed") for outcome in outcomes_of(test)]

    @extend_schema_field(QuarantineSerializer(allow_null=True))
    def get_quarantine(self, test: KnownTest) -> Any:
        """The one that holds now."""
        held = test.holding[0] if test.holding else None  # type: ignore[attr-defined]
        return QuarantineSerializer(held).data if held else None

    def get_is_quarantine_suggested(self, test: KnownTest) -> bool:
        """Whether it is flaky enough."""
        return is_suggested(test)


class TestResultSerializer(serializers.ModelSerializer[TestCase]):
    """One result of a test."""

    __test__ = False  # pytest collects classes named Test*

    run_id = serializers.UUIDField(source="report.run_id", read_only=True)
    run_number = serializers.IntegerField(source="report.run.run_number", read_only=True)
    branch = serializers.CharField(source="report.run.branch", read_only=True)
    commit_sha = serializers.CharField(source="report.run.commit_sha", read_only=True)
    step_execution_id = serializers.UUIDField(source="report.step_execution_id", read_only=True)
    step_key = serializers.CharField(source="report.step_execution.step_key", read_only=True)
    attempt = serializers.IntegerField(source="report.step_execution.attempt", read_only=True)
    duration_seconds = MillisecondsField(source="duration_ms", read_only=True)
    at = serializers.SerializerMethodField()

    class Meta:
        model = TestCase
        fields = [
            "run_id", "run_number", "branch", "commit_sha", "step_execution_id", "step_key",
            "attempt", "status", "is_quarantined", "duration_seconds", "message", "at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.DATETIME)
    def get_at(self, case: TestCase) -> Any:
        """When it was reported."""
        return serializers.DateTimeField().to_representation(case.report.created_at)


class FlakinessSerializer(serializers.Serializer[Any]):
    """What the score is made of: `(within + across) / max(compared, 10)`."""

    within = serializers.IntegerField(help_text="Changes between results of one commit.")
    across = serializers.IntegerField(
        help_text="Changes from commit to commit of the default branch, beyond the first two."
    )
    compared = serializers.IntegerField(help_text="How many neighbours were compared.")


class KnownTestDetailSerializer(KnownTestSerializer):
    """A test with its history; `context` holds `history` and `quarantines`."""

    flakiness = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()
    quarantines = serializers.SerializerMethodField()

    class Meta(KnownTestSerializer.Meta):
        fields = [*KnownTestSerializer.Meta.fields, "flakiness", "history", "quarantines"]
        read_only_fields = fields

    @extend_schema_field(FlakinessSerializer)
    def get_flakiness(self, test: KnownTest) -> Any:
        """What the score is made of."""
        return FlakinessSerializer(flakiness_of(test)).data

    @extend_schema_field(TestResultSerializer(many=True))
    def get_history(self, _test: KnownTest) -> Any:
        """The last 50 results that are kept, newest first."""
        return TestResultSerializer(self.context["history"], many=True).data

    @extend_schema_field(QuarantineSerializer(many=True))
    def get_quarantines(self, _test: KnownTest) -> Any:
        """Who put it aside and when, newest first."""
        return QuarantineSerializer(self.context["quarantines"], many=True).data


class QuarantineBody(StrictSerializer):
    """Why a test is put aside, and until when."""

    reason = serializers.CharField(max_length=REASON_MAX)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
