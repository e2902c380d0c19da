"""One of everything of the git integration, at a fake Gitea that stands for the whole session."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from devops.deliveries import Receiver, enqueue_webhook
from devops.models import Account
from gitintegration.clients.fakes.model import Repo
from gitintegration.clients.fakes.server import FakeHost, serving
from gitintegration.clients.fakes.state import HostState
from gitintegration.clients.gitea.fake.app import create_app
from tests.factories.gitintegration import (
    WEBHOOK_SECRET,
    AccountWebhookFactory,
    CredentialFactory,
    GitApprovalFactory,
    GitPipelineFactory,
    GitPipelineJobFactory,
    GitProviderFactory,
    GitRepositoryFactory,
    GitRunnerFactory,
    GitScheduleFactory,
    GitSyncFactory,
    RunnerDispatchFactory,
    WorkflowTriggerFactory,
)


class GitHost:
    """The fake host and what every test finds in it: ada's acme/widgets with a workflow."""

    def __init__(self, host: FakeHost, repo: Repo, token: str) -> None:
        self.host, self.repo, self.token = host, repo, token

    @property
    def state(self) -> HostState:
        return self.host.state


@pytest.fixture(scope="session")
def git_host() -> Iterator[GitHost]:
    with tempfile.TemporaryDirectory(prefix="powernode-api-git-") as folder:
        state = HostState(Path(folder))
        state.add_user("ada")
        state.add_organization("acme", ada="admin")
        repo = state.add_repository("acme/widgets", files={"README.md": "# Widgets\n"})
        state.push_file(repo, "feature", "README.md", "# Gadgets\n")
        state.ci.add_workflow(repo, ".gitea/workflows/ci.yml", "CI")
        token = state.add_token("ada", ("repo",))
        with serving(create_app, state) as host:
            yield GitHost(host, repo, token)


def crowd_of_git(account: Account, keys: Mapping[str, uuid.UUID]) -> None:
    """Ten more of everything, beside what `git_rows` made and under rows of their own."""
    at, of = {"credential_id": keys["git/credentials"]}, {"account": account}
    mirrors = GitRepositoryFactory.create_batch(10, **at, **of)
    pipelines = [GitPipelineFactory.create(repository=mirror) for mirror in mirrors]
    for provider in GitProviderFactory.create_batch(10, **of):
        mirrors.append(GitRepositoryFactory.create(credential__provider=provider))
    CredentialFactory.create_batch(10, provider_id=keys["git/providers"], is_default=False, **of)
    GitSyncFactory.create_batch(10, **at, **of)
    mirror, pipeline = {"repository_id": keys["git/repositories"]}, keys["git/pipelines"]
    pipelines += GitPipelineFactory.create_batch(10, **mirror, **of)
    for run in pipelines:
        GitApprovalFactory.create(pipeline=run)
    GitPipelineJobFactory.create_batch(10, pipeline_id=pipeline, **of)
    GitScheduleFactory.create_batch(10, **mirror, **of)
    AccountWebhookFactory.create_batch(10, **of)
    for each in mirrors:
        runner = GitRunnerFactory.create(credential=each.credential, repository=each)
        RunnerDispatchFactory.create(repository=each, runner=runner)
        WorkflowTriggerFactory.create(repository=each, **of)
    config = keys["git/account_webhooks"]
    receiver = Receiver("https://receiver.example.com/", (WEBHOOK_SECRET,), subscription_id=config)
    for number in range(10):
        enqueue_webhook(account.pk, receiver, "git.push", {}, key=f"crowd:{config}:{number}")


def git_rows(account: Account, known: GitHost, settings: Settings) -> dict[str, Any]:
    """Rows by what an address below `git/` calls them; what lives at the host is there too."""
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    run = known.state.ci.start_run(known.repo)
    scope = ("repository", known.repo.full_name)
    host_runner = known.state.ci.add_runner(scope, "one")
    provider = GitProviderFactory.create(
        account=account, api_base_url=f"{known.host.url}/api/v1", web_base_url=known.host.url,
    )  # fmt: skip
    credential = CredentialFactory.create(provider=provider, secret={"access_token": known.token})
    mirror = GitRepositoryFactory.create(
        credential=credential, full_name=known.repo.full_name, external_id=str(known.repo.id)
    )
    pipeline = GitPipelineFactory.create(repository=mirror, external_id=str(run.id))
    config = AccountWebhookFactory.create(account=account)
    receiver = Receiver(config.url, (WEBHOOK_SECRET,), subscription_id=config.pk)
    runner = GitRunnerFactory.create(
        credential=credential, repository=mirror, external_id=str(host_runner.id),
        scope_name=mirror.full_name,
    )  # fmt: skip
    return {
        "git/providers": provider,
        "git/credentials": credential,
        "git/syncs": GitSyncFactory.create(credential=credential),
        "git/repositories": mirror,
        "git/pipelines": pipeline,
        "git/jobs": GitPipelineJobFactory.create(
            pipeline=pipeline, external_id=str(run.jobs[0].id)
        ),
        "git/pipeline_schedules": GitScheduleFactory.create(repository=mirror),
        "git/pipeline_approvals": GitApprovalFactory.create(pipeline=pipeline),
        "git/runners": runner,
        "git/runner_dispatches": RunnerDispatchFactory.create(repository=mirror, runner=runner),
        "git/account_webhooks": config,
        "git/deliveries": enqueue_webhook(
            account.pk, receiver, "git.push", {"ref": "main"}, key=f"test:{config.pk}"
        ),
        "git/workflow_triggers": WorkflowTriggerFactory.create(account=account),
    }  # fmt: skip
