"""What every git host can be asked; one client class per host implements it.

Every call may raise the classes of `clients.errors`. Reading calls are repeated by themselves
where that is safe; a writing call is made once, and the caller looks before it repeats it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeVar

from gitintegration.clients import shapes as s

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HostAccess:
    """Where a host is and as whom we speak to it.

    Attributes:
        name: the provider's name as people know it, for messages.
        api_url, web_url: without a trailing slash.
        scheme: how the token is sent: `token` for personal tokens, `bearer` for OAuth, `basic`
            for a user name with a token (Bitbucket API tokens).
        partition: whose circuit breaker and cache this is; one per credential.
    """

    name: str
    api_url: str
    web_url: str
    token: str
    scheme: str = "token"
    username: str = ""
    partition: str = ""


class HostClient(Protocol):
    """One host through one credential. `repository` is a full name, `page` a `Page.next_page`."""

    access: HostAccess

    # People and limits
    def current_user(self) -> s.HostUser: ...
    def rate_limit(self) -> s.RateLimit: ...
    def permission_of(self, repository: str, username: str) -> s.Permission: ...

    # Repositories
    def list_repositories(
        self, page: str = "", per_page: int = 100
    ) -> s.Page[s.HostRepository]: ...
    def list_organization_repositories(
        self, organization: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HostRepository]: ...
    def get_repository(self, repository: str) -> s.HostRepository: ...
    def get_repository_by_id(self, repository_id: str) -> s.HostRepository: ...
    def create_repository(self, new: s.NewRepository) -> s.HostRepository: ...
    def update_repository(
        self, repository: str, changes: Mapping[str, object]
    ) -> s.HostRepository: ...
    def delete_repository(self, repository: str) -> None: ...
    def languages(self, repository: str) -> Mapping[str, int]: ...

    # Branches, tags, commits
    def list_branches(
        self, repository: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.Branch]: ...
    def get_branch(self, repository: str, name: str) -> s.Branch: ...
    def create_branch(self, repository: str, name: str, sha: str) -> s.Branch: ...
    def delete_branch(self, repository: str, name: str) -> None: ...
    def list_tags(self, repository: str, page: str = "", per_page: int = 100) -> s.Page[s.Tag]: ...
    def get_tag(self, repository: str, name: str) -> s.Tag:
        """One tag; what an annotated one says is told too."""

    def list_commits(
        self,
        repository: str,
        *,
        ref: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        page: str = "",
        per_page: int = 100,
    ) -> s.Page[s.HostCommit]: ...
    def get_commit(self, repository: str, sha: str) -> s.HostCommit: ...
    def get_commit_diff(self, repository: str, sha: str) -> s.Diff: ...
    def get_commit_patch(self, repository: str, sha: str) -> str: ...
    def compare(self, repository: str, base: str, head: str) -> s.Comparison: ...

    # Files
    def get_contents(
        self, repository: str, path: str, ref: str = ""
    ) -> s.FileContent | s.FolderContent: ...
    def get_tree(self, repository: str, ref: str, *, recursive: bool = False) -> s.Tree: ...
    def write_file(
        self, repository: str, path: str, content: bytes, *, branch: str, message: str
    ) -> str:
        """Create or replace a file; returns the commit's SHA."""

    def delete_file(self, repository: str, path: str, *, branch: str, message: str) -> str: ...

    # Pull requests, issues, comments
    def list_pull_requests(
        self,
        repository: str,
        *,
        state: str = "open",
        head: str = "",
        base: str = "",
        page: str = "",
        per_page: int = 100,
    ) -> s.Page[s.PullRequest]:
        """`state` is open, closed or all; `head` and `base` are branches of this repository."""

    def get_pull_request(self, repository: str, number: int) -> s.PullRequest: ...
    def create_pull_request(self, repository: str, new: s.NewPullRequest) -> s.PullRequest: ...
    def merge_pull_request(
        self, repository: str, number: int, *, method: s.MergeMethod = "merge", sha: str = ""
    ) -> s.MergeResult:
        """`sha`, where given, is the head that must still be there."""

    def close_pull_request(self, repository: str, number: int) -> s.PullRequest: ...
    def list_issues(
        self, repository: str, *, state: str = "open", page: str = "", per_page: int = 100
    ) -> s.Page[s.Issue]: ...
    def get_issue(self, repository: str, number: int) -> s.Issue: ...
    def list_comments(
        self, repository: str, number: int, page: str = "", per_page: int = 100
    ) -> s.Page[s.Comment]: ...
    def create_comment(self, repository: str, number: int, body: str) -> s.Comment: ...
    def update_comment(
        self, repository: str, number: int, comment_id: str, body: str
    ) -> s.Comment: ...

    # Hooks
    def list_webhooks(self, repository: str) -> Sequence[s.HostWebhook]: ...
    def create_webhook(
        self, repository: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook:
        """Without `events` the ones that this product reads (`HOOK_EVENTS` of the client)."""

    def update_webhook(
        self, repository: str, webhook_id: str, url: str, secret: str, events: Sequence[str] = ()
    ) -> s.HostWebhook: ...
    def delete_webhook(self, repository: str, webhook_id: str) -> None:
        """A hook that is gone already is fine."""

    def list_hook_deliveries(
        self, repository: str, webhook_id: str, page: str = "", per_page: int = 100
    ) -> s.Page[s.HookDelivery]: ...
    def redeliver(self, repository: str, webhook_id: str, delivery_id: str) -> None: ...

    # Statuses and checks
    def list_statuses(self, repository: str, ref: str) -> Sequence[s.CommitStatus]: ...
    def combined_status(self, repository: str, ref: str) -> s.CombinedStatus:
        """What the statuses of a commit say together; pending while there is none."""

    def create_status(self, repository: str, sha: str, status: s.CommitStatus) -> None: ...
    def create_check_run(self, repository: str, check: s.CheckRun) -> s.CheckRun: ...
    def update_check_run(self, repository: str, check: s.CheckRun) -> s.CheckRun: ...

    # The host's own CI
    def list_workflows(self, repository: str) -> Sequence[s.WorkflowDefinition]: ...
    def list_workflow_runs(
        self,
        repository: str,
        *,
        branch: str = "",
        status: s.RunState | Literal[""] = "",
        event: str = "",
        page: str = "",
        per_page: int = 30,
    ) -> s.Page[s.WorkflowRun]:
        """Runs, newest first; `event` is the host's own word for what started them."""

    def get_workflow_run(self, repository: str, run_id: str) -> s.WorkflowRun: ...
    def list_workflow_jobs(self, repository: str, run_id: str) -> Sequence[s.WorkflowJob]: ...
    def get_job_log(self, repository: str, run_id: str, job_id: str, offset: int = 0) -> bytes:
        """The log's bytes from an offset, at most 10 MB; empty when there is none yet."""

    def trigger_workflow(
        self, repository: str, workflow: str, ref: str, inputs: Mapping[str, str]
    ) -> str:
        """Start it; returns the run's id, empty where the host does not say."""

    def cancel_workflow_run(self, repository: str, run_id: str) -> None: ...
    def approve_workflow_run(self, repository: str, run_id: str) -> None:
        """Let a run go on that waits for a person (`action_required`)."""

    def rerun_workflow(self, repository: str, run_id: str, *, failed_only: bool = False) -> str:
        """Run it again; returns the id of the run that does, which may be the same."""

    # Rules and keys
    def list_branch_protections(self, repository: str) -> Sequence[s.BranchProtection]: ...
    def get_branch_protection(self, repository: str, pattern: str) -> s.BranchProtection: ...
    def set_branch_protection(
        self, repository: str, protection: s.BranchProtection
    ) -> s.BranchProtection: ...
    def delete_branch_protection(self, repository: str, pattern: str) -> None: ...
    def list_deploy_keys(self, repository: str) -> Sequence[s.DeployKey]: ...
    def get_deploy_key(self, repository: str, key_id: str) -> s.DeployKey: ...
    def create_deploy_key(
        self, repository: str, title: str, key: str, *, is_read_only: bool = True
    ) -> s.DeployKey: ...
    def delete_deploy_key(self, repository: str, key_id: str) -> None: ...

    # Runners
    def list_runners(self, scope: s.Scope) -> Sequence[s.HostRunner]: ...
    def get_runner(self, scope: s.Scope, runner_id: str) -> s.HostRunner: ...
    def delete_runner(self, scope: s.Scope, runner_id: str) -> None: ...
    def set_runner_labels(
        self, scope: s.Scope, runner_id: str, labels: Sequence[str]
    ) -> Sequence[str]: ...
    def runner_registration_token(self, scope: s.Scope) -> s.RunnerToken: ...
    def runner_removal_token(self, scope: s.Scope) -> s.RunnerToken: ...

    def close(self) -> None: ...


def every(fetch: Callable[[str], s.Page[T]], limit: int | None = None) -> Iterator[T]:
    """The items of all pages, fetched as they are asked for; at most `limit` of them."""
    page, count = "", 0
    seen: set[str] = set()
    while True:
        found = fetch(page)
        for item in found.items:
            if limit is not None and count >= limit:
                return
            count += 1
            yield item
        # A host that names the same page twice would keep us here for ever.
        if not found.next_page or found.next_page in seen:
            return
        seen.add(found.next_page)
        page = found.next_page
