"""The words of a pipeline document: types, triggers, contexts, features."""

from collections.abc import Mapping

PIPELINE_TYPES = ("review", "implement", "security", "deploy", "custom")
ACTION_TRIGGERS = ("pull_request", "issue", "issue_comment", "release")
TRIGGERS = (*ACTION_TRIGGERS, "push", "schedule", "manual", "workflow_dispatch", "webhook")
INPUT_TYPES = ("string", "choice", "number", "boolean")
POLICIES = ("queue", "replace", "cancel_running", "reject")
MISSED = ("latest", "skip", "all")
OVERLAPS = ("queue", "skip", "cancel_running")
MOST_JITTER_SECONDS = 3600
FEATURES = (
    "commit_status",
    "pr_comment_summary",
    "test_report",
    "ai_failure_hint",
    "auto_cancel_superseded",
)
# A step's `image` that takes it out of the pipeline's: it runs on the worker.
NO_IMAGE = "none"
MOST_SERVICES = 20
LONGEST_SERVICE_WAIT = 600

# They ask a language model; what it reaches holds no secret.
AI_STEP_TYPES = ("claude_execute", "ai_workflow")
MOST_STEPS = 500
# Of all steps together, each combination of a matrix counted.
MOST_EXECUTIONS = 1000
MOST_ATTEMPTS = 10
LONGEST_DELAY_SECONDS = 86_400
LONGEST_CACHE_KEY = 512
BACKOFFS = ("fixed", "exponential")
RETRY_CAUSES = ("worker_lost", "timed_out")
# Of an approval: hours, approvals, recipients.
LONGEST_GATE_HOURS = 168
MOST_APPROVALS = 20
MOST_RECIPIENTS = 50
APPROVER_ROLES = ("developer", "admin", "owner")
MOST_PROBLEMS = 100
LONGEST_RUN_MINUTES = 360
SHORTEST_MINUTES = 0.05
DEFAULT_RUN_MINUTES = 60
DEFAULT_TYPE = "custom"
UNLIMITED = "unlimited"

KEY_PATTERN = "^[a-z_][a-z0-9_-]{0,63}$"
SLUG_PATTERN = "^[a-z0-9_-]{1,64}$"
NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_-]{0,127}$"
# An address, `user:<id>` or `role:<role>`.
RECIPIENT_PATTERN = (
    r"^(user:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|role:(developer|admin|owner)|[^@\s:,;<>]{1,64}@[A-Za-z0-9.-]{1,180})$"
)
# How a stored recipient says which of them it is.
RECIPIENT_KINDS = ("email", "user_id", "role")
RESERVED_KEY = "previous"
OUTPUT_PATTERN = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
OUTPUT_TYPES = ("string", "number", "boolean", "object", "array")

# Members by context, lower case; None: any member, and whatever lies below it.
CONTEXTS: Mapping[str, Mapping[str, frozenset[str] | None]] = {
    "trigger": {
        **dict.fromkeys(("type", "action", "branch", "tag", "ref", "sha"), frozenset()),
        **dict.fromkeys(("base_branch", "actor"), frozenset()),
        "commit": frozenset({"title", "author"}),
        "pull_request": frozenset({"number", "title"}),
        "issue": frozenset({"number"}),
        "comment": frozenset({"body"}),
        "schedule": frozenset({"id", "name", "scheduled_at"}),
        "changed_paths": None,
        "body": None,
    },
    "repository": dict.fromkeys(("full_name", "default_branch", "clone_url"), frozenset()),
    "run": dict.fromkeys(("id", "number", "attempt", "url"), frozenset()),
    "pipeline": dict.fromkeys(("name", "slug"), frozenset()),
    "worker": {"name": frozenset(), "labels": None},
}
STEP_MEMBERS = ("status", "outputs", "attempt")
TRUSTED_CONTEXTS = frozenset({"run", "pipeline", "repository", "worker"})
TRUSTED_TRIGGER_MEMBERS = frozenset({"type", "sha"})
TRUSTED_INPUT_TYPES = frozenset({"choice", "number", "boolean"})
