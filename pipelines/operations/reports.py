"""Test reports are stored with the attempt that made them."""

import hashlib
import json
import uuid
from collections.abc import Collection

from django.db import transaction
from django.db.models import Max

from pipelines.choices import StepStatus
from pipelines.flakiness import key_of
from pipelines.junit import ParsedCase, ParsedReport
from pipelines.models import Pipeline, PipelineRun, StepExecution, TestCase, TestReport

# Names that a repeated step is told.
_FAILED_MAX = 5000
# Repetitions of repetitions that are followed to the first run.
_CHAIN = 20


@transaction.atomic(durable=True)
def store_report(
    execution_id: uuid.UUID, report: ParsedReport, quarantined: Collection[str] = ()
) -> TestReport:
    """Keep a report; one that the same attempt stored before is replaced.

    `quarantined` are the keys of tests whose failure is forgiven.
    """
    execution = StepExecution.objects.select_related("run__repository").get(pk=execution_id)
    run = execution.run
    before = TestReport.objects.filter(step_execution=execution).first()
    if before is not None:
        before.delete()
    row = TestReport.objects.create(
        account_id=execution.account_id,
        run=run,
        step_execution=execution,
        pipeline_id=run.pipeline_id,
        lane=_lane(execution),
        state=state_of(run),
        is_on_default_branch=is_on_default_branch(run),
        total=report.total,
        passed=report.passed,
        failed=report.failed,
        errors=report.errors,
        skipped=report.skipped,
        quarantined=sum(_is_forgiven(case, quarantined) for case in report.cases),
        duration_ms=report.duration_ms,
        is_truncated=report.is_truncated,
    )
    TestCase.objects.bulk_create(
        (
            TestCase(
                report=row,
                pipeline_id=run.pipeline_id,
                key=key_of(case.suite, case.name),
                suite=case.suite,
                name=case.name,
                file=case.file,
                status=case.status,
                is_quarantined=_is_forgiven(case, quarantined),
                duration_ms=case.duration_ms,
                message=case.message,
                details=case.details,
            )
            for case in report.cases
        ),
        batch_size=500,
    )
    # Last, since it makes others wait: whoever starts a run needs the pipeline's row as well.
    row.number = (before.number if before else 0) or _next_number(run.pipeline_id)
    row.save(update_fields=["number", "updated_at"])
    return row


def _next_number(pipeline_id: uuid.UUID) -> int:
    pipeline = Pipeline.objects.select_for_update(no_key=True).only("pk").get(pk=pipeline_id)
    last = TestReport.objects.filter(pipeline=pipeline).aggregate(number=Max("number"))["number"]
    return (last or 0) + 1


def _lane(execution: StepExecution) -> str:
    combination = json.dumps([execution.step_key, execution.matrix], sort_keys=True)
    return hashlib.sha256(combination.encode()).hexdigest()[:6]


def state_of(run: PipelineRun) -> str:
    """What a run tests: its commit; without one, the run and its repetitions.

    A repetition with changes tests something else.
    """
    if run.snapshot.get("edits"):
        return f"#{run.run_number}"
    if run.commit_sha:
        return run.commit_sha[:12]
    first = run
    for _ in range(_CHAIN):
        before = first.retry_of
        if before is None:
            break
        first = before
    return f"#{first.run_number}"


def is_on_default_branch(run: PipelineRun) -> bool:
    """Whether a run is of its repository's main line; one without a repository is."""
    return run.repository is None or run.branch == run.repository.default_branch


def _is_forgiven(case: ParsedCase, quarantined: Collection[str]) -> bool:
    return case.is_failed and key_of(case.suite, case.name) in quarantined


def failed_steps(run_id: uuid.UUID) -> list[StepExecution]:
    """The failed attempts of a run, in the order of the steps."""
    rows = StepExecution.objects.filter(run_id=run_id, status=StepStatus.FAILURE)
    return list(rows.order_by("position", "attempt"))


def failed_before(execution_id: uuid.UUID) -> list[tuple[str, str, str]]:
    """`(suite, name, file)` of the tests that failed when this step was tried last, if it was.

    That is its previous attempt, else its last one in the run that this run repeats.
    """
    execution = StepExecution.objects.select_related("run").get(pk=execution_id)
    same = StepExecution.objects.filter(
        step_key=execution.step_key, matrix_index=execution.matrix_index
    )
    if execution.attempt > 1:
        earlier = same.filter(run_id=execution.run_id, attempt__lt=execution.attempt)
    else:
        earlier = same.filter(run_id=execution.run.retry_of_id)
    last = earlier.filter(status=StepStatus.FAILURE).order_by("-attempt").first()
    if last is None:
        return []
    cases = TestCase.objects.filter(
        report__step_execution=last, status__in=("failed", "error"), is_quarantined=False
    )
    return list(cases.order_by("id").values_list("suite", "name", "file")[:_FAILED_MAX])
