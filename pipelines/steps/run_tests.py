"""`run_tests`: run a command, read the JUnit report that it writes, keep counts and failures."""

from pathlib import Path

from pydantic import Field

from devops.safety.archives import open_beneath
from pipelines.junit import REPORT_MAX_BYTES, JUnitError, ParsedReport, parse_junit
from pipelines.operations.reports import store_report
from pipelines.step_types import StepType
from pipelines.steps.base import Done, Immediate, Outcome, StepContext, StepFailedError
from pipelines.steps.commands import CommandConfig, outcome_of


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
        "skipped": "Tests that were skipped.",
        "duration_seconds": "Time that the tests took.",
        "exit_code": "The command's exit status.",
    },
    effect="workspace",
    docs=(
        "Fails when the command does, when the report has failures or errors, and when it "
        "is missing, too long or no JUnit report."
    ),
    example={"command": "python -m pytest --junitxml=report.xml", "report": "report.xml"},
)


class RunTestsHandler(Immediate):
    """Fails when the command does, or when the report has failures or is missing."""

    def execute(self, ctx: StepContext) -> Outcome:
        config: RunTestsConfig = ctx.config
        report_path = ctx.workspace / config.working_directory / config.report
        if config.report:
            _remove_stale(ctx.workspace, report_path)
        result = ctx.commands.run(
            config.command,
            environment=ctx.environment,
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
        store_report(ctx.execution_id, report)
        return _verdict(ended, report)


def _verdict(ended: Done, report: ParsedReport) -> Done:
    failed = report.failed + report.errors
    outputs = {
        "total": report.total,
        "passed": report.passed,
        "failed": failed,
        "skipped": report.skipped,
        "duration_seconds": report.duration_ms / 1000,
        "exit_code": ended.exit_code,
    }
    if failed:
        first = next(case for case in report.cases if case.status in {"failed", "error"})
        words = f"{failed} of {report.total} tests failed; the first: {first.name}"
        detail = f": {first.message.splitlines()[0][:200]}" if first.message else ""
        return Done("failure", outputs, words + detail, "tests_failed", ended.exit_code)
    if ended.status == "failure":
        return Done("failure", outputs, ended.error_message, ended.reason, ended.exit_code)
    return Done(outputs=outputs, exit_code=ended.exit_code)


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
