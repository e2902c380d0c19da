"""The hosts' repositories as we know them, and the work of fetching many."""

from django.conf import settings
from django.db import models

from devops.models import Lifecycle, Row
from gitintegration.choices import BranchFilterType, RepositoryOrigin, SyncKind, SyncStatus
from gitintegration.models.providers import GitProviderCredential


class GitRepository(Row):
    """The mirror of one repository: what its host says of it, and how we are hooked to it."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    credential = models.ForeignKey(
        GitProviderCredential, on_delete=models.CASCADE, null=True, related_name="repositories"
    )
    provider = models.ForeignKey(
        "devops.Provider", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # What pipelines attach to; it stays when the mirror goes.
    repository = models.OneToOneField(
        "devops.Repository", on_delete=models.SET_NULL, null=True, related_name="mirror"
    )
    origin = models.CharField(
        max_length=8, choices=RepositoryOrigin.choices, default=RepositoryOrigin.GIT
    )
    external_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    full_name = models.CharField(max_length=500)
    owner = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    default_branch = models.CharField(max_length=255, default="main")
    clone_url = models.CharField(max_length=500, blank=True)
    ssh_url = models.CharField(max_length=500, blank=True)
    web_url = models.CharField(max_length=500, blank=True)
    is_private = models.BooleanField(default=False)
    is_fork = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    # Set when the host answers 404 for it: deleted there, or out of the credential's sight.
    gone_at = models.DateTimeField(null=True)
    stars_count = models.PositiveIntegerField(default=0)
    forks_count = models.PositiveIntegerField(default=0)
    open_issues_count = models.PositiveIntegerField(default=0)
    open_prs_count = models.PositiveIntegerField(default=0)
    languages = models.JSONField(default=dict)
    topics = models.JSONField(default=list)
    has_issues = models.BooleanField(default=True)
    has_pull_requests = models.BooleanField(default=True)
    has_wiki = models.BooleanField(default=False)
    webhook_configured = models.BooleanField(default=False)
    webhook_id = models.CharField(max_length=255, blank=True)
    webhook_checked_at = models.DateTimeField(null=True)
    webhook_problem = models.CharField(max_length=500, blank=True)
    branch_filter = models.CharField(max_length=500, blank=True)
    branch_filter_type = models.CharField(
        max_length=10, choices=BranchFilterType.choices, default=BranchFilterType.NONE
    )
    sync_settings = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    sync_error = models.CharField(max_length=1000, blank=True)
    last_synced_at = models.DateTimeField(null=True)
    last_commit_at = models.DateTimeField(null=True)
    provider_created_at = models.DateTimeField(null=True)
    provider_updated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["full_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "full_name"], name="git_repository_name_once"
            ),
            models.UniqueConstraint(
                fields=["credential", "external_id"], name="git_repository_external_once"
            ),
            models.CheckConstraint(
                condition=models.Q(branch_filter_type="none") | ~models.Q(branch_filter=""),
                name="git_repository_filter",
            ),
            models.CheckConstraint(
                condition=models.Q(origin="git", credential__isnull=False)
                | models.Q(origin="devops"),
                name="git_repository_origin",
            ),
        ]
        indexes = [models.Index(fields=["account", "-id"], name="git_repository_account")]

    def __str__(self) -> str:
        return self.full_name


class GitSync(Lifecycle):
    """An import or a synchronisation of many repositories, with its progress."""

    account = models.ForeignKey("devops.Account", on_delete=models.CASCADE, related_name="+")
    credential = models.ForeignKey(
        GitProviderCredential, on_delete=models.CASCADE, related_name="syncs"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=SyncKind.choices)
    status = models.CharField(max_length=10, choices=SyncStatus.choices, default=SyncStatus.PENDING)
    external_ids = models.JSONField(default=list)
    include_forks = models.BooleanField(default=False)
    include_archived = models.BooleanField(default=False)
    # Where to go on after a death: how many ids are done, or the host's next page.
    position = models.CharField(max_length=500, blank=True)
    total = models.PositiveIntegerField(null=True)
    done_count = models.PositiveIntegerField(default=0)
    imported_count = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    # At most 1,000 of {external_id, error}.
    errors = models.JSONField(default=list)
    error_message = models.CharField(max_length=1000, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=SyncStatus.values), name="git_sync_status"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="git_sync_due",
                condition=models.Q(status__in=["pending", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.credential_id}"
