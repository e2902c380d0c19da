"""What models guessed about failed runs."""

from django.db import models
from django.db.models import Q

from devops.models import Row
from pipelines.models.runs import PipelineRun, StepExecution


class FailureHint(Row):
    """One question to a model about a failed run, and its checked answer.

    It is open until `ended_at`; whoever asks claims it until `claimed_until`. Without an answer
    `error_message` says why.
    """

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="hints")
    number = models.PositiveSmallIntegerField(default=1)
    step_execution = models.ForeignKey(
        StepExecution, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    asked_by = models.CharField(max_length=200)
    claimed_until = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    hypothesis = models.TextField(blank=True)
    confidence = models.CharField(max_length=6, blank=True)
    # [{number, quote}], each found in the lines that were sent.
    citations = models.JSONField(default=list)
    dropped_citations = models.PositiveSmallIntegerField(default=0)
    next_steps = models.JSONField(default=list)
    reason = models.CharField(max_length=30, blank=True)
    error_message = models.TextField(blank=True)
    model = models.CharField(max_length=100, blank=True)
    cost_micro_usd = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="hint_number_once"),
            models.UniqueConstraint(
                fields=["run"], condition=Q(ended_at=None), name="hint_open_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["claimed_until"], condition=Q(ended_at=None), name="hint_to_be_asked"
            )
        ]

    def __str__(self) -> str:
        return f"hint {self.number} for {self.run_id}"

    @property
    def is_open(self) -> bool:
        """Whether its answer is still to come."""
        return self.ended_at is None

    @property
    def cost_usd(self) -> float:
        """What it cost, in dollars."""
        return self.cost_micro_usd / 1_000_000
