import json
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.conftest import Belongings
from tests.api.git_belongings import crowd_of_git
from tests.api.routes import Operation, operations
from tests.client import ApiClient
from tests.factories.containers import SecretFactory
from tests.factories.devops import (
    AiConfigFactory,
    AuditEventFactory,
    InvitationFactory,
    MembershipFactory,
    PromptTemplateFactory,
    ProviderFactory,
    RepositoryFactory,
    TokenFactory,
)
from tests.factories.gitintegration import WebhookEventFactory
from tests.factories.pipelines import (
    ApprovalTokenFactory,
    CacheFactory,
    FireFactory,
    GateFactory,
    KnownTestFactory,
    PipelineTemplateFactory,
    QuarantineFactory,
    RunFactory,
    ScheduleFactory,
    StepExecutionFactory,
    VoteFactory,
    WorkerFactory,
)

pytestmark = pytest.mark.django_db

BUDGETS: dict[str, int] = json.loads(
    (Path(__file__).parents[1] / "query_counts.json").read_text(encoding="utf-8")
)
READS = [operation for operation in operations() if operation.method == "GET"]


@pytest.fixture
def crowd(alice: ApiClient, belongings: Belongings) -> Belongings:
    """Ten of everything, so that a query per row shows."""
    account = alice.account
    for run in RunFactory.create_batch(10, account=account):
        StepExecutionFactory.create_batch(2, run=run)
    for made in (
        MembershipFactory, InvitationFactory, AuditEventFactory, ProviderFactory,
        RepositoryFactory, WebhookEventFactory, SecretFactory, AiConfigFactory,
        PromptTemplateFactory,
    ):  # fmt: skip
        made.create_batch(10, account=account)
    TokenFactory.create_batch(10, account=account, user=alice.user)
    WorkerFactory.create_batch(10)
    for schedule in ScheduleFactory.create_batch(10, pipeline__account=account):
        FireFactory.create_batch(2, schedule=schedule)
    CacheFactory.create_batch(10, account=account)
    for test in KnownTestFactory.create_batch(
        10, pipeline_id=belongings.keys["pipelines"], account=account
    ):
        QuarantineFactory.create(test=test)
    for gate in GateFactory.create_batch(10, step_execution__run__account=account):
        ApprovalTokenFactory.create_batch(2, gate=gate)
        VoteFactory.create(gate=gate)
    crowd_of_git(
        account, {name: key for name, key in belongings.keys.items() if isinstance(key, UUID)}
    )
    PipelineTemplateFactory.create_batch(10, account=account)
    StepExecutionFactory.create_batch(10, run_id=belongings.keys["pipeline_runs"], account=account)
    return belongings


@pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.name)
def test_a_read_takes_no_more_queries_than_agreed(
    operation: Operation, crowd: Belongings, alice: ApiClient
) -> None:
    alice.get("me").ok()
    keys = crowd.of(operation)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = alice.get(operation.path(keys))
    assert answer.status == 200
    answer.close()
    assert len(queries) == BUDGETS[operation.template], [each["sql"][:200] for each in queries]
