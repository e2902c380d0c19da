"""GitLab as one host among others."""

from gitintegration.clients.gitlab import (
    ci,
    commits,
    discussions,
    files,
    hooks,
    merge_requests,
    people,
    repositories,
    rules,
    runners,
    statuses,
)
from gitintegration.clients.gitlab.connection import Connection


class GitLabClient(Connection):
    """Every operation of `HostClient`; what each does stands with the function."""

    HOOK_EVENTS = hooks.HOOK_EVENTS

    current_user = people.current_user
    rate_limit = people.rate_limit
    permission_of = people.permission_of

    list_repositories = repositories.list_repositories
    list_organization_repositories = repositories.list_organization_repositories
    get_repository = repositories.get_repository
    get_repository_by_id = repositories.get_repository_by_id
    create_repository = repositories.create_repository
    update_repository = repositories.update_repository
    delete_repository = repositories.delete_repository
    languages = repositories.languages
    list_branches = repositories.list_branches
    get_branch = repositories.get_branch
    create_branch = repositories.create_branch
    delete_branch = repositories.delete_branch
    list_tags = repositories.list_tags

    list_commits = commits.list_commits
    get_commit = commits.get_commit
    get_commit_diff = commits.get_commit_diff
    get_commit_patch = commits.get_commit_patch
    compare = commits.compare

    get_contents = files.get_contents
    get_tree = files.get_tree
    write_file = files.write_file
    delete_file = files.delete_file

    list_pull_requests = merge_requests.list_pull_requests
    get_pull_request = merge_requests.get_pull_request
    create_pull_request = merge_requests.create_pull_request
    merge_pull_request = merge_requests.merge_pull_request
    close_pull_request = merge_requests.close_pull_request
    list_issues = discussions.list_issues
    get_issue = discussions.get_issue
    list_comments = discussions.list_comments
    create_comment = discussions.create_comment
    update_comment = discussions.update_comment

    list_webhooks = hooks.list_webhooks
    create_webhook = hooks.create_webhook
    update_webhook = hooks.update_webhook
    delete_webhook = hooks.delete_webhook
    list_hook_deliveries = hooks.list_hook_deliveries
    redeliver = hooks.redeliver

    list_statuses = statuses.list_statuses
    create_status = statuses.create_status
    create_check_run = statuses.create_check_run
    update_check_run = statuses.update_check_run

    list_workflows = ci.list_workflows
    list_workflow_runs = ci.list_workflow_runs
    get_workflow_run = ci.get_workflow_run
    list_workflow_jobs = ci.list_workflow_jobs
    get_job_log = ci.get_job_log
    trigger_workflow = ci.trigger_workflow
    cancel_workflow_run = ci.cancel_workflow_run
    approve_workflow_run = ci.approve_workflow_run
    rerun_workflow = ci.rerun_workflow

    list_branch_protections = rules.list_branch_protections
    get_branch_protection = rules.get_branch_protection
    set_branch_protection = rules.set_branch_protection
    delete_branch_protection = rules.delete_branch_protection
    list_deploy_keys = rules.list_deploy_keys
    create_deploy_key = rules.create_deploy_key
    delete_deploy_key = rules.delete_deploy_key

    list_runners = runners.list_runners
    get_runner = runners.get_runner
    delete_runner = runners.delete_runner
    set_runner_labels = runners.set_runner_labels
    runner_registration_token = runners.runner_registration_token
    runner_removal_token = runners.runner_removal_token
