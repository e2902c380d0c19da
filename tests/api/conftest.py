"""One of everything that Alice's account can hold."""

import uuid
from io import BytesIO

import pytest
from pytest_django.fixtures import Settings

from devops.storage import blobs
from gitintegration.public import configure_webhook
from tests.api.git_belongings import GitHost, git_host, git_rows
from tests.api.routes import Operation
from tests.client import ApiClient
from tests.factories.containers import DockerHostFactory, SecretFactory
from tests.factories.devops import (
    AiConfigFactory,
    AuditEventFactory,
    InvitationFactory,
    PromptTemplateFactory,
    ProviderFactory,
    RepositoryFactory,
    TokenFactory,
    actor_of,
)
from tests.factories.gitintegration import WebhookEventFactory
from tests.factories.logs import write_log
from tests.factories.pipelines import (
    ArtifactFactory,
    CacheFactory,
    GateFactory,
    KnownTestFactory,
    PipelineFactory,
    PipelineStepFactory,
    PipelineTemplateFactory,
    RunFactory,
    ScheduleFactory,
    StepExecutionFactory,
    TemplateVersionFactory,
    TestCaseFactory,
    TestReportFactory,
    WorkerFactory,
)

__all__ = ["Belongings", "belongings", "git_host"]
# What an address may name besides rows: things of the host that every test finds there.
WORDS = {"sha": "main", "range": "main...feature", "path": "README.md"}


class Belongings:
    """The keys of Alice's rows, by what an address calls them; those of git hosts by `git/`."""

    def __init__(self, keys: dict[str, uuid.UUID | str]) -> None:
        self.keys = keys

    def of(self, operation: Operation) -> dict[str, object]:
        """What an operation's address wants."""
        return {name: self._value(operation, name, part) for name, part in operation.parameters}

    def strange(self, operation: Operation) -> dict[str, object]:
        """The same with keys that nobody has."""
        return {name: WORDS.get(name) or uuid.uuid4() for name, _ in operation.parameters}

    def _value(self, operation: Operation, name: str, part: str) -> object:
        if name in WORDS:
            return WORDS[name]
        of_git = f"git/{part}"
        is_git = operation.template.startswith("v1/git/") and of_git in self.keys
        return self.keys[of_git if is_git else part]


@pytest.fixture
def belongings(
    alice: ApiClient, bob: ApiClient, git_host: GitHost, settings: Settings
) -> Belongings:
    account = alice.account
    pipeline = PipelineFactory.create(account=account)
    PipelineStepFactory.create(pipeline=pipeline)
    run = RunFactory.create(account=account, pipeline=pipeline)
    execution = StepExecutionFactory.create(run=run)
    write_log(execution.pk, account.pk, b"one\ntwo\n")
    blob = blobs.store(
        BytesIO(b"<b>hi</b>"), account_id=account.pk, max_bytes=100, media_type="text/html",
        name="evil.html",
    )  # fmt: skip
    artifact = ArtifactFactory.create(
        run=run, step_execution=execution, blob=blob, name="evil.html", size_bytes=9
    )
    TestCaseFactory.create(report=TestReportFactory.create(step_execution=execution))
    repository = RepositoryFactory.create(account=account)
    configure_webhook(actor_of(alice), repository)
    rows = {
        "members": bob.membership,
        "invitations": InvitationFactory.create(account=account),
        "tokens": TokenFactory.create(account=account, user=alice.user, name="spare"),
        "audit_events": AuditEventFactory.create(account=account),
        "providers": ProviderFactory.create(account=account),
        "ai_configs": AiConfigFactory.create(account=account),
        "prompt_templates": PromptTemplateFactory.create(account=account),
        "repositories": repository,
        "pipelines": pipeline,
        "pipeline_runs": run,
        "step_executions": execution,
        "artifacts": artifact,
        "caches": CacheFactory.create(account=account),
        "tests": KnownTestFactory.create(pipeline=pipeline),
        "schedules": ScheduleFactory.create(pipeline=pipeline),
        "approvals": GateFactory.create(step_execution__run__account=account),
        "webhook_events": WebhookEventFactory.create(account=account),
        "secret_references": SecretFactory.create(account=account),
        "hosts": DockerHostFactory.create(account=account),
        "workers": WorkerFactory.create(),
        **git_rows(account, git_host, settings),
    }
    template = PipelineTemplateFactory.create(account=account)
    version = TemplateVersionFactory.create(template=template)
    keys = {name: row.pk for name, row in rows.items()}
    return Belongings({**keys, "pipeline_templates": template.slug, "versions": version.version})
