"""What is kept of working folders beyond their machine: snapshots for re-runs."""

from django.db import models

from devops.models import Row
from pipelines.models.runs import PipelineRun


class WorkspaceSnapshot(Row):
    """The working folder of a run after the step at `position`, until the next snapshot.

    Without a blob the folder was empty, or `note` says why it could not be kept.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="snapshots")
    position = models.PositiveIntegerField()
    tree = models.CharField(max_length=64)
    blob = models.ForeignKey("devops.Blob", on_delete=models.RESTRICT, null=True, related_name="+")
    size_bytes = models.PositiveBigIntegerField(default=0)
    file_count = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["position"]
        indexes = [
            models.Index(fields=["run", "position"], name="snapshot_of_run"),
            models.Index(fields=["created_at"], name="snapshot_age"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} after step {self.position}"
