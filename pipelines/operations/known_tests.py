"""What is known of each test: taken from reports as they are stored, and forgotten in time."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from pipelines import known_tests
from pipelines.choices import Trust
from pipelines.flakiness import (
    FAILED,
    OUTCOMES,
    PASSED,
    Ending,
    flakiness,
    key_of,
    medians,
    read_endings,
    write_endings,
)
from pipelines.models import KnownTest, Pipeline, TestCase, TestQuarantine, TestReport

# Names that a pipeline's tests may have; what is beyond is in its reports only.
MOST_TESTS = 100_000
# Rows of one transaction: others wait for it.
_BATCH = 500
_WORST = {"failed": 0, "error": 0, "passed": 1, "skipped": 2}
_LEARNT = (
    "file", "last_status", "last_seen_at", "last_failed_at", "last_failed_run", "recent",
    "passed_count", "failed_count", "score", "median_ms", "median_before_ms", "updated_at",
)  # fmt: skip


def count_report(report_id: uuid.UUID) -> bool:
    """Take a report into the history of its pipeline's tests, each of its results once.

    False where that was done before. What runs of unknown contributors report is not believed.
    """
    rows = TestReport.objects.filter(pk=report_id, is_counted=False)
    report = rows.select_related("run").defer("run__snapshot", "run__trigger_context").first()
    if report is None:
        return False
    if report.run.trust_level == Trust.TRUSTED:
        has_room = KnownTest.objects.filter(pipeline_id=report.run.pipeline_id).count() < MOST_TESTS
        for cases in _batches(report):
            _count(report, cases, takes_new=has_room)
    return rows.update(is_counted=True) == 1


def count_missed_reports() -> int:
    """Count the reports of workers that died before they could."""
    before = timezone.now() - timedelta(minutes=1)
    missed = TestReport.objects.filter(is_counted=False, created_at__lt=before)
    keys = list(missed.order_by("created_at").values_list("pk", flat=True)[:20])
    return sum(count_report(key) for key in keys)


def _batches(report: TestReport) -> Iterator[dict[str, TestCase]]:
    """The report's cases by key, the worst of those that have one name."""
    worst: dict[str, TestCase] = {}
    for case in report.cases.defer("message", "details").iterator(chunk_size=2000):
        key = key_of(case.suite, case.name)
        other = worst.get(key)
        if other is None or _WORST[case.status] < _WORST[other.status]:
            worst[key] = case
    pairs = iter(worst.items())
    while batch := dict(islice(pairs, _BATCH)):
        yield batch


@transaction.atomic(durable=True)
def _count(report: TestReport, cases: Mapping[str, TestCase], *, takes_new: bool) -> None:
    # One report of a pipeline at a time: two would each write what they read.
    Pipeline.objects.select_for_update(no_key=True).only("pk").get(pk=report.run.pipeline_id)
    known = {
        row.key: row
        for row in KnownTest.objects.filter(pipeline_id=report.run.pipeline_id, key__in=cases)
    }
    changed = []
    for key, case in cases.items():
        row = known.get(key)
        if row is None:
            if not takes_new:
                continue
            row = KnownTest(
                account_id=report.account_id, pipeline_id=report.run.pipeline_id, key=key,
                suite=case.suite, name=case.name, last_seen_at=report.created_at,
            )  # fmt: skip
        _learn(row, case, report)
        changed.append(row)
    _score(changed)
    KnownTest.objects.bulk_create(
        changed, update_conflicts=True, unique_fields=["pipeline", "key"], update_fields=_LEARNT
    )


def _learn(row: KnownTest, case: TestCase, report: TestReport) -> None:
    """Add a result to what is known of its test, but for the score."""
    moment, outcome = report.created_at, OUTCOMES[case.status]
    ending = Ending(outcome, case.duration_ms, report.number)
    row.recent = write_endings([*read_endings(row.recent), ending])
    endings = read_endings(row.recent)
    outcomes = [each.outcome for each in endings]
    row.file = case.file
    row.passed_count, row.failed_count = outcomes.count(PASSED), outcomes.count(FAILED)
    row.median_ms, row.median_before_ms = medians(endings)
    row.updated_at = timezone.now()
    if outcome == FAILED and _is_newer(moment, row.last_failed_at):
        row.last_failed_at, row.last_failed_run_id = moment, report.run_id
    if not row.last_status or _is_newer(moment, row.last_seen_at):
        row.last_seen_at, row.last_status = moment, case.status


def _score(rows: list[KnownTest]) -> None:
    """Score tests of one pipeline; one that has a single outcome cannot contradict itself."""
    mixed = [row for row in rows if row.passed_count and row.failed_count]
    results = known_tests.results_of(mixed)
    for row in rows:
        found = results.get(row.key)
        row.score = flakiness(found).score if found else 0


def _is_newer(moment: datetime, known: datetime | None) -> bool:
    return known is None or moment >= known


def remove_old_cases() -> int:
    """Remove the cases of reports that are older than the operator keeps; their counts stay."""
    limit = timezone.now() - timedelta(days=settings.POWERNODE_TEST_RETENTION_DAYS)
    old = TestReport.objects.filter(has_cases=True, created_at__lt=limit).order_by("created_at")
    keys = list(old.values_list("pk", flat=True)[:_BATCH])
    for key in keys:
        while _remove_some(key):
            pass
    return len(keys)


@transaction.atomic(durable=True)
def _remove_some(report_id: uuid.UUID) -> bool:
    rows = TestCase.objects.filter(report_id=report_id)
    keys = list(rows.values_list("pk", flat=True)[: 2 * _BATCH])
    TestCase.objects.filter(pk__in=keys).delete()
    if keys:
        return True
    TestReport.objects.filter(pk=report_id).update(has_cases=False)
    return False


def remove_forgotten_tests() -> int:
    """Forget tests that no report has named for as long as cases are kept."""
    limit = timezone.now() - timedelta(days=settings.POWERNODE_TEST_RETENTION_DAYS)
    held = TestQuarantine.objects.filter(ended_at=None).values("test")
    old = KnownTest.objects.filter(last_seen_at__lt=limit).exclude(pk__in=held)
    total = 0
    while keys := list(old.values_list("pk", flat=True)[:_BATCH]):
        KnownTest.objects.filter(pk__in=keys).delete()
        total += len(keys)
    return total
