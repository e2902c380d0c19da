"""The comment that a pull request has of a pipeline: its last run, and what its tests said."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Sum

from gitintegration.public import want_comment
from pipelines.choices import StepStatus
from pipelines.models import PipelineRun, StepExecution, TestCase, TestReport
from pipelines.selectors import made_for
from pipelines.states import decimal_seconds

_SIGNS: Mapping[str, str] = {
    StepStatus.SUCCESS: "✅", StepStatus.FAILURE: "❌", StepStatus.SKIPPED: "⏭️",
    StepStatus.CANCELLED: "🚫",
}  # fmt: skip
_STEPS_MAX = 100
_TESTS_MAX = 20


def want_run_comment(run: PipelineRun, address: str, verdict: str) -> None:
    """Have the comment say what the pipeline's features ask for: the steps, the tests, or both."""
    number = (run.trigger_context.get("pull_request") or {}).get("number")
    features = run.snapshot.get("features") or {}
    parts = [
        *(_steps(run) if features.get("pr_comment_summary") else ()),
        *(_tests(run) if features.get("test_report") else ()),
    ]
    if not number or not parts:
        return
    name = _code(run.snapshot.get("name", ""))
    head = f"**{name}** [#{run.run_number}]({address}): {verdict.partition(' ')[2]}"
    want_comment(
        run.repository_id, int(number), f"summary:{run.pipeline_id.hex}", "\n".join([head, *parts]),
        key=f"run:{run.pk.hex}:summary",
    )  # fmt: skip


def _steps(run: PipelineRun) -> Iterator[str]:
    """Markdown; names of steps and messages are foreign text and stay within code marks."""
    rows: dict[tuple[str, int | None], StepExecution] = {}
    for row in run.step_executions.order_by("position", "matrix_index", "attempt")[:_STEPS_MAX]:
        rows[row.step_key, row.matrix_index] = row
    yield from ("", "| | Step | Duration |", "|---|---|---|")
    for row in rows.values():
        seconds = decimal_seconds(row.duration_ms)
        took = f"{seconds:.1f} s" if seconds is not None else ""
        yield f"| {_SIGNS.get(row.status, '')} | {_code(row.step_name)} | {took} |"


def _tests(run: PipelineRun) -> Iterator[str]:
    """How many tests there were, and the names of those that failed; nothing without a report."""
    reports = TestReport.objects.filter(made_for(run.pk))
    names = ("total", "passed", "failed", "errors", "skipped", "quarantined")
    counts = reports.order_by().aggregate(**{name: Sum(name, default=0) for name in names})
    if not counts["total"]:
        return
    words = [f"{counts[name]} {name}" for name in names[1:] if counts[name]]
    yield from ("", f"**{counts['total']} tests**: {', '.join(words)}.")
    failed = TestCase.objects.filter(report__in=reports, status__in=("failed", "error"))
    for case in failed.order_by("id")[:_TESTS_MAX]:
        yield f"- {_code(' / '.join(part for part in (case.suite, case.name) if part))}"
    left = counts["failed"] + counts["errors"] - _TESTS_MAX
    if left > 0:
        yield f"- and {left} more"


def _code(text: Any) -> str:
    plain = str(text).replace("`", "'").replace("\n", " ").replace("|", "/")
    return f"`{plain[:120]}`" if plain.strip() else ""
