"""One run: its page, cancelling and allowing it."""

import json
import uuid
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.access import Actor
from devops.ai_spending import dollars
from devops.errors import DomainError
from devops.pages.base import Page, asked_from
from devops.pages.markdown import clean_html
from pipelines import known_tests, selectors
from pipelines.choices import Phase, RunStatus, StepStatus, WaitingFor
from pipelines.diagnosis import diagnose, flake_words, words_of
from pipelines.failures import current_step, explain_failure, latest_attempts
from pipelines.hints import last_hint
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.approvers import RESPOND
from pipelines.operations.attempts import RETRY
from pipelines.operations.definitions import WRITE as WRITE_PIPELINES
from pipelines.operations.hints import ask_ai
from pipelines.operations.reruns import has_failed
from pipelines.operations.runs import WRITE_RUNS, cancel_run
from pipelines.operations.trust import allow_run
from pipelines.pages.artifacts import artifacts_of_run
from pipelines.pages.comparison import side_by_side
from pipelines.pages.containers import containers_of
from pipelines.pages.gate_rows import gate_detail, other_approvers, shown_gates
from pipelines.pages.tests import shown

TABS = ("log", "tests", "artifacts", "summary", "trigger", "attempts")
# Failures whose history is linked.
FAILED_SHOWN = 200


class RunPage(Page):
    """The base of the pages of one run: they act in the account that the run belongs to."""

    nav_area = "runs"

    def resolve_actor(self, request: HttpRequest, **kwargs: Any) -> Actor:
        return self.act_in(request, selectors.account_of_run(kwargs["pk"]))


class RunDetail(RunPage):
    """`/runs/<id>`: steps on the left, the log on the right, the rest as tabs."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        tab = request.GET.get("tab", "log")
        executions = list(run.step_executions.all())
        latest = latest_attempts(executions)
        reports = list(selectors.plain_test_reports(self.actor, pk))
        asked = [gate_detail(self.actor, gate) for gate in shown_gates(self.actor, run)]
        runs = selectors.attempts_of(self.actor, run)
        found = diagnose(self.actor, run)
        return self.render(
            "pipelines/run_detail.html",
            {
                "run": run,
                "pipeline": run.pipeline,
                "step_groups": _groups(run, executions),
                "current_step_id": current_step(latest),
                **_current(latest),
                "tab": tab if tab in TABS else "log",
                "tests": _counts(reports),
                **(_cases(self.actor, run, reports) if tab == "tests" else {}),
                **artifacts_of_run(self.actor, run, is_shown=tab == "artifacts"),
                "can_quarantine": self.actor.may(WRITE_PIPELINES),
                "summaries": _summaries(latest) if tab == "summary" else [],
                "trigger_rows": _trigger_rows(run) if tab == "trigger" else [],
                "containers": containers_of(self.actor, run, executions)
                if tab == "trigger"
                else [],
                "trigger_json": json.dumps(run.trigger_context, indent=2),
                "attempts": _attempts(runs, run),
                "beside": side_by_side(self.actor, runs) if tab == "attempts" else None,
                "has_failed_steps": any(has_failed(step) for step in latest),
                "gates": asked,
                "is_asking": any(gate["status"] == "pending" for gate in asked),
                "members": other_approvers(self.actor) if run.is_live else [],
                "why": explain_failure(self.actor, run, latest),
                "why_words": words_of(found),
                "flake_words": flake_words(found),
                "hint": hint_row(self.actor, run),
                "can_ask": self.actor.may(WRITE_RUNS) and run.status == RunStatus.FAILURE,
                "can_write": self.actor.may(WRITE_RUNS),
                "can_allow": self.actor.may(RESPOND) and run.waiting_for == WaitingFor.TRUST,
                "cancel_url": f"{run.url}/cancel",
                "live_seq": run.version,
            },
        )


class RunHint(RunPage):
    """`/runs/<id>/hint`: what a model guesses, alone; a POST has it asked, or asked again."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        return self.render(
            "pipelines/_hint.html",
            {
                "run": run,
                "hint": hint_row(self.actor, run),
                "can_ask": self.actor.may(WRITE_RUNS) and run.status == RunStatus.FAILURE,
            },
        )

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        try:
            ask_ai(self.actor, run, again=request.POST.get("again") == "true")
        except DomainError as error:
            return self.refuse(error, run.url)
        return redirect(f"{run.url}#run-hint")


class RunCancel(RunPage):
    """`POST /runs/<id>/cancel`."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        back = asked_from(request, run.url)
        try:
            cancel_run(self.actor, run)
        except DomainError as error:
            return self.refuse(error, back)
        return redirect(back)


class RunAllow(RunPage):
    """`POST /runs/<id>/allow`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        try:
            allow_run(self.actor, run)
        except DomainError as error:
            return self.refuse(error, run.url)
        return redirect(run.url)


def hint_row(actor: Actor, run: PipelineRun) -> dict[str, Any] | None:
    """What a model guesses about a failed run, with addresses of the lines that it cites."""
    hint = last_hint(actor, run) if run.status == RunStatus.FAILURE else None
    if hint is None:
        return None
    place = f"{run.url}?step={hint.step_execution_id}"
    cited = [{**each, "url": f"{place}#L{each['number']}"} for each in hint.citations]
    return {"row": hint, "citations": cited, "cost": dollars(hint.cost_micro_usd)}


def _current(latest: list[StepExecution]) -> dict[str, str]:
    """The key and the name of the step to look at first."""
    chosen = current_step(latest)
    row = next((row for row in latest if str(row.pk) == chosen), None)
    return {
        "current_step_key": row.step_key if row else "",
        "current_step_name": row.step_name if row else "",
    }


def _groups(run: PipelineRun, executions: list[StepExecution]) -> list[dict[str, Any]]:
    """Steps under their phase or group; earlier attempts fold under the last one."""
    named = (run.snapshot.get("settings") or {}).get("groups") or {}
    groups: list[dict[str, Any]] = []
    for (phase, key), rows in groupby(
        latest_attempts(executions), key=lambda row: (row.phase, row.group_key)
    ):
        begins_finally = phase == Phase.FINALLY and not any(
            group["phase"] == phase for group in groups
        )
        label = (named.get(key) or {}).get("name") or key
        steps = [_with_attempts(row, executions) for row in rows]
        if begins_finally and key:
            groups.append({"label": "Finally", "phase": phase, "steps": [], "is_group": False})
        label = label or ("Finally" if begins_finally else "")
        groups.append({"label": label, "phase": phase, "steps": steps, "is_group": bool(key)})
    return groups


def _with_attempts(step: StepExecution, executions: list[StepExecution]) -> StepExecution:
    earlier = [
        row
        for row in executions
        if (row.step_key, row.matrix_index) == (step.step_key, step.matrix_index)
        and row.attempt < step.attempt
    ]
    for row in earlier:
        row.label = f"Attempt {row.attempt}: {row.reason or row.status}"  # type: ignore[attr-defined]
    step.members = earlier  # type: ignore[attr-defined]
    if step.parked_kind == RETRY and step.deadline_at and step.status == StepStatus.PENDING:
        step.waiting_detail = f"Tried again at {step.deadline_at:%H:%M:%S} UTC."  # type: ignore[attr-defined]
    return step


def _counts(reports: list[Any]) -> dict[str, int] | None:
    """All reports of a run as one."""
    if not reports:
        return None
    names = ("total", "passed", "failed", "errors", "skipped", "quarantined", "duration_ms")
    counts = {name: sum(getattr(report, name) for report in reports) for name in names}
    return {**counts, "failing": counts["failed"] + counts["errors"] - counts["quarantined"]}


def _cases(actor: Actor, run: PipelineRun, reports: list[Any]) -> dict[str, Any]:
    """The cases of a run, failures first, and what is known of those that failed."""
    cases = known_tests.cases_of(actor, run.pk)
    failed = [case.key for case in cases if case.status in {"failed", "error"}][:FAILED_SHOWN]
    known = known_tests.by_key(actor, run.pipeline_id, failed)
    for case in cases:
        found = known.get(case.key)
        case.known = shown(run.pipeline, found) if found else None  # type: ignore[attr-defined]
    total = sum(report.total for report in reports)
    return {
        "cases": cases,
        "are_gone": bool(reports) and not any(report.has_cases for report in reports),
        "is_cut": any(report.is_truncated for report in reports) or len(cases) < total,
    }


def _summaries(latest: list[StepExecution]) -> list[dict[str, str]]:
    """Each step's Markdown as clean HTML."""
    return [
        {"step_name": step.step_name, "html": clean_html(step.summary)}
        for step in latest
        if step.summary
    ]


def _trigger_rows(run: PipelineRun) -> list[tuple[str, str]]:
    rows = [
        ("Trigger", run.get_trigger_type_display()),
        ("By", run.actor_label),
        ("Repository", str(run.repository or "")),
        ("Ref", run.ref),
        ("Commit", run.commit_sha),
        ("Definition", run.definition_source or "the pipeline as stored"),
        ("Definition version", str(run.snapshot.get("definition_version", ""))),
        ("Trust", run.get_trust_level_display()),
        ("Worker", run.worker.name if run.worker else ""),
        *((f"Input {name}", str(value)) for name, value in run.inputs.items()),
    ]
    return [(name, value) for name, value in rows if value]


def _attempts(runs: list[PipelineRun], run: PipelineRun) -> list[dict[str, Any]]:
    return [{"number": row.attempt, "url": row.url, "is_current": row.pk == run.pk} for row in runs]
