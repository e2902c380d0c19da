"""What is kept as bytes: log streams with their index, and blobs."""

from django.db import models

from devops.ids import uuid7
from devops.models.base import Row


class Blob(Row):
    """Bytes in the blob store; `path` is the backend's key, never a path of the machine."""

    account_id = models.UUIDField(db_index=True)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    path = models.CharField(max_length=255, unique=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.size_bytes} bytes)"


class LogStream(Row):
    """One append-only log; its `id` is the step attempt's.

    `size_bytes` and `line_count` (newlines) are final once `closed_at` is set; until then the last
    chunk tells. Offsets and line numbers count dropped bytes too, so they never shift. What the
    cap dropped is one gap: `dropped_bytes` from offset `gap_start`.
    """

    account_id = models.UUIDField(db_index=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    line_count = models.PositiveBigIntegerField(default=0)
    dropped_bytes = models.PositiveBigIntegerField(default=0)
    gap_start = models.PositiveBigIntegerField(null=True)
    gap_first_line = models.PositiveBigIntegerField(null=True)
    gap_last_line = models.PositiveBigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)
    blob = models.ForeignKey(Blob, null=True, on_delete=models.RESTRICT, related_name="+")

    def __str__(self) -> str:
        return f"log {self.pk}"


class LogChunk(models.Model):
    """Where one flush of a stream lies: in the file of its segment, or in `data` without files.

    `first_line` (from 1) is the line of the chunk's first byte, `line_count` its newlines.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    stream = models.ForeignKey(LogStream, on_delete=models.RESTRICT, related_name="chunks")
    seq = models.PositiveIntegerField()
    offset = models.PositiveBigIntegerField()
    length = models.PositiveIntegerField()
    first_line = models.PositiveBigIntegerField()
    line_count = models.PositiveIntegerField()
    at = models.DateTimeField()
    segment = models.PositiveBigIntegerField()
    data = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("stream", "offset"), name="devops_logchunk_offset"),
        ]
        indexes = [
            models.Index(fields=("stream", "first_line"), name="devops_logchunk_line"),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id}@{self.offset}"
