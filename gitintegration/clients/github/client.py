"""GitHub and GitHub Enterprise through one credential; the API address decides which."""

import time
from collections.abc import Callable

from gitintegration.clients.github.actions import Actions, Runners
from gitintegration.clients.github.commits import Commits
from gitintegration.clients.github.connection import Connection
from gitintegration.clients.github.hooks import HOOK_EVENTS, Checks, Hooks, Rules
from gitintegration.clients.github.repositories import Repositories
from gitintegration.clients.github.talk import Talk
from gitintegration.clients.host import HostAccess
from gitintegration.clients.requests_session import TOTAL_SECONDS


class GithubClient:
    """Implements `HostClient`; its parts are the classes of this package.

    `total_seconds` bounds each try of each call. One client serves one thread at a time.
    """

    HOOK_EVENTS = HOOK_EVENTS

    def __init__(  # noqa: PLR0915 - one line per operation
        self,
        access: HostAccess,
        *,
        sleep: Callable[[float], None] = time.sleep,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self.access = access
        api = Connection(access, sleep=sleep, total_seconds=total_seconds)
        self.close = api.close
        repositories = Repositories(api)
        self.current_user = repositories.current_user
        self.rate_limit = repositories.rate_limit
        self.permission_of = repositories.permission_of
        self.list_repositories = repositories.list_repositories
        self.list_organization_repositories = repositories.list_organization_repositories
        self.get_repository = repositories.get_repository
        self.get_repository_by_id = repositories.get_repository_by_id
        self.create_repository = repositories.create_repository
        self.update_repository = repositories.update_repository
        self.delete_repository = repositories.delete_repository
        self.languages = repositories.languages
        commits = Commits(api)
        self.list_branches = commits.list_branches
        self.get_branch = commits.get_branch
        self.create_branch = commits.create_branch
        self.delete_branch = commits.delete_branch
        self.list_tags = commits.list_tags
        self.list_commits = commits.list_commits
        self.get_commit = commits.get_commit
        self.get_commit_diff = commits.get_commit_diff
        self.get_commit_patch = commits.get_commit_patch
        self.compare = commits.compare
        self.get_contents = commits.get_contents
        self.get_tree = commits.get_tree
        self.write_file = commits.write_file
        self.delete_file = commits.delete_file
        talk = Talk(api)
        self.list_pull_requests = talk.list_pull_requests
        self.get_pull_request = talk.get_pull_request
        self.create_pull_request = talk.create_pull_request
        self.merge_pull_request = talk.merge_pull_request
        self.close_pull_request = talk.close_pull_request
        self.list_issues = talk.list_issues
        self.get_issue = talk.get_issue
        self.list_comments = talk.list_comments
        self.create_comment = talk.create_comment
        self.update_comment = talk.update_comment
        hooks = Hooks(api)
        self.list_webhooks = hooks.list_webhooks
        self.create_webhook = hooks.create_webhook
        self.update_webhook = hooks.update_webhook
        self.delete_webhook = hooks.delete_webhook
        self.list_hook_deliveries = hooks.list_hook_deliveries
        self.redeliver = hooks.redeliver
        checks = Checks(api)
        self.list_statuses = checks.list_statuses
        self.create_status = checks.create_status
        self.create_check_run = checks.create_check_run
        self.update_check_run = checks.update_check_run
        actions = Actions(api)
        self.list_workflows = actions.list_workflows
        self.list_workflow_runs = actions.list_workflow_runs
        self.get_workflow_run = actions.get_workflow_run
        self.list_workflow_jobs = actions.list_workflow_jobs
        self.get_job_log = actions.get_job_log
        self.trigger_workflow = actions.trigger_workflow
        self.cancel_workflow_run = actions.cancel_workflow_run
        self.approve_workflow_run = actions.approve_workflow_run
        self.rerun_workflow = actions.rerun_workflow
        runners = Runners(api)
        self.list_runners = runners.list_runners
        self.get_runner = runners.get_runner
        self.delete_runner = runners.delete_runner
        self.set_runner_labels = runners.set_runner_labels
        self.runner_registration_token = runners.runner_registration_token
        self.runner_removal_token = runners.runner_removal_token
        rules = Rules(api)
        self.list_branch_protections = rules.list_branch_protections
        self.get_branch_protection = rules.get_branch_protection
        self.set_branch_protection = rules.set_branch_protection
        self.delete_branch_protection = rules.delete_branch_protection
        self.list_deploy_keys = rules.list_deploy_keys
        self.create_deploy_key = rules.create_deploy_key
        self.delete_deploy_key = rules.delete_deploy_key
