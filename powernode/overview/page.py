"""`/`: what needs somebody, what runs, what failed, how things went."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from devops.pages.base import Page
from gitintegration import public as git
from pipelines import figures, selectors, timetable
from powernode.overview.charts import day_bars, line, week_bars
from powernode.overview.needs import questions
from powernode.overview.runs import with_steps
from powernode.overview.summary import Summary, summarize
from powernode.overview.tiles import quick_links, tiles

ROWS, FAILURES, DELIVERIES, QUESTIONS = 8, 5, 6, 6
WRITE = "devops.pipelines.write"


class Overview(Page):
    """`/`."""

    nav_area = "overview"

    def get(self, _request: HttpRequest) -> HttpResponse:
        summary = summarize(self.actor)
        failed = list(figures.recent_failures(self.actor)[:FAILURES])
        live, failures = with_steps(self.actor, summary.live_runs[:ROWS], failed)
        asked = questions(self.actor)
        return self.render(
            "devops/overview.html",
            {
                "questions": asked[:QUESTIONS],
                "has_more_questions": len(asked) > QUESTIONS,
                "alerts": summary.alerts,
                "live": live,
                "failures": failures,
                "recent_runs": list(selectors.runs(self.actor)[:ROWS]),
                "stats": self._stats(summary),
                "tiles": tiles(summary.sections),
                "days": day_bars(summary.days),
                "commits": week_bars(git.commits_by_week(self.actor)),
                "workers": [_worker(worker) for worker in summary.workers[:ROWS]],
                "runners": list(git.runners(self.actor).order_by("status", "name")[:ROWS]),
                "deliveries": git.latest_deliveries(self.actor, DELIVERIES),
                "can_redeliver": self.actor.may("git.webhooks.manage"),
                "quick_links": quick_links(self.actor),
                "can_write": self.actor.may(WRITE),
                "onboarding": self._onboarding(summary),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
        )

    def _stats(self, summary: Summary) -> dict[str, Any]:
        measured = summary.statistics
        assert measured is not None  # noqa: S101  (every role may read runs)
        now, before = figures.deploys(self.actor)
        runs = summary.sections["ci_cd"]["pipeline_runs"]
        return {
            "success_rate": runs["success_rate"],
            "success_line": line([day.success_rate for day in summary.days]),
            "ended": runs["successful"] + runs["failed"],
            "median_ms": measured.median_duration_ms,
            "median_line": line(measured.duration_trend),
            "queue_p95_ms": measured.queue_p95_ms,
            "queue_line": line(measured.queue_trend),
            "sample": measured.runs,
            "deploys": now,
            "deploys_before": before,
            "cron": timetable.lateness(self.actor),
        }

    def _onboarding(self, summary: Summary) -> list[dict[str, Any]]:
        """The way to the first green run; nothing once it is walked."""
        if any(day.success for day in summary.days):
            return []
        if selectors.runs(self.actor).filter(status="success").exists():
            return []
        counts = summary.sections
        return [
            {
                "title": "Start a worker",
                "text": "A worker executes the steps: powernode worker.",
                "url": "/workers",
                "label": "Workers",
                "is_done": bool(counts["ci_cd"]["workers"]["online"]),
            },
            {
                "title": "Add a repository",
                "text": "Any clone URL, or a git host with all of its repositories; a push then "
                "starts their pipelines.",
                "url": "/repositories/new",
                "label": "Add a repository",
                "is_done": bool(counts["source_control"]["repositories"]["total"]),
            },
            {
                "title": "Write a pipeline",
                "text": "Here, from a template, or as .powernode/ci.yml in the repository.",
                "url": "/pipelines/new",
                "label": "New pipeline",
                "is_done": bool(counts["ci_cd"]["pipelines"]["total"]),
            },
            {
                "title": "See the first green run",
                "text": "Push something, or start the pipeline by hand.",
                "url": "/pipelines",
                "label": "Pipelines",
                "is_done": False,
            },
        ]


def _worker(worker: Any) -> dict[str, Any]:
    return {
        "name": worker.name,
        "status": worker.status,
        "running": worker.busy,
        "capacity": worker.capacity,
    }
