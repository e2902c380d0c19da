"""Rows of the git integration."""

import base64
from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from devops.safety.encryption import Binding, encrypt
from gitintegration.choices import (
    AuthType,
    CiStatus,
    Dialect,
    RunnerStatus,
    SyncKind,
    SyncStatus,
    WebhookEventStatus,
)
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitPipeline,
    GitPipelineApproval,
    GitPipelineJob,
    GitPipelineSchedule,
    GitProvider,
    GitProviderCredential,
    GitRepository,
    GitRunner,
    GitSync,
    GitWebhookEvent,
    GitWorkflowTrigger,
    RunnerDispatch,
)
from gitintegration.operations.credentials import replace_secret
from tests.factories.devops import AccountFactory, RepositoryFactory

WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


class WebhookEventFactory(DjangoModelFactory[GitWebhookEvent]):
    class Meta:
        model = GitWebhookEvent

    account = factory.SubFactory(AccountFactory)
    dialect = Dialect.GIT
    status = WebhookEventStatus.PROCESSED
    event_type = "push"
    delivery_id = factory.Sequence(lambda number: f"delivery-{number}")
    body_digest = factory.Sequence(lambda number: f"{number:064x}")
    payload = factory.LazyFunction(lambda: {"event": "push"})


class GitProviderFactory(DjangoModelFactory[GitProvider]):
    """A Gitea of one's own, so that it has no usual address."""

    class Meta:
        model = GitProvider

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Host {number}")
    slug = factory.Sequence(lambda number: f"host-{number}")
    provider_type = "gitea"
    api_base_url = "https://git.example.com/api/v1"
    web_base_url = "https://git.example.com"
    supports_devops = True
    capabilities = factory.LazyFunction(lambda: ["repos", "webhooks"])


class CredentialFactory(DjangoModelFactory[GitProviderCredential]):
    """A credential that holds `secret`; the default one of its host unless said otherwise."""

    class Meta:
        model = GitProviderCredential
        skip_postgeneration_save = True

    account = factory.SelfAttribute("provider.account")
    provider = factory.SubFactory(GitProviderFactory)
    name = factory.Sequence(lambda number: f"Token {number}")
    auth_type = AuthType.PERSONAL_ACCESS_TOKEN
    encrypted_credentials = ""
    is_default = True
    external_username = "ada"

    @factory.post_generation  # type: ignore[untyped-decorator]  # factory-boy has no types for it
    def secret(self: Any, _create: bool, given: dict[str, str] | None, **_: Any) -> None:
        replace_secret(self, given or {"access_token": "t" * 20}, None)


class GitRepositoryFactory(DjangoModelFactory[GitRepository]):
    """The mirror of a repository, with the row that pipelines attach to."""

    class Meta:
        model = GitRepository

    account = factory.SelfAttribute("credential.account")
    credential = factory.SubFactory(CredentialFactory)
    repository = factory.SubFactory(
        RepositoryFactory,
        account=factory.SelfAttribute("..account"),
        full_name=factory.SelfAttribute("..full_name"),
    )
    external_id = factory.Sequence(lambda number: f"9{number}")
    full_name = factory.Sequence(lambda number: f"acme/mirror-{number}")
    name = factory.LazyAttribute(lambda mirror: mirror.full_name.rpartition("/")[2])
    owner = factory.LazyAttribute(lambda mirror: mirror.full_name.rpartition("/")[0])


class GitSyncFactory(DjangoModelFactory[GitSync]):
    class Meta:
        model = GitSync

    account = factory.SelfAttribute("credential.account")
    credential = factory.SubFactory(CredentialFactory)
    kind = SyncKind.SYNC
    status = SyncStatus.COMPLETED


class GitPipelineFactory(DjangoModelFactory[GitPipeline]):
    class Meta:
        model = GitPipeline

    account = factory.SelfAttribute("repository.account")
    repository = factory.SubFactory(GitRepositoryFactory)
    external_id = factory.Sequence(lambda number: f"8{number}")
    name = "CI"
    status = CiStatus.IN_PROGRESS
    ref = "main"
    sha = "a" * 40


class GitPipelineJobFactory(DjangoModelFactory[GitPipelineJob]):
    class Meta:
        model = GitPipelineJob

    account = factory.SelfAttribute("pipeline.account")
    pipeline = factory.SubFactory(GitPipelineFactory)
    external_id = factory.Sequence(lambda number: f"7{number}")
    name = "build"
    status = CiStatus.IN_PROGRESS


class GitScheduleFactory(DjangoModelFactory[GitPipelineSchedule]):
    class Meta:
        model = GitPipelineSchedule

    account = factory.SelfAttribute("repository.account")
    repository = factory.SubFactory(GitRepositoryFactory)
    name = factory.Sequence(lambda number: f"Nightly {number}")
    cron_expression = "0 3 * * *"
    ref = "main"
    workflow_file = "ci.yml"
    next_run_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))


class GitApprovalFactory(DjangoModelFactory[GitPipelineApproval]):
    class Meta:
        model = GitPipelineApproval

    account = factory.SelfAttribute("pipeline.account")
    pipeline = factory.SubFactory(GitPipelineFactory)
    gate_name = factory.Sequence(lambda number: f"gate-{number}")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=24))


class GitRunnerFactory(DjangoModelFactory[GitRunner]):
    """A free runner of a repository, seen just now."""

    class Meta:
        model = GitRunner

    account = factory.SelfAttribute("credential.account")
    credential = factory.SubFactory(CredentialFactory)
    external_id = factory.Sequence(lambda number: f"6{number}")
    name = factory.Sequence(lambda number: f"runner-{number}")
    status = RunnerStatus.ONLINE
    labels = factory.LazyFunction(lambda: ["self-hosted", "linux"])
    last_seen_at = factory.LazyFunction(timezone.now)


class RunnerDispatchFactory(DjangoModelFactory[RunnerDispatch]):
    """A workflow on its way to a runner."""

    class Meta:
        model = RunnerDispatch

    account = factory.SelfAttribute("repository.account")
    repository = factory.SubFactory(GitRepositoryFactory)
    runner = factory.SubFactory(
        GitRunnerFactory, credential=factory.SelfAttribute("..repository.credential")
    )
    workflow = "ci.yml"
    ref = "main"
    key = factory.Sequence(lambda number: f"dispatch-{number}")


class AccountWebhookFactory(DjangoModelFactory[AccountGitWebhookConfig]):
    """A receiver whose secrets are `WEBHOOK_SECRET` and `whsig_old`."""

    class Meta:
        model = AccountGitWebhookConfig

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Receiver {number}")
    url = "https://receiver.example.com/hook"
    encrypted_secret_key = factory.LazyAttribute(
        lambda config: _sealed(config, "secret_key", WEBHOOK_SECRET)
    )
    encrypted_signature_secret = factory.LazyAttribute(
        lambda config: _sealed(config, "signature_secret", "whsig_old")
    )
    id = factory.LazyFunction(AccountGitWebhookConfig._meta.pk.get_default)


class WorkflowTriggerFactory(DjangoModelFactory[GitWorkflowTrigger]):
    class Meta:
        model = GitWorkflowTrigger

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Rule {number}")
    target = factory.LazyFunction(
        lambda: {"kind": "webhook", "url": "https://automation.example.com/start"}
    )
    event_type = "push"


def _sealed(config: Any, field: str, value: str) -> str:
    table = "gitintegration_accountgitwebhookconfig"
    binding = Binding(table, str(config.account.pk), str(config.id), field)
    return encrypt(value.encode(), binding=binding)
