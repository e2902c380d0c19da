"""Repeating a run: all of it, its failed steps, from a step, with a changed step; side by side."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from devops.errors import Conflict, DomainError, Invalid
from devops.safety.documents import DocumentError, dump_yaml, load_yaml
from pipelines import selectors
from pipelines.choices import RUN_TERMINAL
from pipelines.failures import current_step, latest_attempts
from pipelines.models import PipelineRun, StepExecution
from pipelines.operations.definitions import WRITE as WRITE_PIPELINES
from pipelines.operations.reruns import FAILED, START, has_failed, retry_run
from pipelines.operations.runs import WRITE_RUNS
from pipelines.pages.runs import RunPage

_TYPED = ("configuration", "environment", "condition", "timeout_minutes")
_UNREADABLE = "This is no YAML that can be used: {}"


class RunRetry(RunPage):
    """`POST /runs/<id>/retry`: from the start, from the failed steps, or from a step."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        try:
            again = retry_run(self.actor, run, start_from=request.POST.get("from") or START)
        except DomainError as error:
            return self.refuse(error, run.url)
        return redirect(again.url)


class RunRerun(RunPage):
    """`/runs/<id>/rerun`: choose where to begin, and change a step for this one time."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        self.actor.require(WRITE_RUNS)
        run = selectors.run(self.actor, pk)
        if run.status not in RUN_TERMINAL:
            raise Conflict(f"Run #{run.run_number} is still {run.status}.")
        rows = latest_attempts(list(run.step_executions.all()))
        keys = {row.step_key for row in rows}
        step = request.GET.get("step", "")
        chosen = request.GET.get("from", "")
        if not chosen:
            chosen = _key_of(rows, current_step(rows))
        return self._show(run, rows, chosen, _step(run, step if step in keys else ""))

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        rows = latest_attempts(list(run.step_executions.all()))
        start_from = request.POST.get("from") or START
        step = _step(run, request.POST.get("step", ""), request.POST)
        try:
            edits = _edits(run, step)
            again = retry_run(self.actor, run, start_from=start_from, edits=edits)
        except DomainError as error:
            return self._show(run, rows, start_from, step, error)
        return redirect(again.url)

    def _show(
        self,
        run: PipelineRun,
        rows: list[StepExecution],
        chosen: str,
        step: dict[str, Any] | None,
        error: DomainError | None = None,
    ) -> HttpResponse:
        names = dict.fromkeys(row.step_key for row in rows)
        problems = {problem.pointer: problem.detail for problem in error.errors} if error else {}
        return self.render(
            "pipelines/run_rerun.html",
            {
                "run": run,
                "pipeline": run.pipeline,
                "choices": _choices(rows),
                "chosen": chosen,
                "steps": [{"key": key, "name": _name(run, key)} for key in names],
                "step": step,
                "may_edit": self.actor.may(WRITE_PIPELINES) and not run.pipeline.is_system,
                "error": f"{error.detail} {error.remedy}".strip() if error else "",
                "problems": _by_field(problems, step["key"] if step else ""),
            },
            status=error.status if error else 200,
        )


def can_repeat_failed(rows: list[StepExecution]) -> bool:
    """Whether a re-run of the failed steps would have something to do."""
    return any(has_failed(row) for row in rows)


def _choices(rows: list[StepExecution]) -> list[tuple[str, str]]:
    choices = [(START, "All steps")]
    if can_repeat_failed(rows):
        choices.append((FAILED, "The failed steps and all after them"))
    names = {row.step_key: row.step_name for row in reversed(rows) if not row.matrix_index}
    keys = dict.fromkeys(row.step_key for row in rows)
    return [*choices, *((key, f"From {names.get(key, key)} on") for key in keys)]


def _key_of(rows: list[StepExecution], pk: str) -> str:
    return next((row.step_key for row in rows if str(row.pk) == pk), START)


def _name(run: PipelineRun, key: str) -> str:
    return next((step["name"] for step in run.snapshot["steps"] if step["key"] == key), key)


def _definition(run: PipelineRun, key: str) -> Mapping[str, Any] | None:
    return next((step for step in run.snapshot["steps"] if step["key"] == key), None)


def _step(run: PipelineRun, key: str, typed: QueryDict | None = None) -> dict[str, Any] | None:
    """The step to change as texts of the form: as typed, else as the run had it."""
    step = _definition(run, key) if key else None
    if step is None:
        return None
    minutes = step.get("timeout_minutes")
    shown = {
        "key": key,
        "name": step["name"],
        "configuration": dump_yaml(step.get("configuration") or {}),
        "environment": dump_yaml(step["environment"]) if step.get("environment") else "",
        "condition": step.get("condition") or "",
        "timeout_minutes": "" if minutes is None else f"{minutes:g}",
    }
    texts = typed or QueryDict()
    for name in _TYPED:
        shown[name] = str(texts.get(name, shown[name])).replace("\r\n", "\n")
    return shown


def _edits(run: PipelineRun, typed: dict[str, Any] | None) -> dict[str, dict[str, Any]] | None:
    """What was changed in the form, by the key of the step.

    Raises:
        Invalid: a text is no YAML, or a number is none; names the field.
    """
    before = _step(run, typed["key"]) if typed else None
    if typed is None or before is None:
        return None
    changes: dict[str, Any] = {}
    key = typed["key"]
    for name in ("configuration", "environment"):
        if typed[name].strip() != before[name].strip():
            changes[name] = _mapping(typed[name], f"/edits/{key}/{name}")
    if typed["condition"] != before["condition"]:
        changes["condition"] = typed["condition"]
    if typed["timeout_minutes"].strip() != before["timeout_minutes"]:
        changes["timeout_minutes"] = _minutes(typed["timeout_minutes"], key)
    return {key: changes} if changes else None


def _mapping(text: str, pointer: str) -> Mapping[str, Any]:
    try:
        value = load_yaml(text) if text.strip() else {}
    except DocumentError as error:
        raise Invalid.field(pointer, _UNREADABLE.format(error), code="yaml") from error
    if not isinstance(value, Mapping):
        raise Invalid.field(pointer, "Write `name: value`, one a line.", code="yaml")
    return value


def _minutes(text: str, key: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError as error:
        pointer = f"/edits/{key}/timeout_minutes"
        raise Invalid.field(pointer, "This is no number of minutes.", code="number") from error


def _by_field(problems: Mapping[str, str], key: str) -> dict[str, str]:
    """The first complaint of each field of the form."""
    found: dict[str, str] = {}
    for pointer, detail in problems.items():
        prefix = f"/edits/{key}/"
        if pointer.startswith(prefix):
            found.setdefault(pointer.removeprefix(prefix).partition("/")[0], detail)
    return found
