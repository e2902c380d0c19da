"""Blueprints of pipelines that can be installed."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from devops.models import Row
from pipelines.choices import (
    RUN_TIMEOUT_DEFAULT,
    Difficulty,
    MarketplaceStatus,
    TemplateCategory,
    TemplateStatus,
)
from pipelines.models.definitions import Pipeline


class PipelineTemplate(Row):
    """A publishable blueprint: a definition, and the variables that an installation fills in.

    Built-in ones belong to no account.
    """

    account = models.ForeignKey(
        "devops.Account", on_delete=models.CASCADE, null=True, related_name="+"
    )
    created_by = models.ForeignKey(
        "devops.User", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    source_pipeline = models.ForeignKey(
        Pipeline, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    category = models.CharField(
        max_length=12, choices=TemplateCategory.choices, default=TemplateCategory.CUSTOM
    )
    difficulty_level = models.CharField(
        max_length=12, choices=Difficulty.choices, default=Difficulty.INTERMEDIATE
    )
    status = models.CharField(
        max_length=10, choices=TemplateStatus.choices, default=TemplateStatus.DRAFT
    )
    version = models.CharField(max_length=40, default="1.0.0")
    changelog = models.TextField(blank=True)
    timeout_minutes = models.FloatField(default=RUN_TIMEOUT_DEFAULT)
    pipeline_definition = models.JSONField(default=dict)
    default_variables = models.JSONField(default=dict)
    triggers = models.JSONField(default=dict)
    tags = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    icon_url = models.URLField(max_length=500, blank=True)
    rating = models.DecimalField(max_digits=3, decimal_places=2, default=0)
    rating_count = models.PositiveIntegerField(default=0)
    usage_count = models.PositiveIntegerField(default=0)
    install_count = models.PositiveIntegerField(default=0)
    is_public = models.BooleanField(default=False)
    is_featured = models.BooleanField(default=False)
    is_system = models.BooleanField(default=False)
    is_marketplace_published = models.BooleanField(default=False)
    marketplace_status = models.CharField(
        max_length=10, choices=MarketplaceStatus.choices, default=MarketplaceStatus.DRAFT
    )
    marketplace_submitted_at = models.DateTimeField(null=True)
    marketplace_approved_at = models.DateTimeField(null=True)
    marketplace_rejection_reason = models.TextField(blank=True)
    published_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(is_featured=False) | Q(is_public=True), name="template_featured_public"
            ),
            models.CheckConstraint(
                condition=Q(rating__gte=0, rating__lte=5), name="template_rating"
            ),
            models.CheckConstraint(
                condition=Q(status__in=TemplateStatus.values), name="template_status"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="template_account"),
            models.Index(fields=["is_public", "status"], name="template_public"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url(self) -> str:
        """The template's page."""
        return f"/marketplace/{self.slug}"


class TemplateRating(Row):
    """What one member thinks of a template."""

    template = models.ForeignKey(PipelineTemplate, on_delete=models.CASCADE, related_name="ratings")
    user = models.ForeignKey("devops.User", on_delete=models.CASCADE, related_name="+")
    rating = models.DecimalField(
        max_digits=3, decimal_places=2, validators=[MinValueValidator(0), MaxValueValidator(5)]
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "user"], name="template_rated_once")
        ]

    def __str__(self) -> str:
        return f"{self.rating} for {self.template_id}"


class PipelineTemplateVersion(Row):
    """What a template was under one version; never changed after it was published."""

    template = models.ForeignKey(
        PipelineTemplate, on_delete=models.CASCADE, related_name="versions"
    )
    version = models.CharField(max_length=40)
    pipeline_definition = models.JSONField()
    default_variables = models.JSONField(default=dict)
    changelog = models.TextField(blank=True)
    published_at = models.DateTimeField()
    # When an operator let other accounts see it.
    approved_at = models.DateTimeField(null=True)

    class Meta:
        # Versions only grow, so the newest is the highest.
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["template", "version"], name="template_version_once")
        ]

    def __str__(self) -> str:
        return self.version


class TemplateInstallation(Row):
    """Which version of which template a pipeline was made of, and with what values.

    `definition` is what the template made then; what the pipeline says now may differ.
    """

    pipeline = models.OneToOneField(Pipeline, on_delete=models.CASCADE, related_name="installation")
    template = models.ForeignKey(
        PipelineTemplate, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    template_name = models.CharField(max_length=200)
    version = models.CharField(max_length=40)
    variables = models.JSONField(default=dict)
    definition = models.JSONField()

    def __str__(self) -> str:
        return f"{self.template_name} {self.version}"
