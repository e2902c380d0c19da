"""Questions to people, and their answers, as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devops.api.serializers import StrictSerializer
from pipelines import inbox
from pipelines.choices import COMMENT_MAX
from pipelines.models import ApprovalGate, ApprovalVote


class RecipientSerializer(serializers.Serializer[Any]):
    """Somebody who is asked, and how their mail fared."""

    email = serializers.CharField()
    user_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    status = serializers.CharField(help_text="pending, approved, rejected, expired or void.")
    is_delegate = serializers.BooleanField()
    email_sent_at = serializers.DateTimeField(allow_null=True)
    email_error = serializers.CharField()
    responded_at = serializers.DateTimeField(allow_null=True)


class VoteSerializer(serializers.ModelSerializer[ApprovalVote]):
    """What somebody said."""

    user_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ApprovalVote
        fields = ["id", "user_id", "label", "answer", "decision", "comment", "via", "created_at"]
        read_only_fields = fields


class ApprovalSerializer(serializers.ModelSerializer[ApprovalGate]):
    """A question about a run: what is asked, of whom, until when, and what was said."""

    step_execution_id = serializers.UUIDField(read_only=True, allow_null=True)
    pipeline_run_id = serializers.UUIDField(source="run_id", read_only=True)
    pipeline_id = serializers.UUIDField(source="run.pipeline_id", read_only=True)
    pipeline_name = serializers.CharField(source="run.pipeline.name", read_only=True)
    run_number = serializers.IntegerField(source="run.run_number", read_only=True)
    title = serializers.CharField(source="run.title", read_only=True)
    branch = serializers.CharField(source="run.branch", read_only=True)
    trigger_type = serializers.CharField(source="run.trigger_type", read_only=True)
    actor_label = serializers.CharField(source="run.actor_label", read_only=True)
    plan = serializers.DictField(read_only=True, help_text="What the step would do; no secrets.")
    approvals = serializers.SerializerMethodField()
    may_respond = serializers.SerializerMethodField()
    recipients = serializers.SerializerMethodField()
    votes = VoteSerializer(many=True, read_only=True)

    class Meta:
        model = ApprovalGate
        fields = [
            "id", "kind", "status", "step_execution_id", "step_key", "step_name",
            "pipeline_run_id", "pipeline_id", "pipeline_name", "run_number", "title", "branch",
            "commit_sha", "trigger_type", "actor_label", "detail", "required", "approvals",
            "require_comment", "allow_self_approval", "is_open", "may_respond", "plan",
            "plan_digest", "recipients", "votes", "expires_at", "decided_at", "decided_by",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_approvals(self, gate: ApprovalGate) -> int:
        """How many approved so far."""
        return inbox.approvals_so_far(gate)

    def get_may_respond(self, gate: ApprovalGate) -> bool:
        """Whether the caller's word would count."""
        return inbox.may_answer(self.context["actor"], gate)

    @extend_schema_field(RecipientSerializer(many=True))
    def get_recipients(self, gate: ApprovalGate) -> list[dict[str, Any]]:
        """Who is asked by name; empty: anyone with the permission."""
        return list(RecipientSerializer(inbox.recipients_of(gate), many=True).data)


class ResponseBody(StrictSerializer):
    """An answer."""

    comment = serializers.CharField(
        max_length=COMMENT_MAX, allow_blank=True, default="", help_text="A rejection needs one."
    )


class ApproveBody(ResponseBody):
    """A yes."""

    decision = serializers.CharField(
        max_length=16, allow_blank=True, default="",
        help_text="Of an interrupted step that must not run twice: repeat or treat_as_done.",
    )  # fmt: skip


class DelegateBody(ResponseBody):
    """Who answers instead."""

    user_id = serializers.UUIDField(help_text="A member whose role may answer approvals.")


class StepWords(serializers.Serializer[Any]):
    """The step that waits."""

    step_type = serializers.CharField()
    description = serializers.CharField()


class ApprovalTokenSerializer(serializers.Serializer[Any]):
    """What the holder of a link may know: what the mail said, no more."""

    step_name = serializers.CharField()
    pipeline_name = serializers.CharField()
    run_number = serializers.IntegerField()
    trigger_type = serializers.CharField()
    trigger_context = serializers.DictField(help_text="Branch, commit and title.")
    status = serializers.CharField()
    detail = serializers.CharField()
    expires_at = serializers.DateTimeField()
    time_remaining_seconds = serializers.IntegerField()
    requires_comment = serializers.BooleanField()
    required = serializers.IntegerField()  # type: ignore[assignment]  # a field, not the property
    approvals = serializers.IntegerField()
    step_configuration = StepWords()


class TokenAnswerSerializer(serializers.Serializer[Any]):
    """What became of the question."""

    status = serializers.CharField()
    message = serializers.CharField()
