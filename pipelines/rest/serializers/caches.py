"""Caches as JSON."""

from rest_framework import serializers

from pipelines.models import StepCache


class CacheSerializer(serializers.ModelSerializer[StepCache]):
    """Files that steps keep from run to run under a key."""

    repository_id = serializers.UUIDField(read_only=True, allow_null=True)
    pipeline_id = serializers.UUIDField(read_only=True, allow_null=True)
    run_id = serializers.UUIDField(
        source="made_by_id", read_only=True, allow_null=True, help_text="The run that made it."
    )
    paths = serializers.SerializerMethodField()

    class Meta:
        model = StepCache
        fields = [
            "id", "key", "paths", "repository_id", "pipeline_id", "run_id", "size_bytes",
            "file_count", "last_used_at", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_paths(self, cache: StepCache) -> list[str]:
        """The paths as a step declares them."""
        return declared_paths(cache)


def declared_paths(cache: StepCache) -> list[str]:
    """Paths below the workspace, or below `~/`."""
    return [
        path.removeprefix("work/") if path.startswith("work/") else f"~/{path[5:]}"
        for path in cache.paths
    ]
