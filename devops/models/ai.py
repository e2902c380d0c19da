"""Language models: how to reach one, what was spent on it, and the texts it is asked with."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from devops.models.base import Row
from devops.models.people import Account, User


class AiConfig(Row):
    """How the account reaches a language model, and how much that may cost."""

    EDITED = (
        "name", "description", "config_type", "provider", "model", "base_url", "status",
        "is_active", "is_default", "max_tokens", "temperature", "top_p", "frequency_penalty",
        "presence_penalty", "timeout_seconds", "system_prompt", "settings", "rate_limits",
        "metadata", "monthly_budget_usd",
    )  # fmt: skip

    class Kind(models.TextChoices):
        CHAT = "chat"
        COMPLETION = "completion"
        EMBEDDING = "embedding"
        CODE_REVIEW = "code_review"
        CODE_GENERATION = "code_generation"
        CUSTOM = "custom"

    class Status(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"
        ARCHIVED = "archived"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=255)
    description = models.CharField(max_length=2000, blank=True)
    config_type = models.CharField(max_length=16, choices=Kind.choices, default=Kind.CHAT)
    provider = models.CharField(max_length=50, default="anthropic")
    model = models.CharField(max_length=100)
    base_url = models.CharField(max_length=500, blank=True)
    encrypted_api_key = models.TextField(blank=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ACTIVE)
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    max_tokens = models.PositiveIntegerField(default=4096)
    temperature = models.FloatField(default=0.7)
    top_p = models.FloatField(default=1.0)
    frequency_penalty = models.FloatField(default=0)
    presence_penalty = models.FloatField(default=0)
    timeout_seconds = models.PositiveIntegerField(default=30)
    system_prompt = models.JSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True)
    rate_limits = models.JSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    monthly_budget_usd = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(20))
    total_requests = models.PositiveBigIntegerField(default=0)
    total_tokens = models.PositiveBigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)
    last_test_at = models.DateTimeField(null=True)
    last_test_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="ai_config_name_once"),
            models.UniqueConstraint(
                fields=["account", "config_type"],
                condition=Q(is_default=True),
                name="ai_config_default_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    config_type__in=[
                        "chat", "completion", "embedding", "code_review", "code_generation",
                        "custom",
                    ]
                ),
                name="ai_config_type",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "inactive", "archived"]), name="ai_config_status"
            ),
            models.CheckConstraint(
                condition=Q(monthly_budget_usd__gte=0), name="ai_config_budget"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def has_key(self) -> bool:
        """Whether a key was entered."""
        return bool(self.encrypted_api_key)

    @property
    def is_usable(self) -> bool:
        """Whether steps may use it."""
        return self.is_active and self.status == self.Status.ACTIVE

    @property
    def average_tokens(self) -> float | None:
        """Tokens for each request, or None before the first."""
        if not self.total_requests:
            return None
        return round(self.total_tokens / self.total_requests, 2)


class AiCall(Row):
    """One request to a model: reserved before it is sent, settled by what it cost.

    Amounts are millionths of a dollar. A call whose worker died stays reserved: nobody knows
    whether it was paid, so it counts in full.
    """

    class State(models.TextChoices):
        RESERVED = "reserved"
        SETTLED = "settled"
        RELEASED = "released"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    config = models.ForeignKey(AiConfig, on_delete=models.CASCADE, related_name="calls")
    purpose = models.CharField(max_length=120)
    model = models.CharField(max_length=100)
    month = models.DateField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RESERVED)
    micro_usd = models.PositiveBigIntegerField()
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    # What was asked, as a digest, and the answer while its step goes on: after a worker's death
    # the same question is answered from here and not paid again.
    digest = models.CharField(max_length=64, blank=True)
    reply = models.JSONField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["reserved", "settled", "released"]), name="ai_call_state"
            ),
        ]
        indexes = [
            models.Index(fields=["config", "month"], name="ai_call_month"),
            models.Index(fields=["account", "purpose"], name="ai_call_purpose"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose}: {self.micro_usd} µ$"


class PromptTemplate(Row):
    """A text that a model is asked with; versions of one text share the slug."""

    EDITED = (
        "name", "description", "category", "domain", "content", "variables", "is_active", "metadata"
    )  # fmt: skip

    class Category(models.TextChoices):
        REVIEW = "review"
        IMPLEMENT = "implement"
        SECURITY = "security"
        DEPLOY = "deploy"
        DOCS = "docs"
        CUSTOM = "custom"
        GENERAL = "general"
        AGENT = "agent"
        WORKFLOW = "workflow"

    class Domain(models.TextChoices):
        AI_WORKFLOW = "ai_workflow"
        CICD = "cicd"
        GENERAL = "general"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=80)
    description = models.CharField(max_length=2000, blank=True)
    category = models.CharField(max_length=10, choices=Category.choices, default=Category.CUSTOM)
    domain = models.CharField(max_length=12, choices=Domain.choices, default=Domain.CICD)
    content = models.TextField()
    variables = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    parent_template = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="later_versions"
    )
    is_active = models.BooleanField(default=True)
    is_system = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "slug", "version"], name="prompt_version_once"
            ),
            models.UniqueConstraint(
                fields=["account", "slug"], condition=Q(is_active=True), name="prompt_active_once"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="prompt_version"),
            models.CheckConstraint(
                condition=Q(
                    category__in=[
                        "review", "implement", "security", "deploy", "docs", "custom", "general",
                        "agent", "workflow",
                    ]
                ),
                name="prompt_category",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name
