"""A test in quarantine: who puts it there, what it forgives, what it never forgives."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devops.errors import Invalid, PermissionDenied
from devops.models import AuditEvent
from pipelines.choices import Trust
from pipelines.flakiness import key_of
from pipelines.junit import ParsedCase, ParsedReport, parse_junit
from pipelines.models import KnownTest, PipelineRun, TestQuarantine
from pipelines.operations.quarantines import (
    AlreadyQuarantined,
    NotQuarantined,
    end_expired_quarantines,
    quarantine_test,
    quarantined_keys,
    release_test,
)
from pipelines.operations.reruns import retry_run
from pipelines.steps.base import Done
from pipelines.steps.run_tests import verdict
from tests.factories.pipelines import KnownTestFactory, QuarantineFactory
from tests.pipelines.conftest import Workshop, last, log_of, make_actor, step

GOOD = '<testcase classname="s" name="good"/>'
BAD = '<testcase classname="s" name="{}"><failure message="no"/></testcase>'


def suite_step(*cases: str) -> dict[str, Any]:
    """Writes a report of these cases and fails."""
    text = f"<testsuite name='s'>{''.join(cases)}</testsuite>"
    command = f"cat > r.xml <<'EOF'\n{text}\nEOF\nexit 1"
    configuration = {"command": command, "report": "r.xml"}
    return step("tests", step_type="run_tests", configuration=configuration)


def put_aside(shop: Workshop, run: PipelineRun, name: str) -> KnownTest:
    test = KnownTest.objects.get(pipeline_id=run.pipeline_id, name=name)
    quarantine_test(shop.actor, test, reason="#42")
    return test


def test_its_failure_is_shown_counted_and_forgiven(workshop: Workshop) -> None:
    first = workshop.run(suite_step(GOOD, BAD.format("shaky")))
    assert first.status == "failure"
    put_aside(workshop, first, "shaky")

    again = workshop.execute(retry_run(workshop.actor, first))

    assert (again.status, again.warnings) == ("success", 1)
    ended = last(again, "tests")
    assert (ended.outputs["failed"], ended.outputs["quarantined"]) == (1, 1)
    assert ended.exit_code == 1
    assert "Warning: 1 test in quarantine failed: shaky." in log_of(again, "tests")
    report = ended.test_report
    assert (report.failed, report.quarantined) == (1, 1)
    assert report.cases.get(name="shaky").is_quarantined
    assert not report.cases.get(name="good").is_quarantined


def test_another_failure_still_fails_and_says_which(workshop: Workshop) -> None:
    first = workshop.run(suite_step(BAD.format("shaky"), BAD.format("real")))
    put_aside(workshop, first, "shaky")

    again = workshop.execute(retry_run(workshop.actor, first))

    assert again.status == "failure"
    assert last(again, "tests").error_message == (
        "1 of 2 tests failed (1 more in quarantine); the first: real: no"
    )


def test_the_end_of_a_quarantine_makes_it_fail_again(workshop: Workshop) -> None:
    first = workshop.run(suite_step(BAD.format("shaky")))
    test = put_aside(workshop, first, "shaky")
    release_test(workshop.actor, test)

    assert workshop.execute(retry_run(workshop.actor, first)).status == "failure"
    with pytest.raises(NotQuarantined):
        release_test(workshop.actor, test)


def test_a_crash_without_a_report_is_not_forgiven(workshop: Workshop) -> None:
    first = workshop.run(suite_step(BAD.format("shaky")))
    put_aside(workshop, first, "shaky")
    edits = {"tests": {"configuration": {"command": "exit 3", "report": "r.xml"}}}

    crashed = workshop.execute(retry_run(workshop.actor, first, edits=edits))

    assert (crashed.status, last(crashed, "tests").exit_code) == ("failure", 3)


def test_a_document_cannot_put_a_test_aside_and_a_strangers_run_has_the_same_list(
    workshop: Workshop,
) -> None:
    first = workshop.run(suite_step(BAD.format("shaky")))
    put_aside(workshop, first, "shaky")
    again = retry_run(workshop.actor, first)
    PipelineRun.objects.filter(pk=again.pk).update(trust_level=Trust.UNTRUSTED)

    assert workshop.execute(again).status == "success"
    # Its word about tests is not believed: the history knows the first run only.
    assert KnownTest.objects.get(name="shaky").failed_count == 1


def report(*statuses: str, kept: int | None = None) -> ParsedReport:
    cases = [ParsedCase("s", f"t{number}", "", status, 1) for number, status in enumerate(statuses)]
    failed = [case for case in cases if case.is_failed][:kept]
    return ParsedReport(
        [*failed, *(case for case in cases if not case.is_failed)],
        passed=statuses.count("passed"), failed=statuses.count("failed"),
        errors=statuses.count("error"), skipped=statuses.count("skipped"),
    )  # fmt: skip


ASIDE = {key_of("s", "t0"), key_of("s", "t1")}


@pytest.mark.parametrize(
    ("read", "exit_code", "status", "reason"),
    [
        (report("failed", "passed"), 1, "success", ""),
        (report("failed", "error", "passed"), 1, "success", ""),
        (report("failed", "passed"), 0, "success", ""),
        # More failed than is aside.
        (report("failed", "passed", "failed"), 1, "failure", "tests_failed"),
        (report("passed", "passed", "error"), 1, "failure", "tests_failed"),
        # The report says that all is well, or that only something aside failed; the command's
        # end says something else.
        (report("passed", "passed"), 1, "failure", "exit_code"),
        (report("passed", "skipped"), 2, "failure", "exit_code"),
        (report("failed", "passed"), 139, "failure", "exit_code"),
        (report("failed", "passed"), -11, "failure", "exit_code"),
        (report("failed", "passed"), 127, "failure", "exit_code"),
        # Not every failure was kept, so nobody knows what the others are.
        (report("failed", "failed", "failed", kept=2), 1, "failure", "tests_failed"),
    ],
)
def test_what_is_forgiven(read: ParsedReport, exit_code: int, status: str, reason: str) -> None:
    ended = (
        Done(exit_code=0)
        if exit_code == 0
        else Done("failure", reason="exit_code", exit_code=exit_code)
    )

    found = verdict(ended, read, ASIDE)

    assert (found.status, found.reason, found.exit_code) == (status, reason, exit_code)
    aside = sum(case.is_failed and case.name in {"t0", "t1"} for case in read.cases)
    assert found.outputs["quarantined"] == aside
    assert len(found.warnings) == bool(aside)


def test_nothing_is_forgiven_without_a_quarantine() -> None:
    broken = parse_junit(f"<testsuite>{BAD.format('a')}</testsuite>".encode())
    assert verdict(Done(exit_code=0), broken, ()).status == "failure"


@pytest.mark.django_db
def test_who_did_it_why_and_until_when_is_kept() -> None:
    actor = make_actor()
    test = KnownTestFactory.create(pipeline__account_id=actor.account_id)
    end = timezone.now() + timedelta(days=7)

    quarantine_test(actor, test, reason="  flaky clock ", expires_at=end)

    row = TestQuarantine.objects.get(test=test)
    assert (row.reason, row.begun_by, row.expires_at) == ("flaky clock", actor.label, end)
    assert quarantined_keys(test.pipeline_id) == {test.key}
    event = AuditEvent.objects.get(action="devops.test.quarantine")
    assert event.detail["reason"] == "flaky clock"
    with pytest.raises(AlreadyQuarantined, match="flaky clock"):
        quarantine_test(actor, test, reason="again")
    release_test(actor, test)
    assert AuditEvent.objects.filter(action="devops.test.release").count() == 1
    assert quarantined_keys(test.pipeline_id) == frozenset()


@pytest.mark.django_db
def test_its_end_date_ends_it_at_once_and_the_sweep_notes_it() -> None:
    actor = make_actor()
    test = KnownTestFactory.create(pipeline__account_id=actor.account_id)
    past = timezone.now() - timedelta(seconds=1)
    row = QuarantineFactory.create(test=test, expires_at=past)

    assert quarantined_keys(test.pipeline_id) == frozenset()
    assert end_expired_quarantines() == 1
    assert end_expired_quarantines() == 0
    row.refresh_from_db()
    assert (row.ended_at, row.ended_by) == (past, "its end date")
    assert AuditEvent.objects.get(action="devops.test.release").actor_kind == "system"


@pytest.mark.django_db
def test_a_test_whose_quarantine_ran_out_can_be_put_aside_again_before_the_sweep() -> None:
    actor = make_actor()
    test = KnownTestFactory.create(pipeline__account_id=actor.account_id)
    QuarantineFactory.create(test=test, expires_at=timezone.now() - timedelta(seconds=1))

    quarantine_test(actor, test, reason="still flaky")

    assert TestQuarantine.objects.filter(test=test, ended_at=None).count() == 1


@pytest.mark.django_db
def test_what_is_refused() -> None:
    actor, viewer = make_actor(), make_actor("viewer")
    test = KnownTestFactory.create(pipeline__account_id=actor.account_id)
    for days in (-1, 400):
        end = timezone.now() + timedelta(days=days)
        with pytest.raises(Invalid, match="future"):
            quarantine_test(actor, test, reason="x", expires_at=end)
    for reason in ("", "  ", "x" * 501):
        with pytest.raises(Invalid, match="reason"):
            quarantine_test(actor, test, reason=reason)
    with pytest.raises(PermissionDenied):
        quarantine_test(viewer, test, reason="x")
    assert not TestQuarantine.objects.exists()


def test_a_repetition_is_told_which_tests_failed(workshop: Workshop) -> None:
    keep = 'cat "${POWERNODE_FAILED_TESTS_FILE:-/dev/null}"'
    bad = suite_step(GOOD, BAD.format("a b"), BAD.format("c"))
    bad["configuration"]["command"] = f"{keep}\n{bad['configuration']['command']}"
    first = workshop.run({**bad, "retry": {"attempts": 2}})
    assert "s\tc\t" in log_of(first, "tests").splitlines()

    again = workshop.execute(retry_run(workshop.actor, first, start_from="failed"))

    assert {"s\ta b\t", "s\tc\t"} <= set(log_of(again, "tests").splitlines())
    assert "good" not in log_of(again, "tests").split("<testsuite")[0]
