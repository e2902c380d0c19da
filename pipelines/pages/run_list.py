"""The list of runs, what one row tells when it is opened, and the list as a file."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from devops.access import Actor
from devops.api.streaming import attachment, stream
from devops.csv_rows import csv_block
from devops.pages.base import Page, cursor_page
from pipelines import selectors
from pipelines.choices import RunStatus, TriggerType
from pipelines.failures import explain_failure, latest_attempts
from pipelines.models import PipelineRun
from pipelines.operations.reruns import has_failed
from pipelines.operations.runs import WRITE_RUNS
from pipelines.pages.runs import RunPage
from pipelines.progress import current_steps

EXPORT_MAX = 100_000
EXPORT_PAGE = 500
_COLUMNS = {
    "status": "status", "pipeline": "pipeline__slug", "branch": "branch",
    "trigger": "trigger_type", "commit": "commit_sha",
}  # fmt: skip
_HEADINGS = (
    "pipeline", "number", "title", "status", "reason", "trigger", "by", "branch", "commit",
    "created", "started", "completed", "duration_seconds", "steps_done", "steps_total", "error",
    "id",
)  # fmt: skip


class RunList(Page):
    """`/runs`: newest first, filtered by what the address says."""

    nav_area = "runs"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters, rows = _filtered(request, self.actor)
        runs, page = cursor_page(request, rows)
        return self.render(
            "pipelines/run_list.html",
            {
                "runs": with_notes(self.actor, runs),
                "page": page,
                "filters": filters,
                "is_filtered": any(filters.values()),
                "export_url": export_url(request),
                "checks": selectors.commit_checks(self.actor, filters["commit"]),
                "statuses": RunStatus.choices,
                "triggers": TriggerType.choices,
                "pipelines": selectors.pipeline_names(self.actor),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
        )


class RunPeek(RunPage):
    """`/runs/<id>/peek`: what a row of a list shows when it is opened."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = selectors.run(self.actor, pk)
        steps = latest_attempts(list(run.step_executions.all()))
        return self.render(
            "pipelines/_run_peek.html",
            {
                "run": run,
                "steps": steps,
                "why": explain_failure(self.actor, run, steps),
                "has_failed_steps": any(has_failed(step) for step in steps),
                "can_write": self.actor.may(WRITE_RUNS),
            },
        )


class RunExport(Page):
    """`/runs/export`: the runs that the list's filters leave, as a CSV file."""

    nav_area = "runs"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        _, rows = _filtered(request, self.actor)
        response = stream(request, _blocks(rows), "text/csv; charset=utf-8")
        response["Content-Disposition"] = attachment(f"runs-{timezone.now():%Y-%m-%d}.csv")
        return response


def with_notes(actor: Actor, runs: list[PipelineRun]) -> list[PipelineRun]:
    """Runs of a list with the step that is under way, in one query for all of them."""
    live = [run.pk for run in runs if run.is_live]
    steps = current_steps(actor, live) if live else {}
    for run in runs:
        run.current_step = steps.get(run.pk, "")  # type: ignore[attr-defined]
    return runs


def export_url(request: HttpRequest, **more: str) -> str:
    """The file's address with the filters of a list."""
    query = request.GET.copy()
    for name in (*query,):
        if name not in _COLUMNS or not query[name]:
            del query[name]
    query.update(more)
    return f"/runs/export?{query.urlencode()}" if query else "/runs/export"


def _filtered(request: HttpRequest, actor: Actor) -> tuple[dict[str, str], QuerySet[PipelineRun]]:
    filters = {name: request.GET.get(name, "").strip() for name in _COLUMNS}
    chosen = {_COLUMNS[name]: value for name, value in filters.items() if value}
    return filters, selectors.runs(actor).filter(**chosen)


def _blocks(rows: QuerySet[PipelineRun]) -> Iterator[bytes]:
    """The file in blocks, each read when the one before is sent; no more than `EXPORT_MAX` runs."""
    yield csv_block([_HEADINGS])
    page, left = rows, EXPORT_MAX
    while found := list(page[: min(EXPORT_PAGE, left)]):
        yield csv_block(_line(run) for run in found)
        left -= len(found)
        if len(found) < EXPORT_PAGE or left <= 0:
            return
        page = rows.filter(pk__lt=found[-1].pk)


def _line(run: PipelineRun) -> tuple[Any, ...]:
    seconds = "" if run.duration_ms is None else run.duration_ms / 1000
    return (
        run.pipeline.name, run.run_number, run.title, run.status, run.reason, run.trigger_type,
        run.actor_label, run.branch, run.commit_sha, _moment(run.created_at),
        _moment(run.started_at), _moment(run.completed_at), seconds, run.steps_done,
        run.steps_total, run.error_message, run.pk,
    )  # fmt: skip


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
