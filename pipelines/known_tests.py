"""Every read of what is known of tests: lists, one test's history, who put it aside."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Prefetch, QuerySet, Value, When

from devops.access import Actor, visible
from devops.errors import NotFound
from pipelines import selectors
from pipelines.filters import holding
from pipelines.flakiness import Ending, Flakiness, Result, flakiness, read_endings
from pipelines.models import KnownTest, TestCase, TestQuarantine, TestReport
from pipelines.selectors import HEAVY, READ_RUNS

# From this score on putting a test aside is suggested; below, it may have been the machine.
SUGGESTED_SCORE = 40
HISTORY_MAX = 50
CASES_SHOWN = 1000
# Reports that results are looked up in: far more than one test's last ones take part in.
_REPORTS_MAX = 5000
# What lists are ordered by: the largest first.
ORDERINGS = {"score": "score", "duration": "median_ms", "failures": "failed_count"}


def known_tests(actor: Actor, pipeline_id: uuid.UUID) -> QuerySet[KnownTest]:
    """The tests of a pipeline, with the quarantine that holds in `holding`."""
    held = visible(actor, TestQuarantine, READ_RUNS).filter(holding())
    rows = visible(actor, KnownTest, READ_RUNS).filter(pipeline_id=pipeline_id)
    return rows.prefetch_related(Prefetch("quarantines", held, to_attr="holding"))


def one_test(actor: Actor, pipeline_id: uuid.UUID, pk: uuid.UUID | str) -> KnownTest:
    """One test of a pipeline.

    Raises:
        NotFound: the pipeline has no such test, or the actor may not see it.
    """
    row = known_tests(actor, pipeline_id).filter(pk=pk).first()
    if row is None:
        raise NotFound("The pipeline has no test with that identifier.")
    return row


def by_key(actor: Actor, pipeline_id: uuid.UUID, keys: Iterable[str]) -> dict[str, KnownTest]:
    """Some tests of a pipeline by their key."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = known_tests(actor, pipeline_id).filter(key__in=wanted)
    return {row.key: row for row in rows}


def history(actor: Actor, test: KnownTest) -> list[TestCase]:
    """The last results of a test that are still kept, newest first, with their runs."""
    reports = visible(actor, TestReport, READ_RUNS)
    rows = TestCase._base_manager.filter(
        pipeline_id=test.pipeline_id, key=test.key, report__in=reports
    )
    return list(
        rows.select_related("report__run", "report__step_execution")
        .defer(
            *(f"report__run__{name}" for name in HEAVY), "report__step_execution__outputs",
            "report__step_execution__summary",
        )
        .order_by("-id")[:HISTORY_MAX]
    )  # fmt: skip


def cases_of(actor: Actor, run_id: uuid.UUID) -> list[TestCase]:
    """The first cases of a run's reports: failures, then what took longest."""
    reports = visible(actor, TestReport, READ_RUNS).filter(selectors.made_for(run_id))
    rows = TestCase._base_manager.filter(report__in=reports)
    order = Case(
        When(status__in=("failed", "error"), then=Value(0)),
        When(status="skipped", then=Value(2)), default=Value(1),
    )  # fmt: skip
    return list(rows.order_by(order, "-duration_ms", "id")[:CASES_SHOWN])


def quarantines_of(actor: Actor, test: KnownTest) -> list[TestQuarantine]:
    """Who put a test aside and when, newest first."""
    return list(visible(actor, TestQuarantine, READ_RUNS).filter(test=test)[:100])


def results_of(tests: Iterable[KnownTest]) -> dict[str, list[Result]]:
    """The last results of tests of one pipeline by key, in one query; the newest last."""
    endings = {test.key: (test.pipeline_id, read_endings(test.recent)) for test in tests}
    numbers = sorted({each.report for _, found in endings.values() for each in found})
    if not numbers:
        return {}
    pipelines = {pipeline for pipeline, _ in endings.values()}
    reports = TestReport._base_manager.filter(pipeline__in=pipelines, number__gte=numbers[0])
    facts = {
        row.number: row
        for row in reports.select_related("run", "step_execution").only(
            "number", "lane", "state", "is_on_default_branch", "run__run_number",
            "step_execution__attempt",
        )[:_REPORTS_MAX]
    }  # fmt: skip
    return {
        key: [_result(each, facts[each.report]) for each in found if each.report in facts]
        for key, (_, found) in endings.items()
    }


def _result(ending: Ending, report: TestReport) -> Result:
    return Result(
        ending.outcome, report.lane, report.state, report.is_on_default_branch,
        report.run.run_number, report.step_execution.attempt, report.number,
    )  # fmt: skip


def outcomes_of(test: KnownTest) -> list[str]:
    """`p`, `f` or `s` of the last results, the newest last."""
    return [each.outcome for each in read_endings(test.recent)]


def flakiness_of(test: KnownTest) -> Flakiness:
    """What the score of a test is made of."""
    return flakiness(results_of([test]).get(test.key, []))


def is_suggested(test: KnownTest) -> bool:
    """Whether to suggest a quarantine: flaky enough, and none holds."""
    held: list[Any] = getattr(test, "holding", [])
    return test.score >= SUGGESTED_SCORE and not held
