"""Where code comes from: the account's connections and the repositories pipelines attach to."""

from django.db import models

from devops.models.base import Row
from devops.models.people import Account, User


class Provider(Row):
    """The account's connection to a place that holds code."""

    class Kind(models.TextChoices):
        GITHUB = "github"
        GITLAB = "gitlab"
        GITEA = "gitea"
        BITBUCKET = "bitbucket"
        JENKINS = "jenkins"
        GIT = "git"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    provider_type = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=500, blank=True)
    api_version = models.CharField(max_length=20, default="v1")
    configuration = models.JSONField(default=dict, blank=True)
    capabilities = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    health_status = models.CharField(max_length=20, blank=True)
    last_health_check_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="provider_name_once"),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(is_default=True),
                name="provider_default_once",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    provider_type__in=["github", "gitlab", "gitea", "bitbucket", "jenkins", "git"]
                ),
                name="provider_type",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Repository(Row):
    """A git repository that pipelines attach to, by its clone URL."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(
        Provider, on_delete=models.RESTRICT, null=True, blank=True, related_name="repositories"
    )
    name = models.CharField(max_length=255)
    full_name = models.CharField(max_length=500)
    clone_url = models.CharField(max_length=500)
    web_url = models.CharField(max_length=500, blank=True)
    default_branch = models.CharField(max_length=255, default="main")
    external_id = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    settings = models.JSONField(default=dict, blank=True)
    last_synced_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["full_name"]
        constraints = [
            models.UniqueConstraint(fields=["account", "full_name"], name="repository_name_once"),
        ]

    def __str__(self) -> str:
        return self.full_name
