"""Artifacts as JSON."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pipelines.artifacts import is_of_last_green
from pipelines.models import Artifact


class ArtifactSerializer(serializers.ModelSerializer[Artifact]):
    """A file that a run kept."""

    media_type = serializers.CharField(source="blob.media_type", read_only=True)
    sha256 = serializers.CharField(source="blob.sha256", read_only=True)
    step_execution_id = serializers.UUIDField(read_only=True, allow_null=True)
    step_key = serializers.SerializerMethodField()
    download_url = serializers.SerializerMethodField()

    class Meta:
        model = Artifact
        fields = [
            "id", "name", "path", "size_bytes", "file_count", "is_archive", "media_type", "sha256",
            "step_execution_id", "step_key", "download_url", "expires_at", "is_pinned", "pinned_by",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_step_key(self, artifact: Artifact) -> str | None:
        """The step that made it."""
        return artifact.step_execution.step_key if artifact.step_execution else None

    def get_download_url(self, artifact: Artifact) -> str:
        """Where its bytes are."""
        return f"/api/v1/devops/artifacts/{artifact.pk}/download"


class EntrySerializer(serializers.Serializer[Any]):
    """A file in an archive."""

    path = serializers.CharField()
    size_bytes = serializers.IntegerField()


class ArtifactDetailSerializer(ArtifactSerializer):
    """An artifact with what it holds."""

    run_id = serializers.UUIDField(read_only=True)
    is_of_last_green = serializers.SerializerMethodField()
    contents = serializers.SerializerMethodField()

    class Meta(ArtifactSerializer.Meta):
        fields = [*ArtifactSerializer.Meta.fields, "run_id", "is_of_last_green", "contents"]
        read_only_fields = fields

    def get_is_of_last_green(self, artifact: Artifact) -> bool:
        """Whether it stays as part of the pipeline's last green run of the default branch."""
        return is_of_last_green(artifact)

    @extend_schema_field(EntrySerializer(many=True))
    def get_contents(self, artifact: Artifact) -> list[dict[str, Any]]:
        """The first 1,000 files of an archive; none for a single file."""
        return [{"path": path, "size_bytes": size} for path, size in artifact.contents]
