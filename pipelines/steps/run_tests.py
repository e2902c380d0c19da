"""`run_tests`: run a command, read the JUnit report that it writes, keep counts and failures."""

from collections.abc import Collection
from pathlib import Path

from pydantic import Field

from devops.safety.archives import open_beneath
from pipelines.flakiness import key_of
from pipelines.junit import REPORT_MAX_BYTES, JUnitError, ParsedCase, ParsedReport, parse_junit
from pipelines.operations.known_tests import count_report
from pipelines.operations.quarantines import quarantined_keys
from pipelines.operations.reports import failed_before, store_report
from pipelines.step_types import StepType
from pipelines.steps.base import Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.outcomes import outcome_of
from pipelines.steps.run_command import CommandConfig


class RunTestsConfig(CommandConfig):
    """The test command and the report that it writes."""

    report: str = Field(
        "", max_length=500, title="JUnit report",
        description="Path of the XML file below the workspace; empty: only the exit status counts.",
    )  # fmt: skip


TYPE = StepType(
    name="run_tests",
    title="Run tests",
    summary="Run a test command and show its JUnit report: failures first, then the slowest.",
    config_model=RunTestsConfig,
    outputs={
        "total": "Tests in the report.",
        "passed": "Tests that passed.",
        "failed": "Tests that failed or had an error.",
        "quarantined": "How many of the failed ones are in quarantine.",
        "skipped": "Tests that were skipped.",
        "duration_seconds": "Time that the tests took.",
        "exit_code": "The command's exit status.",
    },
    effect="workspace",
    docs=(
        "Fails when the command does, when the report has failures or errors, and when it "
        "is missing, too long or no JUnit report. Failures of tests in quarantine are shown and "
        "counted, and forgiven: see "
        "[Find and quarantine flaky tests](../how-to/find-and-quarantine-flaky-tests.md). On a "
        "repetition `POWERNODE_FAILED_TESTS_FILE` names a file with the tests that failed before, "
        "a line each: suite, name and file with tabs between."
    ),
    example={"command": "python -m pytest --junitxml=report.xml", "report": "report.xml"},
    reattaches=True,
)


class RunTestsHandler(Immediate):
    """Fails when the command does, or when the report has failures or is missing."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: RunTestsConfig = ctx.config
        report_path = ctx.workspace / config.working_directory / config.report
        if config.report and not ctx.is_resumed:
            _remove_stale(ctx.workspace, report_path)
        result = ctx.commands.run(
            config.command,
            environment={**ctx.environment, **_failed_before(ctx)},
            working_directory=config.working_directory,
            shell=config.shell,
        )
        ended = outcome_of(result)
        if not config.report or result.stopped:
            return ended
        try:
            report = parse_junit(ctx.mask(_read(ctx.workspace, report_path)))
        except JUnitError as error:
            if ended.status == "failure":
                return ended
            text = f"The report {config.report}: {error}"
            raise StepFailedError(text, reason="report") from error
        quarantined = quarantined_keys(ctx.run.pipeline_id)
        count_report(store_report(ctx.execution_id, report, quarantined).pk)
        return verdict(ended, report, quarantined)


def verdict(ended: Done, report: ParsedReport, quarantined: Collection[str]) -> Done:
    """How the step ends; `quarantined` are the keys of tests whose failure is forgiven.

    A command that failed is forgiven when its whole report says that nothing else did: it ended
    by itself, the report is complete and each failed test is in quarantine.
    """
    failed = [case for case in report.cases if case.is_failed]
    aside = [case for case in failed if key_of(case.suite, case.name) in quarantined]
    outputs = {
        "total": report.total,
        "passed": report.passed,
        "failed": report.failed + report.errors,
        "quarantined": len(aside),
        "skipped": report.skipped,
        "duration_seconds": report.duration_ms / 1000,
        "exit_code": ended.exit_code,
    }
    is_whole = report.failed + report.errors == len(failed)
    warnings = _aside_words(aside)
    if len(aside) < len(failed) or not is_whole:
        first = next((case for case in failed if case not in aside), failed[0])
        words = _failed_words(report, len(aside), first)
        return Done("failure", outputs, words, "tests_failed", ended.exit_code, warnings)
    if ended.status == "failure" and not (aside and _ended_by_itself(ended)):
        return Done(
            "failure", outputs, ended.error_message, ended.reason, ended.exit_code, warnings
        )
    return Done(outputs=outputs, exit_code=ended.exit_code, warnings=warnings)


def _failed_words(report: ParsedReport, aside: int, first: ParsedCase) -> str:
    failed = report.failed + report.errors - aside
    beside = f" ({aside} more in quarantine)" if aside else ""
    words = f"{failed} of {report.total} tests failed{beside}; the first: {first.name}"
    return words + (f": {first.message.splitlines()[0][:200]}" if first.message else "")


def _aside_words(aside: list[ParsedCase]) -> tuple[str, ...]:
    if not aside:
        return ()
    names = ", ".join(case.name[:100] for case in aside[:5])
    more = f" and {len(aside) - 5} more" if len(aside) > 5 else ""
    word = "test" if len(aside) == 1 else "tests"
    return (f"{len(aside)} {word} in quarantine failed: {names}{more}.",)


def _ended_by_itself(ended: Done) -> bool:
    """Whether an exit status is a program's own word; a signal's never is one about tests."""
    return ended.exit_code is not None and 0 < ended.exit_code < 126


def _failed_before(ctx: StepContext) -> dict[str, str]:
    """The variable with the tests that failed when the step was tried before, if it was."""
    failed = failed_before(ctx.execution_id)
    if not failed:
        return {}
    path = ctx.scratch / "failed-tests.txt"
    lines = ["\t".join(map(_one_line, case)) for case in failed]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
    return {"POWERNODE_FAILED_TESTS_FILE": str(path)}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _remove_stale(workspace: Path, report: Path) -> None:
    """A report of an earlier attempt must not be taken for this one's."""
    inside = report.resolve().is_relative_to(workspace.resolve())
    if inside and report.is_file() and not report.is_symlink():
        report.unlink()


def _read(workspace: Path, report: Path) -> bytes:
    try:
        descriptor = open_beneath(workspace, str(report.relative_to(workspace)))
    except (OSError, ValueError) as error:
        raise JUnitError(f"it could not be read ({error}).") from error
    with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
        data = file.read(REPORT_MAX_BYTES + 1)
    if len(data) > REPORT_MAX_BYTES:
        raise JUnitError(f"it is longer than {REPORT_MAX_BYTES // 1024**2} MB.")
    return data
