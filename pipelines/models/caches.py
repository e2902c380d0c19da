"""Files that steps keep from run to run under a key."""

from django.db import models

from devops.models import Row
from pipelines.models.definitions import Pipeline
from pipelines.models.runs import PipelineRun


class StepCache(Row):
    """An archive of paths of a workspace; immutable: a changed key is another row.

    `scope` is the hexadecimal id of the repository, or of the pipeline that has none.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.ForeignKey(
        Pipeline, on_delete=models.SET_NULL, null=True, related_name="caches"
    )
    repository = models.ForeignKey(
        "devops.Repository", on_delete=models.CASCADE, null=True, related_name="+"
    )
    scope = models.CharField(max_length=32)
    paths_digest = models.CharField(max_length=64)
    paths = models.JSONField(default=list)
    key = models.CharField(max_length=512)
    blob = models.ForeignKey("devops.Blob", on_delete=models.RESTRICT, related_name="+")
    size_bytes = models.PositiveBigIntegerField()
    file_count = models.PositiveIntegerField()
    last_used_at = models.DateTimeField()
    made_by = models.ForeignKey(PipelineRun, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["scope", "paths_digest", "key"], name="cache_key_once"),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="cache_account"),
            models.Index(fields=["account", "last_used_at"], name="cache_use"),
        ]

    def __str__(self) -> str:
        return self.key
