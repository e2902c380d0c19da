"""Mirrored repositories as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devops.api.serializers import StrictSerializer
from gitintegration.choices import BranchFilterType
from gitintegration.models import GitRepository


class GitRepositorySerializer(serializers.ModelSerializer[GitRepository]):
    """The mirror of a repository."""

    credential_id = serializers.UUIDField()
    repository_id = serializers.UUIDField(help_text="What pipelines attach to.")
    provider_type = serializers.SerializerMethodField()
    primary_language = serializers.SerializerMethodField()
    topics = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = GitRepository
        fields = [
            "id", "credential_id", "repository_id", "provider_type", "external_id", "name",
            "full_name", "owner", "description", "default_branch", "web_url", "is_private",
            "is_fork", "is_archived", "is_active", "gone_at", "stars_count", "forks_count",
            "open_issues_count", "open_prs_count", "primary_language", "topics",
            "webhook_configured", "webhook_problem", "branch_filter", "branch_filter_type",
            "sync_error", "last_synced_at", "last_commit_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_provider_type(self, mirror: GitRepository) -> str:
        """The kind of its host."""
        return mirror.credential.provider.provider_type if mirror.credential else "git"

    def get_primary_language(self, mirror: GitRepository) -> str:
        """The language with the largest share."""
        return max(mirror.languages, key=mirror.languages.__getitem__, default="")


class PipelineStatsSerializer(serializers.Serializer[Any]):
    """How a repository's runs of the host's own CI ended."""

    total = serializers.IntegerField()
    successful = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    success_rate = serializers.FloatField()


class CredentialNameSerializer(serializers.Serializer[Any]):
    """Which credential a mirror is fetched with."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    provider_name = serializers.CharField()


class GitRepositoryDetailSerializer(GitRepositorySerializer):
    """The mirror with everything that is known of it."""

    languages = serializers.DictField()
    sync_settings = serializers.DictField()
    pipeline_stats = PipelineStatsSerializer()
    credential = serializers.SerializerMethodField()

    class Meta(GitRepositorySerializer.Meta):
        fields = [
            *GitRepositorySerializer.Meta.fields, "clone_url", "ssh_url", "languages",
            "sync_settings", "has_issues", "has_pull_requests", "has_wiki", "webhook_id",
            "webhook_checked_at", "provider_created_at", "provider_updated_at", "pipeline_stats",
            "credential",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(CredentialNameSerializer(allow_null=True))
    def get_credential(self, mirror: GitRepository) -> Any:
        """Its credential by name."""
        if mirror.credential is None:
            return None
        facts = {
            "id": mirror.credential_id,
            "name": mirror.credential.name,
            "provider_name": mirror.credential.provider.name,
        }
        return CredentialNameSerializer(facts).data


class BranchFilterBody(StrictSerializer):
    """Which branches' events start anything."""

    branch_filter_type = serializers.ChoiceField(choices=BranchFilterType.choices, required=False)
    branch_filter = serializers.CharField(max_length=500, allow_blank=True, required=False)


class HookOutcomeSerializer(serializers.Serializer[Any]):
    """What came of it at the host."""

    success = serializers.BooleanField()
    already_configured = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)


class WorkflowDispatchBody(StrictSerializer):
    """Which workflow of the host's own CI to start."""

    workflow = serializers.CharField(max_length=255, required=False, allow_blank=True)
    workflow_id = serializers.CharField(max_length=255, required=False)
    workflow_file = serializers.CharField(max_length=255, required=False)
    ref = serializers.CharField(max_length=255, required=False)
    inputs = serializers.DictField(
        child=serializers.CharField(max_length=10_000, allow_blank=True), required=False
    )


class TriggeredSerializer(serializers.Serializer[Any]):
    """What the host started; the ids are null where it did not say."""

    external_id = serializers.CharField(allow_null=True)
    pipeline_id = serializers.UUIDField(allow_null=True)
