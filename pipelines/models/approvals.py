"""What people are asked before something happens, whom, and what they said."""

from django.db import models
from django.db.models import Q

from devops.models import Lifecycle, Row
from pipelines.choices import Answer, GateKind, GateStatus, TokenStatus
from pipelines.models.runs import PipelineRun, StepExecution


class ApprovalGate(Lifecycle):
    """One question about a run: whether a step may begin, or a stranger's run may start.

    It is bound to what was asked: `plan_digest` is that of the step's evaluated configuration,
    `binding` that of the commit and the definition. What changes makes it void.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="gates")
    step_execution = models.ForeignKey(
        StepExecution, on_delete=models.CASCADE, null=True, related_name="gates"
    )
    kind = models.CharField(max_length=10, choices=GateKind.choices, default=GateKind.APPROVAL)
    status = models.CharField(max_length=10, choices=GateStatus.choices, default=GateStatus.PENDING)
    step_key = models.CharField(max_length=64, blank=True)
    step_name = models.CharField(max_length=200, blank=True)
    matrix_index = models.PositiveIntegerField(default=0)
    # Why it was asked (again), and what it ended with.
    detail = models.CharField(max_length=500, blank=True)
    required = models.PositiveSmallIntegerField(default=1)
    require_comment = models.BooleanField(default=False)
    allow_self_approval = models.BooleanField(default=False)
    # Nobody is named: whoever holds the permission may answer.
    is_open = models.BooleanField(default=False)
    recipients = models.JSONField(default=list)
    plan = models.JSONField(default=dict)
    plan_digest = models.CharField(max_length=64, blank=True)
    binding = models.CharField(max_length=64, blank=True)
    commit_sha = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=GateStatus.values), name="gate_status"),
            models.CheckConstraint(condition=Q(kind__in=GateKind.values), name="gate_kind"),
            models.UniqueConstraint(
                fields=["run", "kind", "step_key", "matrix_index"],
                condition=Q(status="pending"),
                name="gate_open_once",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="gate_account"),
            models.Index(fields=["account", "status", "-id"], name="gate_account_status"),
            models.Index(fields=["run", "step_key", "-id"], name="gate_of_step"),
            models.Index(fields=["expires_at"], name="gate_expiry", condition=Q(status="pending")),
        ]

    def __str__(self) -> str:
        return self.step_name or self.get_kind_display()

    @property
    def is_pending(self) -> bool:
        """Whether somebody may still answer."""
        return self.status == GateStatus.PENDING


class StepApprovalToken(Row):
    """One recipient of a gate's question; the token itself is only in their mail."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    gate = models.ForeignKey(ApprovalGate, on_delete=models.CASCADE, related_name="tokens")
    step_execution = models.ForeignKey(
        StepExecution, on_delete=models.CASCADE, related_name="approval_tokens"
    )
    recipient_email = models.EmailField()
    recipient_user = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    delegated_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="delegations"
    )
    token_digest = models.CharField(max_length=64, unique=True)
    status = models.CharField(
        max_length=10, choices=TokenStatus.choices, default=TokenStatus.PENDING
    )
    expires_at = models.DateTimeField()
    email_sent_at = models.DateTimeField(null=True)
    email_error = models.CharField(max_length=300, blank=True)
    response_comment = models.TextField(blank=True)
    responded_at = models.DateTimeField(null=True)
    responded_by = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=TokenStatus.values), name="approval_token_status"
            ),
            models.UniqueConstraint(fields=["gate", "recipient_email"], name="approval_token_once"),
        ]
        indexes = [
            models.Index(fields=["step_execution", "status"], name="approval_token_step"),
            models.Index(
                fields=["status", "expires_at"],
                name="approval_token_expiry",
                condition=Q(status="pending"),
            ),
            models.Index(fields=["recipient_user", "status"], name="approval_token_person"),
        ]

    def __str__(self) -> str:
        return self.recipient_email


class ApprovalVote(Row):
    """What one person said to a gate; nobody speaks twice."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    gate = models.ForeignKey(ApprovalGate, on_delete=models.CASCADE, related_name="votes")
    # The person's identifier, or the address of somebody who is no member.
    voter = models.CharField(max_length=254)
    user = models.ForeignKey("devops.User", on_delete=models.SET_NULL, null=True, related_name="+")
    label = models.CharField(max_length=200)
    answer = models.CharField(max_length=8, choices=Answer.choices)
    decision = models.CharField(max_length=16, blank=True)
    comment = models.TextField(blank=True)
    # How it was said: `user` on a page, `token` by an API token, `link` from a mail.
    via = models.CharField(max_length=12)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["gate", "voter"], name="vote_once"),
            models.CheckConstraint(condition=Q(answer__in=Answer.values), name="vote_answer"),
        ]

    def __str__(self) -> str:
        return f"{self.label}: {self.answer}"
