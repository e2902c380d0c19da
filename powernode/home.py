"""The overview: what needs somebody, what runs, what failed, how things went."""

import uuid
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from devops.access import Actor
from devops.pages.base import Page
from devops.storage import log_reader
from gitintegration import public as git
from pipelines import figures, selectors, statistics, timetable
from pipelines.failures import LINE_MAX, current_step, latest_attempts
from pipelines.models import PipelineRun, StepExecution, Worker

ROWS, FAILURES = 8, 5


class Overview(Page):
    """`/`."""

    nav_area = "overview"

    def get(self, _request: HttpRequest) -> HttpResponse:
        measured = figures.run_statistics(self.actor)
        workers = list(selectors.workers(self.actor)[:ROWS])
        online = [worker for worker in workers if worker.status == "online"]
        today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        events = git.webhook_events(self.actor).filter(created_at__gte=today)
        live = list(figures.live_runs(self.actor)[:ROWS])
        return self.render(
            "devops/overview.html",
            {
                "stats": {
                    "success_percent": measured.success_percent,
                    "runs_30d": measured.runs,
                    "median_duration_ms": measured.median_duration_ms,
                    "queue_p95_ms": measured.queue_p95_ms,
                    "cron": timetable.lateness(self.actor),
                    "webhooks_today": events.count(),
                    "webhooks_failed": events.filter(status="failed").count(),
                    "workers_online": len(online),
                    "workers_total": len(workers),
                },
                "needs_you": _needs_you(live, online),
                "live_runs": live,
                "recent_runs": list(selectors.runs(self.actor)[:ROWS]),
                "days": _bars(figures.runs_by_day(self.actor)),
                "inventory": _inventory(self.actor),
                "failures": self._failures(),
                "workers": [_worker(worker) for worker in workers],
                "onboarding": self._onboarding(bool(online)),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
        )

    def _failures(self) -> list[PipelineRun]:
        failures = list(figures.recent_failures(self.actor)[:FAILURES])
        steps: dict[Any, list[StepExecution]] = {run.pk: [] for run in failures}
        for step in selectors.steps_of_runs(self.actor, list(steps)):
            steps[step.run_id].append(step)
        for run in failures:
            run.why = _why(run, latest_attempts(steps[run.pk]))  # type: ignore[attr-defined]
        return failures

    def _onboarding(self, has_worker: bool) -> list[dict[str, Any]]:  # noqa: FBT001
        """The way to the first green run; nothing once it is walked."""
        has_green = selectors.runs(self.actor).filter(status="success").exists()
        if has_green:
            return []
        has_repository = selectors.repositories(self.actor).exists()
        has_pipeline = selectors.pipelines(self.actor).exists()
        return [
            {
                "title": "Start a worker",
                "text": "A worker executes the steps: powernode worker.",
                "url": "/workers",
                "label": "Workers",
                "is_done": has_worker,
            },
            {
                "title": "Add a repository",
                "text": "Any clone URL; a push then starts its pipelines.",
                "url": "/repositories/new",
                "label": "Add a repository",
                "is_done": has_repository,
            },
            {
                "title": "Write a pipeline",
                "text": "Here, or as .powernode/ci.yml in the repository.",
                "url": "/pipelines/new",
                "label": "New pipeline",
                "is_done": has_pipeline,
            },
            {
                "title": "See the first green run",
                "text": "Push something, or start the pipeline by hand.",
                "url": "/pipelines",
                "label": "Pipelines",
                "is_done": has_green,
            },
        ]


def _why(run: PipelineRun, latest: list[StepExecution]) -> dict[str, str] | None:
    """The first failing line and its address; the run's page says more."""
    chosen = current_step(latest)
    failed = next((step for step in latest if str(step.pk) == chosen), None)
    if failed is None:
        return None
    number = failed.first_error_line or 0
    try:
        line = _line(failed.pk, number)
    except LookupError:
        return {"line": failed.error_message, "url": f"{run.url}?step={failed.pk}"}
    return {"line": line, "url": f"{run.url}?step={failed.pk}#L{number}"}


# A failed step's log does not change: the overview, which is looked at most, reads it once.
@lru_cache(maxsize=512)
def _line(step_id: uuid.UUID, number: int) -> str:
    page = log_reader.read_lines(step_id, number, 1) if number else None
    if page is None or not page.lines:
        raise LookupError(step_id)
    return page.lines[0].text.strip()[:LINE_MAX]


def _needs_you(live: list[PipelineRun], online: list[Worker]) -> list[dict[str, Any]]:
    """What does not move by itself."""
    stuck = [
        {
            "status": "warning",
            "title": f"{run.pipeline.name} #{run.run_number} waits",
            "detail": run.waiting_detail,
            "url": run.url,
            "at": run.created_at,
        }
        for run in live
        if run.waiting_for in {"trust", "decision", "approval"}
        or (run.waiting_for == "worker" and not run.worker_id)
    ]
    if not online and live:
        stuck.insert(
            0,
            {
                "status": "failure",
                "title": "No worker is online",
                "detail": "Runs wait until one starts: powernode worker.",
                "url": "/workers",
                "at": None,
            },
        )
    return stuck


def _bars(days: list[figures.Day]) -> dict[str, Any]:
    """The days as stacked bars in a field of 20 by day and 48 in height, and their sums."""
    most = max([day.total for day in days]) or 1
    bars = []
    for number, day in enumerate(days):
        top, parts = 48.0, []
        for status in ("success", "cancelled", "failure"):
            height = 46 * getattr(day, status) / most
            top -= height
            if height:
                parts.append({"status": status, "y": round(top, 2), "height": round(height, 2)})
        bars.append({"day": day, "x": number * 20 + 3, "parts": parts})
    return {
        "bars": bars,
        "width": len(days) * 20,
        "success": sum(day.success for day in days),
        "failure": sum(day.failure for day in days),
        "cancelled": sum(day.cancelled for day in days),
    }


def _inventory(actor: Actor) -> list[dict[str, Any]]:
    found = statistics.inventory(actor)
    hooks = found["repositories"]["with_webhook"]
    notes = {
        "pipelines": f"{found['pipelines']['active']} active",
        "repositories": f"{hooks} with a webhook",
        "providers": f"{found['providers']['active']} active",
        "schedules": f"{found['schedules']['active']} active",
    }
    places = {
        "pipelines": ("Pipelines", "/pipelines", "route"),
        "repositories": ("Repositories", "/repositories", "book-2"),
        "providers": ("Git hosts", "/git", "cloud"),
        "schedules": ("Schedules", "/schedules", "calendar-time"),
    }
    return [
        {"title": title, "url": url, "icon": icon, "total": found[name]["total"],
         "note": notes[name] if found[name]["total"] else ""}
        for name, (title, url, icon) in places.items()
    ]  # fmt: skip


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "name": worker.name,
        "status": worker.status,
        "running": worker.busy,  # type: ignore[attr-defined]
        "capacity": worker.capacity,
    }
