"""Addresses under which anybody with the secret starts a pipeline."""

from django.db import models

from devops.models import Row
from pipelines.models.definitions import Pipeline


class PipelineHook(Row):
    """The signed address of one pipeline's trigger `webhook`."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    pipeline = models.OneToOneField(Pipeline, on_delete=models.CASCADE, related_name="hook")
    token_digest = models.CharField(max_length=64, unique=True)
    encrypted_token = models.TextField()
    encrypted_secret = models.TextField()
    delivery_count = models.PositiveBigIntegerField(default=0)
    rejected_count = models.PositiveBigIntegerField(default=0)
    last_delivery_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"hook of {self.pipeline_id}"
