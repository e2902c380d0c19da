"""Plain constants of pipelines: statuses, trigger types, limits."""

from datetime import timedelta

from django.db.models import TextChoices


class PipelineType(TextChoices):
    """What a pipeline is for."""

    REVIEW = "review"
    IMPLEMENT = "implement"
    SECURITY = "security"
    DEPLOY = "deploy"
    CUSTOM = "custom"


class TemplateCategory(TextChoices):
    """What a template is for."""

    REVIEW = "review"
    IMPLEMENT = "implement"
    SECURITY = "security"
    DEPLOY = "deploy"
    DOCS = "docs"
    CUSTOM = "custom"


class Difficulty(TextChoices):
    """How much a template asks of whoever installs it."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"
    EXPERT = "expert"


class TemplateStatus(TextChoices):
    """Where a template is in its life."""

    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class MarketplaceStatus(TextChoices):
    """Whether an operator lets other accounts see a template."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class RunStatus(TextChoices):
    """Where a run is in its life."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"


class StepStatus(TextChoices):
    """Where one attempt at a step is in its life."""

    PENDING = "pending"
    WAITING_APPROVAL = "waiting_approval"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TriggerType(TextChoices):
    """What started a run."""

    MANUAL = "manual"
    PULL_REQUEST = "pull_request"
    ISSUE = "issue"
    ISSUE_COMMENT = "issue_comment"
    PUSH = "push"
    RELEASE = "release"
    SCHEDULE = "schedule"
    WEBHOOK = "webhook"
    WORKFLOW_DISPATCH = "workflow_dispatch"
    RETRY = "retry"


class WaitingFor(TextChoices):
    """Why a run does not move; the sentence beside it names the thing."""

    NOTHING = ""
    WORKER = "worker"
    SLOT = "slot"
    QUOTA = "quota"
    APPROVAL = "approval"
    TRUST = "trust"
    DECISION = "decision"
    EXTERNAL = "external"
    CONTACT = "contact"


class Trust(TextChoices):
    """Whether the person behind the trigger may spend the account's secrets."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


# People are asked: meanwhile the run's own time stands still.
PEOPLE = frozenset({WaitingFor.APPROVAL, WaitingFor.TRUST, WaitingFor.DECISION})


class Phase(TextChoices):
    """Which part of the run a step belongs to."""

    MAIN = "main"
    FINALLY = "finally"


class GateKind(TextChoices):
    """What a person is asked: to let a step begin, a stranger's run start, or what became of it."""

    APPROVAL = "approval"
    TRUST = "trust"
    DECISION = "decision"


class GateStatus(TextChoices):
    """Where a question to people is; `void`: what it asked about changed, and it is asked anew."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    VOID = "void"


class TokenStatus(TextChoices):
    """What became of the link in a mail; `void` ones were never used and cannot be any more."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"


class Answer(TextChoices):
    """What somebody said to a question."""

    APPROVE = "approve"
    REJECT = "reject"


class Missed(TextChoices):
    """What becomes of times that passed while nothing could fire them."""

    LATEST = "latest"
    SKIP = "skip"
    ALL = "all"


class Overlap(TextChoices):
    """What a schedule does while a run that it started before goes on."""

    QUEUE = "queue"
    SKIP = "skip"
    CANCEL_RUNNING = "cancel_running"


class FireOutcome(TextChoices):
    """What came of one time of a schedule."""

    STARTED = "started"
    SKIPPED = "skipped"
    MISSED = "missed"
    REFUSED = "refused"


class WorkerStatus(TextChoices):
    """What we know of a worker process."""

    ONLINE = "online"
    DRAINING = "draining"
    OFFLINE = "offline"


RUN_TERMINAL = frozenset({RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELLED})


class BadgeState(TextChoices):
    """What a badge says of a pipeline."""

    PASSING = "passing"
    FAILING = "failing"
    CANCELLED = "cancelled"
    RUNNING = "running"
    NO_RUNS = "no runs"


# Ends of runs that say nothing about the commit.
OUR_FAULT = frozenset({"worker_lost", "system"})
RUN_LIVE = frozenset({RunStatus.PENDING, RunStatus.QUEUED, RunStatus.RUNNING})
STEP_TERMINAL = frozenset(
    {
        StepStatus.SUCCESS,
        StepStatus.FAILURE,
        StepStatus.SKIPPED,
        StepStatus.CANCELLED,
    }
)

# Minutes.
RUN_TIMEOUT_MAX = 360
RUN_TIMEOUT_DEFAULT = 60
TIMEOUT_MIN = 0.05
# The reason of a run whose time is over, and what its steps that run in any case get then.
TIMED_OUT = "timed_out"
CLEANUP_TIME = timedelta(minutes=10)
# A step whose worker died this often ends the run.
WORKER_LOSSES_MAX = 3
# Seconds by which a schedule may spread its times.
JITTER_MAX_SECONDS = 3600
# Hours in which a gate can be answered.
GATE_HOURS_DEFAULT = 24
GATE_HOURS_MAX = 168
GATE_APPROVALS_MAX = 20
COMMENT_MAX = 2000
# Bytes: of all outputs of a step together, and of its Markdown summary.
OUTPUTS_MAX_BYTES = 1024 * 1024
SUMMARY_MAX_BYTES = 1024 * 1024
