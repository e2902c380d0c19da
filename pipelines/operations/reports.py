"""Test reports and artifacts are stored with the attempt that made them."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from devops.models import Blob
from pipelines import selectors
from pipelines.choices import StepStatus
from pipelines.junit import ParsedReport
from pipelines.models import Artifact, StepExecution, TestCase, TestReport


@transaction.atomic(durable=True)
def store_report(execution_id: uuid.UUID, report: ParsedReport) -> TestReport:
    """Keep a report; one that the same attempt stored before is replaced."""
    execution = StepExecution.objects.select_related("run").get(pk=execution_id)
    TestReport.objects.filter(step_execution=execution).delete()
    row = TestReport.objects.create(
        account_id=execution.account_id,
        run=execution.run,
        step_execution=execution,
        total=report.total,
        passed=report.passed,
        failed=report.failed,
        errors=report.errors,
        skipped=report.skipped,
        duration_ms=report.duration_ms,
        is_truncated=report.is_truncated,
    )
    TestCase.objects.bulk_create(
        (
            TestCase(
                report=row,
                pipeline_id=execution.run.pipeline_id,
                suite=case.suite,
                name=case.name,
                file=case.file,
                status=case.status,
                duration_ms=case.duration_ms,
                message=case.message,
                details=case.details,
            )
            for case in report.cases
        ),
        batch_size=500,
    )
    return row


def failed_steps(run_id: uuid.UUID) -> list[StepExecution]:
    """The failed attempts of a run, in the order of the steps."""
    rows = StepExecution.objects.filter(run_id=run_id, status=StepStatus.FAILURE)
    return list(rows.order_by("position", "attempt"))


@transaction.atomic(durable=True)
def store_artifact(
    execution_id: uuid.UUID,
    blob: Blob,
    *,
    name: str,
    path: str,
    file_count: int,
    is_archive: bool,
    retention_days: int,
) -> Artifact:
    """Name a stored blob as the run's artifact; the same name replaces the earlier one."""
    execution = StepExecution.objects.select_related("run").get(pk=execution_id)
    Artifact.objects.filter(run=execution.run, name=name).delete()
    return Artifact.objects.create(
        account_id=execution.account_id,
        run=execution.run,
        step_execution=execution,
        name=name,
        path=path,
        blob=blob,
        size_bytes=blob.size_bytes,
        file_count=file_count,
        is_archive=is_archive,
        expires_at=timezone.now() + timedelta(days=retention_days),
    )


def find_artifact(run_id: uuid.UUID, name: str) -> Artifact | None:
    """An artifact of a run by name; else that of a step which the run took over."""
    rows = _artifacts_for(run_id).filter(name=name).select_related("blob")
    return rows.order_by("-id").first()


def artifact_names(run_id: uuid.UUID) -> set[str]:
    """The names of what a run kept, or took over."""
    return set(_artifacts_for(run_id).values_list("name", flat=True))


def _artifacts_for(run_id: uuid.UUID) -> QuerySet[Artifact]:
    return Artifact.objects.filter(selectors.made_for(run_id))
