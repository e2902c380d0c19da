"""Plain constants of the git integration."""

from collections.abc import Mapping

from django.db.models import TextChoices


class Dialect(TextChoices):
    """How a sender of webhooks signs and words its deliveries."""

    GIT = "git"
    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"


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


class ProviderType(TextChoices):
    """The kinds of git hosts that have an API."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"


class AuthType(TextChoices):
    """How a credential proves who we are."""

    OAUTH = "oauth"
    PERSONAL_ACCESS_TOKEN = "personal_access_token"  # noqa: S105  (a kind, not a token)
    GITHUB_APP = "github_app"
    SSH_KEY = "ssh_key"


class RepositoryOrigin(TextChoices):
    """How a repository came to us."""

    GIT = "git"
    DEVOPS = "devops"


class BranchFilterType(TextChoices):
    """How a branch filter's pattern is read."""

    NONE = "none"
    EXACT = "exact"
    WILDCARD = "wildcard"
    REGEX = "regex"


class SyncKind(TextChoices):
    """What a fetch of many repositories is for."""

    IMPORT = "import"
    SYNC = "sync"


class SyncStatus(TextChoices):
    """How far a fetch of many repositories came."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class CiStatus(TextChoices):
    """Where a run or job of the host's own CI stands."""

    QUEUED = "queued"
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


CI_ACTIVE = frozenset({CiStatus.QUEUED, CiStatus.PENDING, CiStatus.IN_PROGRESS})


class ApprovalStatus(TextChoices):
    """What was said to an approval."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class RunnerStatus(TextChoices):
    """Whether a runner can take a job."""

    ONLINE = "online"
    OFFLINE = "offline"
    BUSY = "busy"


class RunnerScope(TextChoices):
    """Whose jobs a runner takes; enterprise means the whole instance."""

    REPOSITORY = "repository"
    ORGANIZATION = "organization"
    ENTERPRISE = "enterprise"


class DispatchStatus(TextChoices):
    """How far a dispatched workflow came."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class RetryBackoff(TextChoices):
    """How the pauses between tries grow."""

    LINEAR = "linear"
    EXPONENTIAL = "exponential"


class TriggerStatus(TextChoices):
    """Whether a workflow trigger fires."""

    ACTIVE = "active"
    PAUSED = "paused"
    DISABLED = "disabled"
    ERROR = "error"


class HostWriteKind(TextChoices):
    """What is said to a host."""

    STATUS = "status"
    COMMENT = "comment"
    APPROVAL = "approval"


class HostWriteStatus(TextChoices):
    """Whether the host has it."""

    PENDING = "pending"
    SENT = "sent"
    SUPERSEDED = "superseded"
    FAILED = "failed"


# Names of events that are stored and told on, in our words.
EVENT_TYPES = (
    "push", "pull_request", "pull_request_review", "pull_request_review_comment", "issue",
    "issue_comment", "create", "delete", "fork", "release", "workflow_run", "workflow_job",
    "deployment", "deployment_status", "check_run", "check_suite", "status", "ping",
)  # fmt: skip
# Those that receivers may ask for, by subject.
EVENT_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Git": ("push", "create", "delete", "fork"),
    "Issues & PRs": (
        "pull_request", "pull_request_review", "pull_request_review_comment", "issue",
        "issue_comment",
    ),
    "Repository": ("release",),
    "CI/CD": ("workflow_run", "workflow_job", "deployment", "deployment_status"),
    "Checks & Status": ("check_run", "check_suite", "status"),
    "Other": ("ping",),
}  # fmt: skip
# A credential that failed so often in a row is switched off.
MAX_CONSECUTIVE_FAILURES = 5
# A failed delivery may be processed again by hand so often.
MAX_MANUAL_RETRIES = 3
