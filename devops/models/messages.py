"""What happened, for those who must hear of it: the outbox, the audit trail, deliveries."""

from django.db import models
from django.utils import timezone

from devops.ids import uuid7
from devops.models.base import Row
from devops.models.people import Account


class OutboxMessage(models.Model):
    """A message that commits with the change it tells; the relay publishes it afterwards.

    `topic` and `seq` order the messages of one object; `stream_seq`, given at publication,
    orders all messages of one account.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    topic = models.CharField(max_length=80)
    seq = models.PositiveBigIntegerField()
    name = models.CharField(max_length=60)
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)
    stream_seq = models.PositiveBigIntegerField(null=True)
    handled_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    parked_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["topic", "seq"], name="outbox_topic_seq"),
            models.UniqueConstraint(fields=["account", "stream_seq"], name="outbox_stream_seq"),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="outbox_unpublished",
                condition=models.Q(published_at=None, parked_reason=""),
            ),
            models.Index(
                fields=["published_at"],
                name="outbox_unhandled",
                condition=models.Q(handled_at=None, parked_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.topic}#{self.seq}"


class AuditEvent(models.Model):
    """Who did what to which object, when and from where; rows are never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    actor_kind = models.CharField(max_length=12)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(max_length=250, blank=True)
    outcome = models.CharField(max_length=12, default="done")
    detail = models.JSONField(default=dict)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    chain_seq = models.PositiveBigIntegerField(null=True)
    chain_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "chain_seq"], name="audit_chain_seq"),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="audit_account"),
            models.Index(fields=["id"], name="audit_unchained", condition=models.Q(chain_seq=None)),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.target_label}"


class IdempotencyKey(models.Model):
    """The answer once given to a POST with an `Idempotency-Key`; repeated for 24 hours."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=300)
    body_digest = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="idempotency_key_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key


class WebhookDelivery(Row):
    """One message to the world (webhook or e-mail), tried until it arrived or was given up."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"
        EMAIL = "email"

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    destination = models.CharField(max_length=500)
    event_name = models.CharField(max_length=80)
    payload = models.JSONField()
    idempotency_key = models.CharField(max_length=120, unique=True)
    encrypted_secret = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, default=timezone.now)
    delivered_at = models.DateTimeField(null=True)
    response_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=1000, blank=True)
    # Whose delivery it is, in the table of whoever wrote it; it is told how it ended.
    subscription_id = models.UUIDField(null=True)
    # {content_type, headers, timeout_seconds, retry_limit, retry_backoff, is_plain}; absent: usual.
    options = models.JSONField(default=dict)
    # The last tries: {at, status, error, duration_ms}.
    tries = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "delivered", "failed"]),
                name="delivery_status",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="delivery_due",
                condition=models.Q(status="pending"),
            ),
            models.Index(fields=["account", "-id"], name="delivery_account"),
            models.Index(
                fields=["subscription_id", "-id"],
                name="delivery_subscription",
                condition=models.Q(subscription_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} to {self.destination}"
