"""What reports leave behind of each test, whoever stores them, once and in time."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from pipelines import known_tests
from pipelines.choices import Trust
from pipelines.flakiness import key_of, read_endings
from pipelines.junit import ParsedCase, ParsedReport
from pipelines.models import KnownTest, Pipeline, TestCase, TestReport
from pipelines.operations.known_tests import (
    count_missed_reports,
    count_report,
    remove_forgotten_tests,
    remove_old_cases,
)
from pipelines.operations.reports import store_report
from tests.client import ApiClient
from tests.factories.devops import RepositoryFactory, actor_of
from tests.factories.pipelines import (
    KnownTestFactory,
    PipelineFactory,
    QuarantineFactory,
    RunFactory,
    StepExecutionFactory,
)
from tests.pipelines.conftest import in_threads

pytestmark = pytest.mark.django_db


def case(name: str, status: str = "passed", *, suite: str = "s", ms: int = 10) -> ParsedCase:
    return ParsedCase(
        suite, name, "tests/test_s.py", status, ms, "no" if status == "failed" else ""
    )


def report_of(*cases: ParsedCase) -> ParsedReport:
    count = {
        status: sum(each.status == status for each in cases)
        for status in ("passed", "failed", "error", "skipped")
    }
    return ParsedReport(
        list(cases), count["passed"], count["failed"], count["error"], count["skipped"]
    )


def reported(pipeline: Pipeline, *cases: ParsedCase, **run: Any) -> TestReport:
    """A run of the pipeline whose only step reports these cases; counted as its step would."""
    step = run.pop("step", {})
    made = RunFactory.create(pipeline=pipeline, account=pipeline.account, **run)
    execution = StepExecutionFactory.create(run=made, **{"step_key": "tests", **step})
    stored = store_report(execution.pk, report_of(*cases))
    count_report(stored.pk)
    return stored


@pytest.fixture
def pipeline(db: None) -> Pipeline:
    return PipelineFactory.create()


def known(pipeline: Pipeline, name: str) -> KnownTest:
    return KnownTest.objects.get(pipeline=pipeline, name=name)


def test_a_report_is_taken_into_the_history_once(pipeline: Pipeline) -> None:
    stored = reported(pipeline, case("a"), case("b", "failed", ms=2500), case("c", "skipped"))

    assert count_report(stored.pk) is False
    assert count_missed_reports() == 0
    bad = known(pipeline, "b")
    assert (bad.suite, bad.file, bad.last_status) == ("s", "tests/test_s.py", "failed")
    assert (bad.passed_count, bad.failed_count, bad.median_ms) == (0, 1, 2500)
    assert (bad.last_failed_run_id, bad.score) == (stored.run_id, 0)
    assert known(pipeline, "c").last_status == "skipped"
    assert known(pipeline, "a").last_failed_at is None


def test_the_report_of_a_worker_that_died_before_it_counted_is_found(pipeline: Pipeline) -> None:
    execution = StepExecutionFactory.create(run__pipeline=pipeline)
    stored = store_report(execution.pk, report_of(case("a")))
    assert count_missed_reports() == 0
    TestReport.objects.update(created_at=timezone.now() - timedelta(minutes=5))

    assert count_missed_reports() == 1
    assert len(read_endings(known(pipeline, "a").recent)) == 1
    # As if the worker had died within the counting: what it counted counts once.
    TestReport.objects.filter(pk=stored.pk).update(is_counted=False)
    assert count_missed_reports() == 1
    assert len(read_endings(known(pipeline, "a").recent)) == 1


def test_a_report_that_its_attempt_stores_again_replaces_its_results(pipeline: Pipeline) -> None:
    execution = StepExecutionFactory.create(run__pipeline=pipeline)
    for status in ("failed", "passed"):
        count_report(store_report(execution.pk, report_of(case("a", status))).pk)

    assert (known(pipeline, "a").passed_count, known(pipeline, "a").failed_count) == (1, 0)


def test_both_ends_of_one_commit_make_a_flake(pipeline: Pipeline) -> None:
    for status in ("passed", "failed"):
        reported(pipeline, case("a", status), commit_sha="c" * 40)

    assert known(pipeline, "a").score == 100


def test_one_name_twice_in_a_report_is_its_worst_end(pipeline: Pipeline) -> None:
    for _ in range(3):
        reported(pipeline, case("a"), case("a", "failed"), commit_sha="c" * 40)

    assert (known(pipeline, "a").failed_count, known(pipeline, "a").score) == (3, 0)


def test_the_combinations_of_a_matrix_are_told_apart(pipeline: Pipeline) -> None:
    for version, status in (("3.11", "failed"), ("3.12", "passed")):
        reported(
            pipeline, case("a", status), commit_sha="c" * 40, step={"matrix": {"python": version}}
        )

    assert (known(pipeline, "a").failed_count, known(pipeline, "a").score) == (1, 0)


def test_a_repetition_is_of_the_same_state_unless_it_was_changed(pipeline: Pipeline) -> None:
    first = reported(pipeline, case("a", "failed"), case("b", "failed")).run
    again = reported(pipeline, case("a"), retry_of=first)
    snapshot = {**first.snapshot, "edits": [{"by": "alice"}]}
    reported(pipeline, case("b"), retry_of=first, snapshot=snapshot)

    assert again.run.retry_of_id == first.pk
    assert known(pipeline, "a").score == 100
    assert known(pipeline, "b").score == 0


def test_only_the_default_branch_is_a_line_of_commits(pipeline: Pipeline) -> None:
    repository = RepositoryFactory.create(account=pipeline.account, default_branch="main")
    for number in range(6):
        status = "failed" if number % 2 else "passed"
        for branch, name in (("main", "on_main"), (f"fix-{number}", "elsewhere")):
            reported(
                pipeline, case(name, status), repository=repository, branch=branch,
                commit_sha=f"{name[0]}{number}" * 20,
            )  # fmt: skip

    assert known(pipeline, "on_main").score == 300
    assert known(pipeline, "elsewhere").score == 0


def test_what_a_strangers_run_reports_is_shown_and_not_believed(pipeline: Pipeline) -> None:
    stored = reported(pipeline, case("a", "failed"), trust_level=Trust.UNTRUSTED)

    stored.refresh_from_db()
    assert stored.is_counted
    assert stored.cases.count() == 1
    assert not KnownTest.objects.exists()


def test_the_history_of_a_test_is_its_own(pipeline: Pipeline, alice: ApiClient) -> None:
    pipeline.account = alice.account
    pipeline.save()
    stored = [reported(pipeline, case("a"), case("a", suite="other")) for _ in range(3)]
    reported(PipelineFactory.create(account=alice.account), case("a"))
    test = KnownTest.objects.get(pipeline=pipeline, suite="other")

    found = known_tests.history(actor_of(alice), test)

    assert [row.report_id for row in found] == [row.pk for row in reversed(stored)]
    assert {row.suite for row in found} == {"other"}


def test_old_cases_go_and_their_counts_stay(pipeline: Pipeline, settings: Settings) -> None:
    settings.POWERNODE_TEST_RETENTION_DAYS = 30
    old, new = (reported(pipeline, case("a"), case("b")) for _ in range(2))
    TestReport.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))

    assert remove_old_cases() == 1
    assert remove_old_cases() == 0
    assert set(TestCase.objects.values_list("report_id", flat=True)) == {new.pk}
    old.refresh_from_db()
    assert (old.total, old.has_cases) == (2, False)


def test_a_test_that_no_longer_runs_is_forgotten_unless_it_is_aside(
    pipeline: Pipeline, settings: Settings
) -> None:
    settings.POWERNODE_TEST_RETENTION_DAYS = 30
    long_ago = timezone.now() - timedelta(days=31)
    KnownTestFactory.create(pipeline=pipeline, last_seen_at=long_ago)
    aside = QuarantineFactory.create(
        test=KnownTestFactory.create(pipeline=pipeline, last_seen_at=long_ago)
    ).test
    present = KnownTestFactory.create(pipeline=pipeline)

    assert remove_forgotten_tests() == 1
    assert set(KnownTest.objects.all()) == {aside, present}


def test_names_that_no_column_holds_do_not_stop_a_report(pipeline: Pipeline) -> None:
    names = ["", "é", "e\u0301", "\u202eevil", "a" * 500]
    reported(pipeline, *(case(name, suite="x" * 300) for name in names))

    keys = set(KnownTest.objects.values_list("key", flat=True))
    assert keys == {key_of("x" * 300, name) for name in names}


@pytest.mark.django_db(transaction=True)
def test_reports_that_are_counted_at_once_lose_nothing() -> None:
    pipeline = PipelineFactory.create()
    stored = []
    for _ in range(4):
        execution = StepExecutionFactory.create(run__pipeline=pipeline)
        stored.append(store_report(execution.pk, report_of(case("a"), case("b"))).pk)

    assert in_threads(4, lambda index: count_report(stored[index])) == [True] * 4
    assert [len(read_endings(row.recent)) for row in KnownTest.objects.all()] == [4, 4]


@pytest.mark.django_db(transaction=True)
def test_reports_that_are_stored_at_once_get_numbers_of_their_own() -> None:
    pipeline = PipelineFactory.create()
    made = [StepExecutionFactory.create(run__pipeline=pipeline).pk for _ in range(6)]
    cases = [case(f"t{number}") for number in range(200)]

    stored = in_threads(6, lambda index: store_report(made[index], report_of(*cases)))

    assert sorted(row.number for row in stored) == [1, 2, 3, 4, 5, 6]
