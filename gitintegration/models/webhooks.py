"""Incoming webhooks: where they arrive, and each delivery as it came."""

from django.db import models

from devops.models import Lifecycle, Row
from gitintegration.choices import Dialect, WebhookEventStatus


class WebhookEndpoint(Row):
    """The address and secret under which one repository's host delivers to us."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    repository = models.OneToOneField(
        "devops.Repository", on_delete=models.CASCADE, related_name="webhook_endpoint"
    )
    # The host that delivers here; plain git has none.
    git_provider = models.ForeignKey(
        "gitintegration.GitProvider", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    token_digest = models.CharField(max_length=64, unique=True)
    encrypted_token = models.TextField()
    encrypted_secret = models.TextField()
    dialect = models.CharField(max_length=12, choices=Dialect.choices)
    is_active = models.BooleanField(default=True)
    delivery_count = models.PositiveBigIntegerField(default=0)
    rejected_count = models.PositiveBigIntegerField(default=0)
    # Rejections that a repair of the hook has answered already.
    rejected_seen = models.PositiveBigIntegerField(default=0)
    last_delivery_at = models.DateTimeField(null=True)
    # When the branches were last compared with what was delivered.
    heads_checked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.dialect} webhook of {self.repository_id}"


class GitWebhookEvent(Lifecycle):
    """One delivery, stored before anything is made of it."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.SET_NULL, null=True, related_name="events"
    )
    repository = models.ForeignKey(
        "devops.Repository", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    git_provider = models.ForeignKey(
        "gitintegration.GitProvider", on_delete=models.CASCADE, null=True, related_name="+"
    )
    status = models.CharField(
        max_length=12, choices=WebhookEventStatus.choices, default=WebhookEventStatus.PENDING
    )
    dialect = models.CharField(max_length=12, choices=Dialect.choices)
    event_type = models.CharField(max_length=60)
    action = models.CharField(max_length=50, blank=True)
    delivery_id = models.CharField(max_length=120)
    body_digest = models.CharField(max_length=64)
    headers = models.JSONField(default=dict)
    payload = models.JSONField(default=dict)
    ref = models.CharField(max_length=300, blank=True)
    sha = models.CharField(max_length=64, blank=True)
    # What a push replaced: tells a late, old push from a new one.
    before = models.CharField(max_length=64, blank=True)
    # What the push brought; a redelivery of it brings nothing more.
    commits = models.PositiveIntegerField(default=0)
    sender = models.CharField(max_length=200, blank=True)
    sender_id = models.CharField(max_length=255, blank=True)
    # What a redelivery copies; the original is left as it was.
    original = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    retry_count = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    processed_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=500, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    is_reconciled = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "delivery_id"], name="delivery_id_once"),
            models.UniqueConstraint(fields=["endpoint", "body_digest"], name="delivery_body_once"),
            models.CheckConstraint(
                condition=models.Q(status__in=WebhookEventStatus.values),
                name="webhook_event_status",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="webhook_event_account"),
            models.Index(fields=["account", "status", "-id"], name="webhook_event_status_of"),
            # Of copies alone, or the database takes it for one that tells nothing apart.
            models.Index(
                fields=["original"],
                name="webhook_event_copies",
                condition=models.Q(original__isnull=False),
            ),
            # Whether a push was replaced already, and where a branch stood last.
            models.Index(
                fields=["repository", "before"],
                name="webhook_event_before",
                condition=~models.Q(before=""),
            ),
            models.Index(fields=["repository", "ref", "-id"], name="webhook_event_ref"),
            # The sums of weeks, from the index alone.
            models.Index(
                fields=["account", "id", "commits"],
                name="webhook_event_commits",
                condition=models.Q(commits__gt=0),
            ),
            models.Index(
                fields=["next_attempt_at"],
                name="webhook_event_due",
                condition=models.Q(status__in=["pending", "processing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.delivery_id}"
