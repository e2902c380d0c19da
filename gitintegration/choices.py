"""Plain constants of the git integration."""

from django.db.models import TextChoices


class Dialect(TextChoices):
    """How a sender of webhooks signs and words its deliveries."""

    GIT = "git"
    GITHUB = "github"


class WebhookEventStatus(TextChoices):
    """How far the processing of a delivery came."""

    PENDING = "pending"
    PROCESSING = "processing"
    PROCESSED = "processed"
    IGNORED = "ignored"
    FAILED = "failed"


# A delivery that fails to be processed is tried this often before it stays `failed`.
MAX_PROCESSING_ATTEMPTS = 5
# Bytes of one delivery; hosts cap theirs at 25 MB, but nothing we read is that long.
MAX_DELIVERY_BYTES = 5 * 1024 * 1024
