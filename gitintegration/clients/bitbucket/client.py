"""The client of Bitbucket Cloud."""

from gitintegration.clients.absent import absent
from gitintegration.clients.bitbucket import ci, commits, hooks, pulls, repositories, rules
from gitintegration.clients.bitbucket.connection import Connection


class BitbucketClient(Connection):
    """Every operation of `HostClient` on Bitbucket Cloud.

    A repository's full name is `workspace/slug`; ids of repositories, users, hooks, pipelines,
    steps and runners are UUIDs in braces.
    """

    HOOK_EVENTS = hooks.HOOK_EVENTS

    current_user = repositories.current_user
    rate_limit = repositories.rate_limit
    permission_of = repositories.permission_of
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
    get_contents = commits.get_contents
    get_tree = commits.get_tree
    write_file = commits.write_file
    delete_file = commits.delete_file
    list_pull_requests = pulls.list_pull_requests
    get_pull_request = pulls.get_pull_request
    create_pull_request = pulls.create_pull_request
    merge_pull_request = pulls.merge_pull_request
    close_pull_request = pulls.close_pull_request
    list_issues = pulls.list_issues
    get_issue = pulls.get_issue
    list_comments = pulls.list_comments
    create_comment = pulls.create_comment
    update_comment = pulls.update_comment
    list_webhooks = hooks.list_webhooks
    create_webhook = hooks.create_webhook
    update_webhook = hooks.update_webhook
    delete_webhook = hooks.delete_webhook
    list_hook_deliveries = hooks.list_hook_deliveries
    redeliver = hooks.redeliver
    list_statuses = hooks.list_statuses
    create_status = hooks.create_status
    create_check_run = hooks.create_check_run
    update_check_run = hooks.update_check_run
    list_workflows = ci.list_workflows
    list_workflow_runs = ci.list_workflow_runs
    get_workflow_run = ci.get_workflow_run
    list_workflow_jobs = ci.list_workflow_jobs
    get_job_log = ci.get_job_log
    trigger_workflow = ci.trigger_workflow
    cancel_workflow_run = ci.cancel_workflow_run
    approve_workflow_run = absent("manual steps are started on the pipeline's page alone.")
    rerun_workflow = ci.rerun_workflow
    list_branch_protections = rules.list_branch_protections
    get_branch_protection = rules.get_branch_protection
    set_branch_protection = rules.set_branch_protection
    delete_branch_protection = rules.delete_branch_protection
    list_deploy_keys = rules.list_deploy_keys
    create_deploy_key = rules.create_deploy_key
    delete_deploy_key = rules.delete_deploy_key
    list_runners = rules.list_runners
    get_runner = rules.get_runner
    delete_runner = rules.delete_runner
    set_runner_labels = rules.set_runner_labels
    runner_registration_token = rules.runner_registration_token
    runner_removal_token = rules.runner_removal_token
