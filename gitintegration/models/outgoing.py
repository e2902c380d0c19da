"""What goes out: events to receivers of the account, and statuses and comments to the hosts."""

from django.conf import settings
from django.db import models

from devops.models import Row
from gitintegration.choices import (
    BranchFilterType,
    HostWriteKind,
    HostWriteStatus,
    RetryBackoff,
    TriggerStatus,
)


class AccountGitWebhookConfig(Row):
    """A receiver of the account's git events."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=500, blank=True)
    is_active = models.BooleanField(default=True)
    # Why it was switched off by itself; empty when a person did it.
    disabled_reason = models.CharField(max_length=500, blank=True)
    event_types = models.JSONField(default=list)
    branch_filter = models.CharField(max_length=500, blank=True)
    branch_filter_type = models.CharField(
        max_length=10, choices=BranchFilterType.choices, default=BranchFilterType.NONE
    )
    content_type = models.CharField(max_length=40, default="application/json")
    custom_headers = models.JSONField(default=dict)
    timeout_seconds = models.PositiveSmallIntegerField(default=30)
    retry_limit = models.PositiveSmallIntegerField(default=3)
    retry_backoff = models.CharField(
        max_length=11, choices=RetryBackoff.choices, default=RetryBackoff.EXPONENTIAL
    )
    encrypted_secret_key = models.TextField()
    encrypted_signature_secret = models.TextField()
    # Signs beside the new one until then, so that a receiver can change over in peace.
    encrypted_previous_secret = models.TextField(blank=True)
    previous_secret_until = models.DateTimeField(null=True)
    success_count = models.PositiveBigIntegerField(default=0)
    failure_count = models.PositiveBigIntegerField(default=0)
    consecutive_failures = models.PositiveIntegerField(default=0)
    last_delivery_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(branch_filter_type="none") | ~models.Q(branch_filter=""),
                name="account_webhook_filter",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GitWorkflowTrigger(Row):
    """A rule that calls an automation when something happens in a repository."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    repository = models.ForeignKey(
        "gitintegration.GitRepository", on_delete=models.CASCADE, null=True, related_name="+"
    )
    name = models.CharField(max_length=255)
    # {kind: a2a | webhook, url, credential_ref}
    target = models.JSONField(default=dict)
    event_type = models.CharField(max_length=40)
    branch_pattern = models.CharField(max_length=255, default="*")
    path_pattern = models.CharField(max_length=255, blank=True)
    event_filters = models.JSONField(default=dict)
    payload_mapping = models.JSONField(default=dict)
    is_active = models.BooleanField(default=True)
    status = models.CharField(
        max_length=8, choices=TriggerStatus.choices, default=TriggerStatus.ACTIVE
    )
    trigger_count = models.PositiveBigIntegerField(default=0)
    last_triggered_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=TriggerStatus.values), name="workflow_trigger_status"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class HostWrite(Row):
    """One thing to say to a host: written with its cause, looked up before it is repeated."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    repository = models.ForeignKey(
        "gitintegration.GitRepository", on_delete=models.CASCADE, related_name="writes"
    )
    kind = models.CharField(max_length=8, choices=HostWriteKind.choices)
    status = models.CharField(
        max_length=10, choices=HostWriteStatus.choices, default=HostWriteStatus.PENDING
    )
    key = models.CharField(max_length=200, unique=True)
    # What orders writes of one target: a later one makes an earlier one superfluous.
    target = models.CharField(max_length=300)
    payload = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    # While one is on its way, nothing newer of its target may overtake it.
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=HostWriteStatus.values), name="host_write_status"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="host_write_due",
                condition=models.Q(status="pending"),
            ),
            models.Index(fields=["repository", "target", "-id"], name="host_write_target"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"
