"""Whoever executes: our own workers and the runners of the hosts' own CI, side by side."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from devops.pages.base import Page, cursor_page
from gitintegration import public as git
from pipelines import selectors
from pipelines.models import Worker

STATUSES = [("online", "Online"), ("busy", "Busy"), ("offline", "Offline")]
SCOPES = [
    ("ours", "Powernode workers"), ("repository", "Repository runners"),
    ("organization", "Organization runners"), ("enterprise", "Runners of a whole host"),
]  # fmt: skip
MAX_WORKERS = 200


class RunnerList(Page):
    """`/ci/runners`."""

    nav_area = "runners"

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("search", "status", "scope")
        filters = {name: request.GET.get(name, "").strip()[:200] for name in names}
        all_runners = git.runners(self.actor)
        workers = list(selectors.workers(self.actor)[:MAX_WORKERS])
        found, page = cursor_page(request, _runners(all_runners, filters))
        credentials = git.runner_credentials(self.actor)
        return self.render(
            "git/runners/list.html",
            {
                "runners": [git.runner_row(row) for row in found],
                "workers": [] if page["newer_url"] else _workers(workers, filters),
                "stats": _figures(git.runner_stats(all_runners), workers),
                "filters": filters,
                "is_filtered": any(filters.values()),
                "statuses": STATUSES,
                "scopes": SCOPES,
                "has_hosts": credentials.exists(),
                "can_register": self.actor.may(git.RUNNER_TOKEN),
                "page": page,
            },
        )


def _runners(rows: QuerySet[Any], filters: dict[str, str]) -> QuerySet[Any]:
    if filters["scope"] == "ours":
        return rows.none()
    if filters["scope"]:
        rows = rows.filter(runner_scope=filters["scope"])
    if filters["status"]:
        rows = rows.filter(status=filters["status"])
    if filters["search"]:
        word = filters["search"]
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(scope_name__icontains=word)
            | Q(labels__icontains=word)
            | Q(os__icontains=word)
        )
    return rows


def _workers(workers: list[Worker], filters: dict[str, str]) -> list[dict[str, Any]]:
    """Our own, as far as the filters let them through."""
    if filters["scope"] not in {"", "ours"}:
        return []
    found = []
    for worker in workers:
        status = _status(worker)
        text = " ".join([worker.name, worker.host, *worker.labels]).lower()
        if filters["status"] in {"", status} and filters["search"].lower() in text:
            found.append(
                {
                    "name": worker.name,
                    "host": worker.host,
                    "executor": worker.executor,
                    "status": status,
                    "labels": worker.labels,
                    "version": worker.version,
                    "busy": worker.busy,  # type: ignore[attr-defined]  # annotated by the selector
                    "capacity": worker.capacity,
                    "heard_at": worker.last_heartbeat_at,
                }
            )
    return found


def _status(worker: Worker) -> str:
    if worker.status != "online":
        return str(worker.status)
    return "busy" if worker.busy else "online"  # type: ignore[attr-defined]


def _figures(hosts: dict[str, Any], workers: list[Worker]) -> dict[str, Any]:
    words = [_status(worker) for worker in workers]
    counts = {name: hosts[name] + words.count(name) for name in ("online", "busy", "offline")}
    return {"total": hosts["total"] + len(words), **counts}
