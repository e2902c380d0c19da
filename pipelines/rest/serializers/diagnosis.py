"""Why a run failed, as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devops.api.serializers import StrictSerializer
from pipelines.models import FailureHint


class DiagnosisStep(serializers.Serializer[Any]):
    """The step that failed."""

    id = serializers.UUIDField()
    key = serializers.CharField()
    name = serializers.CharField()
    step_type = serializers.CharField()
    reason = serializers.CharField()
    exit_code = serializers.IntegerField(allow_null=True)


class EvidenceLine(serializers.Serializer[Any]):
    """A line of the step's log."""

    number = serializers.IntegerField()
    text = serializers.CharField()


class GreenRun(serializers.Serializer[Any]):
    """The last run of the same pipeline and branch that succeeded."""

    id = serializers.UUIDField()
    run_number = serializers.IntegerField()
    commit_sha = serializers.CharField()
    url = serializers.CharField()


class RanCommit(serializers.Serializer[Any]):
    """A commit that ran since then."""

    sha = serializers.CharField()
    title = serializers.CharField()
    run_number = serializers.IntegerField()


class TextPair(serializers.Serializer[Any]):
    """Then and now."""

    before = serializers.CharField()
    now = serializers.CharField()


class CountPair(serializers.Serializer[Any]):
    """Then and now."""

    before = serializers.IntegerField(allow_null=True)
    now = serializers.IntegerField(allow_null=True)


class DifferencesSerializer(serializers.Serializer[Any]):
    """What is not as it was in the last green run; names only, never values."""

    commits = RanCommit(many=True)
    is_same_commit = serializers.BooleanField()
    definition = serializers.ListField(child=serializers.CharField())
    environment = serializers.ListField(child=serializers.CharField())
    inputs = serializers.ListField(child=serializers.CharField())
    worker = TextPair(allow_null=True)
    artifacts = serializers.ListField(child=serializers.CharField())
    components = CountPair(allow_null=True, help_text="Packages in the list of ingredients.")


class FailedTest(serializers.Serializer[Any]):
    """A test that failed, and what it did in other runs."""

    suite = serializers.CharField()
    name = serializers.CharField()
    message = serializers.CharField()
    is_quarantined = serializers.BooleanField()
    test_id = serializers.UUIDField(
        allow_null=True, help_text="The test in `pipelines/{id}/tests`."
    )
    is_known_flake = serializers.BooleanField()
    flaky_score = serializers.FloatField()
    seen_failed = serializers.IntegerField()
    seen_passed = serializers.IntegerField()


class CitationSerializer(serializers.Serializer[Any]):
    """A line of the failed step's log and what was quoted of it."""

    number = serializers.IntegerField()
    quote = serializers.CharField()


class HintSerializer(serializers.ModelSerializer[FailureHint]):
    """What a model guesses about a failed run; every citation was checked against the log."""

    state = serializers.SerializerMethodField()
    run_id = serializers.UUIDField(read_only=True)
    step_execution_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="Whose log the citations are of."
    )
    confidence = serializers.ChoiceField(
        choices=["", "low", "medium", "high"], read_only=True, help_text="As the model says."
    )
    citations = CitationSerializer(many=True, read_only=True)
    next_steps = serializers.ListField(child=serializers.CharField(), read_only=True)
    cost_usd = serializers.FloatField(read_only=True)

    class Meta:
        model = FailureHint
        fields = [
            "id", "run_id", "number", "state", "asked_by", "created_at", "ended_at",
            "step_execution_id", "hypothesis", "confidence", "citations", "dropped_citations",
            "next_steps", "reason", "error_message", "model", "cost_usd", "input_tokens",
            "output_tokens",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field({"enum": ["asking", "answered", "failed"], "type": "string"})
    def get_state(self, row: FailureHint) -> str:
        return "asking" if row.is_open else "answered" if row.hypothesis else "failed"


class AskBody(StrictSerializer):
    """How a model is to be asked."""

    again = serializers.BooleanField(
        default=False, help_text="Ask anew although there is an answer; it costs money again."
    )


class DiagnosisSerializer(serializers.Serializer[Any]):
    """The evidence about a run; one that has not failed has none."""

    is_failed = serializers.BooleanField()
    step = DiagnosisStep(allow_null=True)
    first_line = serializers.IntegerField(allow_null=True)
    evidence = EvidenceLine(many=True)
    message = serializers.CharField()
    last_green = GreenRun(allow_null=True)
    differences = DifferencesSerializer(allow_null=True)
    failed_tests = FailedTest(many=True)
    is_known_flake = serializers.BooleanField()
    ai_hint = HintSerializer(
        allow_null=True, help_text="What a model guesses, once it was asked (`ask_ai`)."
    )
