"""Rows of pipelines."""

from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from pipelines.choices import RunStatus, StepStatus, TriggerType
from pipelines.flakiness import key_of
from pipelines.models import (
    ApprovalGate,
    ApprovalVote,
    Artifact,
    KnownTest,
    Pipeline,
    PipelineRepository,
    PipelineRun,
    PipelineStep,
    PipelineTemplate,
    PipelineTemplateVersion,
    Schedule,
    ScheduleFire,
    StepApprovalToken,
    StepCache,
    StepExecution,
    TestCase,
    TestQuarantine,
    TestReport,
    Worker,
)
from tests.factories.devops import AccountFactory, BlobFactory, RepositoryFactory


class PipelineFactory(DjangoModelFactory[Pipeline]):
    class Meta:
        model = Pipeline

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Pipeline {number}")
    slug = factory.Sequence(lambda number: f"pipeline-{number}")
    triggers = factory.LazyFunction(lambda: {"manual": {}})


class PipelineStepFactory(DjangoModelFactory[PipelineStep]):
    class Meta:
        model = PipelineStep

    pipeline = factory.SubFactory(PipelineFactory)
    key = factory.Sequence(lambda number: f"step_{number}")
    name = factory.LazyAttribute(lambda step: step.key.replace("_", " ").title())
    step_type = "custom"
    position = factory.Sequence(lambda number: number + 1)


class PipelineRepositoryFactory(DjangoModelFactory[PipelineRepository]):
    class Meta:
        model = PipelineRepository

    pipeline = factory.SubFactory(PipelineFactory)
    repository = factory.SubFactory(
        RepositoryFactory, account=factory.SelfAttribute("..pipeline.account")
    )


def snapshot_of(pipeline: Pipeline) -> dict[str, Any]:
    """What a run of the pipeline keeps of it."""
    return {
        "name": pipeline.name,
        "slug": pipeline.slug,
        "description": "",
        "pipeline_type": "custom",
        "triggers": pipeline.triggers,
        "environment": {},
        "secret_refs": [],
        "runner_labels": [],
        "timeout_minutes": 60,
        "allow_concurrent": False,
        "features": {},
        "settings": {},
        "notification_settings": {},
        "steps": [],
    }


class RunFactory(DjangoModelFactory[PipelineRun]):
    class Meta:
        model = PipelineRun

    account = factory.SubFactory(AccountFactory)
    pipeline = factory.SubFactory(PipelineFactory, account=factory.SelfAttribute("..account"))
    run_number = factory.Sequence(lambda number: number + 1)
    status = RunStatus.SUCCESS
    trigger_type = TriggerType.MANUAL
    snapshot = factory.LazyAttribute(lambda run: snapshot_of(run.pipeline))
    branch = "main"


class StepExecutionFactory(DjangoModelFactory[StepExecution]):
    class Meta:
        model = StepExecution

    run = factory.SubFactory(RunFactory)
    account = factory.SelfAttribute("run.account")
    step_key = factory.Sequence(lambda number: f"step_{number}")
    step_name = factory.LazyAttribute(lambda execution: execution.step_key.title())
    step_type = "custom"
    position = factory.Sequence(lambda number: number + 1)
    status = StepStatus.SUCCESS


class ArtifactFactory(DjangoModelFactory[Artifact]):
    class Meta:
        model = Artifact

    run = factory.SubFactory(RunFactory)
    account = factory.SelfAttribute("run.account")
    name = factory.Sequence(lambda number: f"file-{number}.txt")
    path = factory.SelfAttribute("name")
    blob = factory.SubFactory(BlobFactory, account_id=factory.SelfAttribute("..account.pk"))
    size_bytes = 5


class CacheFactory(DjangoModelFactory[StepCache]):
    class Meta:
        model = StepCache

    account = factory.SubFactory(AccountFactory)
    pipeline = factory.SubFactory(PipelineFactory, account=factory.SelfAttribute("..account"))
    made_by = factory.SubFactory(
        RunFactory,
        pipeline=factory.SelfAttribute("..pipeline"),
        account=factory.SelfAttribute("..account"),
    )
    scope = factory.LazyAttribute(lambda cache: cache.pipeline.pk.hex)
    key = factory.Sequence(lambda number: f"pip-{number}")
    paths = factory.LazyFunction(lambda: ["work/.cache"])
    paths_digest = "d" * 64
    blob = factory.SubFactory(BlobFactory, account_id=factory.SelfAttribute("..account.pk"))
    size_bytes = 5
    file_count = 1
    last_used_at = factory.LazyFunction(timezone.now)


class TestReportFactory(DjangoModelFactory[TestReport]):
    __test__ = False

    class Meta:
        model = TestReport

    run = factory.SelfAttribute("step_execution.run")
    account = factory.SelfAttribute("step_execution.account")
    step_execution = factory.SubFactory(StepExecutionFactory)
    total, passed, failed, errors, skipped, duration_ms = 2, 1, 1, 0, 0, 1500


class TestCaseFactory(DjangoModelFactory[TestCase]):
    __test__ = False

    class Meta:
        model = TestCase

    report = factory.SubFactory(TestReportFactory)
    pipeline = factory.SelfAttribute("report.run.pipeline")
    name = factory.Sequence(lambda number: f"test_{number}")
    key = factory.LazyAttribute(lambda case: key_of(case.suite, case.name))
    suite = ""
    status = "passed"


class KnownTestFactory(DjangoModelFactory[KnownTest]):
    """A test that passed in one run."""

    class Meta:
        model = KnownTest

    pipeline = factory.SubFactory(PipelineFactory)
    account = factory.SelfAttribute("pipeline.account")
    suite = "tests.test_cart"
    name = factory.Sequence(lambda number: f"test_{number}")
    key = factory.LazyAttribute(lambda test: key_of(test.suite, test.name))
    last_status = "passed"
    last_seen_at = factory.LazyFunction(timezone.now)
    recent = "p1500@1"
    passed_count = 1
    median_ms = 1500


class QuarantineFactory(DjangoModelFactory[TestQuarantine]):
    """A test that Alice put aside."""

    class Meta:
        model = TestQuarantine

    test = factory.SubFactory(KnownTestFactory)
    pipeline = factory.SelfAttribute("test.pipeline")
    account = factory.SelfAttribute("test.account")
    reason = "Waits for #42."
    begun_by = "alice@example.com"


class WorkerFactory(DjangoModelFactory[Worker]):
    class Meta:
        model = Worker

    name = factory.Sequence(lambda number: f"worker-{number}")
    host = "machine"
    pid = factory.Sequence(lambda number: 1000 + number)
    labels = factory.LazyFunction(lambda: ["linux"])
    capacity = 4
    version = "0.1.0"
    lease_expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=1))
    last_heartbeat_at = factory.LazyFunction(timezone.now)
    started_at = factory.LazyFunction(timezone.now)


class GateFactory(DjangoModelFactory[ApprovalGate]):
    """An open question about a step."""

    class Meta:
        model = ApprovalGate

    step_execution = factory.SubFactory(StepExecutionFactory, status=StepStatus.WAITING_APPROVAL)
    run = factory.SelfAttribute("step_execution.run")
    account = factory.SelfAttribute("step_execution.account")
    step_key = factory.SelfAttribute("step_execution.step_key")
    step_name = factory.SelfAttribute("step_execution.step_name")
    is_open = True
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=24))


class ApprovalTokenFactory(DjangoModelFactory[StepApprovalToken]):
    """A recipient of a question."""

    class Meta:
        model = StepApprovalToken

    gate = factory.SubFactory(GateFactory)
    account = factory.SelfAttribute("gate.account")
    step_execution = factory.SelfAttribute("gate.step_execution")
    recipient_email = factory.Sequence(lambda number: f"approver{number}@example.com")
    token_digest = factory.Sequence(lambda number: f"{number:064d}")
    expires_at = factory.SelfAttribute("gate.expires_at")


class VoteFactory(DjangoModelFactory[ApprovalVote]):
    """An answer to a question."""

    class Meta:
        model = ApprovalVote

    gate = factory.SubFactory(GateFactory)
    account = factory.SelfAttribute("gate.account")
    voter = factory.Sequence(lambda number: f"voter{number}@example.com")
    label = factory.SelfAttribute("voter")
    answer = "approve"
    via = "link"


class ScheduleFactory(DjangoModelFactory[Schedule]):
    """Every hour, from tomorrow on."""

    class Meta:
        model = Schedule

    pipeline = factory.SubFactory(PipelineFactory)
    account = factory.SelfAttribute("pipeline.account")
    name = factory.Sequence(lambda number: f"Schedule {number}")
    cron_expression = "0 * * * *"
    next_fire_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))
    next_run_at = factory.SelfAttribute("next_fire_at")


class PipelineTemplateFactory(DjangoModelFactory[PipelineTemplate]):
    """A draft that says hello."""

    class Meta:
        model = PipelineTemplate

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda number: f"Template {number}")
    slug = factory.Sequence(lambda number: f"template-{number}")
    triggers = factory.LazyFunction(lambda: {"manual": {}})
    pipeline_definition = factory.LazyFunction(
        lambda: {
            "steps": [
                {"key": "hello", "name": "Hello", "step_type": "run_command",
                 "configuration": {"command": "echo hello"}}
            ]
        }
    )  # fmt: skip


class TemplateVersionFactory(DjangoModelFactory[PipelineTemplateVersion]):
    """The first version of a template."""

    class Meta:
        model = PipelineTemplateVersion

    template = factory.SubFactory(PipelineTemplateFactory)
    version = "1.0.0"
    published_at = factory.LazyFunction(timezone.now)
    pipeline_definition = factory.LazyAttribute(
        lambda row: {
            **row.template.pipeline_definition, "triggers": row.template.triggers,
            "timeout_minutes": row.template.timeout_minutes,
        }
    )  # fmt: skip


class FireFactory(DjangoModelFactory[ScheduleFire]):
    """A time that started something."""

    class Meta:
        model = ScheduleFire

    schedule = factory.SubFactory(ScheduleFactory)
    account = factory.SelfAttribute("schedule.account")
    fire_at = factory.Sequence(lambda number: timezone.now() - timedelta(hours=number))
    due_at = factory.SelfAttribute("fire_at")
    lateness_ms = 300
    outcome = "started"
