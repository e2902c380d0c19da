"""What other apps may use of the git integration."""

from gitintegration.approval_words import approval_row
from gitintegration.choices import Dialect
from gitintegration.ci_words import STATUS_FILTERS as CI_STATUS_FILTERS
from gitintegration.ci_words import CiLine, ci_line
from gitintegration.clients.errors import HostError
from gitintegration.clients.git.auth import NOBODY
from gitintegration.clients.git.differences import apply_patch
from gitintegration.clients.git.program import (
    GitFailedError,
    GitRefusedError,
    check_ref,
    is_local,
)
from gitintegration.clients.git.publish import Change
from gitintegration.clients.git.repository import (
    CheckoutResult,
    changed_paths,
    checkout,
    commits_between,
    head_of_local,
    list_heads,
    read_files,
)
from gitintegration.clients.protocol import Commit
from gitintegration.clients.shapes import CommitStatus, NewPullRequest, StatusState
from gitintegration.figures import (
    READ_EVENTS,
    Week,
    address_count,
    commits_by_week,
    credential_figures,
    deliveries_today,
    host_figures,
    latest_deliveries,
    receiver_figures,
    runner_figures,
    sent_today,
)
from gitintegration.operations.account_webhooks import MANAGE as MANAGE_RECEIVERS
from gitintegration.operations.ci import CANCEL as CANCEL_CI
from gitintegration.operations.ci import TRIGGER as TRIGGER_CI
from gitintegration.operations.collaboration import (
    difference_of,
    ensure_branch,
    ensure_comment,
    ensure_pull_request,
    publish_changes,
)
from gitintegration.operations.endpoints import (
    configure_webhook,
    hook_script,
    remove_webhook,
    reveal_endpoint,
)
from gitintegration.operations.fake_hosts import FAKE_HOSTS, serving_fake_host
from gitintegration.operations.git_access import git_auth, try_git_auth
from gitintegration.operations.host_writes import COMMENT_MARK, want_comment, want_status
from gitintegration.operations.processing import (
    note_result,
    process_delivery,
    read_delivery,
    sweep_deliveries,
)
from gitintegration.operations.repositories import (
    create_repository,
    delete_repository,
    sync_repository,
    update_repository,
)
from gitintegration.operations.runners import MANAGE as MANAGE_RUNNERS
from gitintegration.operations.runners import TOKEN as RUNNER_TOKEN
from gitintegration.operations.workflows import (
    find_host_run,
    start_host_workflow,
    stop_host_run,
)
from gitintegration.runner_words import runner_row
from gitintegration.selectors import (
    CREDENTIALS as READ_CREDENTIALS,
)
from gitintegration.selectors import (
    PROVIDERS as READ_HOSTS,
)
from gitintegration.selectors import (
    endpoints,
    git_pipelines,
    pending_approvals,
    runner_credentials,
    runners,
    triggerable_repositories,
    webhook_events,
)
from gitintegration.statistics import ci_stats, runner_stats

__all__ = [
    "CANCEL_CI",
    "CI_STATUS_FILTERS",
    "COMMENT_MARK",
    "FAKE_HOSTS",
    "MANAGE_RECEIVERS",
    "MANAGE_RUNNERS",
    "NOBODY",
    "READ_CREDENTIALS",
    "READ_EVENTS",
    "READ_HOSTS",
    "RUNNER_TOKEN",
    "TRIGGER_CI",
    "Change",
    "CheckoutResult",
    "CiLine",
    "Commit",
    "CommitStatus",
    "Dialect",
    "GitFailedError",
    "GitRefusedError",
    "HostError",
    "NewPullRequest",
    "StatusState",
    "Week",
    "address_count",
    "apply_patch",
    "approval_row",
    "changed_paths",
    "check_ref",
    "checkout",
    "ci_line",
    "ci_stats",
    "commits_between",
    "commits_by_week",
    "configure_webhook",
    "create_repository",
    "credential_figures",
    "delete_repository",
    "deliveries_today",
    "difference_of",
    "endpoints",
    "ensure_branch",
    "ensure_comment",
    "ensure_pull_request",
    "find_host_run",
    "git_auth",
    "git_pipelines",
    "head_of_local",
    "hook_script",
    "host_figures",
    "is_local",
    "latest_deliveries",
    "list_heads",
    "note_result",
    "pending_approvals",
    "process_delivery",
    "publish_changes",
    "read_delivery",
    "read_files",
    "receiver_figures",
    "remove_webhook",
    "reveal_endpoint",
    "runner_credentials",
    "runner_figures",
    "runner_row",
    "runner_stats",
    "runners",
    "sent_today",
    "serving_fake_host",
    "start_host_workflow",
    "stop_host_run",
    "sweep_deliveries",
    "sync_repository",
    "triggerable_repositories",
    "try_git_auth",
    "update_repository",
    "want_comment",
    "want_status",
    "webhook_events",
]
