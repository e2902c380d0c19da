"""All runs on one page: ours and those of the hosts' own CI."""

from datetime import timedelta
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from devops.access import Actor
from devops.pages.base import Page, cursor_page
from gitintegration import public as git
from pipelines import selectors
from pipelines.choices import RUN_LIVE, RunStatus
from pipelines.models import PipelineRun

SPAN_DAYS = 30
PAGE_SIZE = 50
SOURCES = [("", "All"), ("hosts", "Git hosts"), ("ours", "Powernode")]
STATUSES = [
    ("queued", "Queued"), ("running", "Running"), ("success", "Success"),
    ("failure", "Failure"), ("cancelled", "Cancelled"),
]  # fmt: skip
_OURS = {
    "queued": Q(status__in=[RunStatus.PENDING, RunStatus.QUEUED]),
    "running": Q(status=RunStatus.RUNNING),
    "success": Q(status=RunStatus.SUCCESS),
    "failure": Q(status=RunStatus.FAILURE),
    "cancelled": Q(status=RunStatus.CANCELLED),
}


class CiList(Page):
    """`/ci`: newest first, whoever executed it."""

    nav_area = "ci"

    def get(self, request: HttpRequest) -> HttpResponse:
        names = ("source", "repository", "status", "search")
        filters = {name: request.GET.get(name, "").strip()[:200] for name in names}
        ours = _ours(self.actor, filters)
        hosts = _hosts(self.actor, filters)
        lines, page = _merged(request, ours, hosts)
        may = {
            "cancel_hosts": self.actor.may(git.CANCEL_CI),
            "retry_hosts": self.actor.may(git.TRIGGER_CI),
            "write_ours": self.actor.may("devops.pipeline_runs.write"),
        }
        mirrors = git.triggerable_repositories(self.actor)
        return self.render(
            "git/ci/list.html",
            {
                "lines": [_with_rights(line, may) for line in lines],
                "page": page,
                "filters": filters,
                "is_filtered": any(filters[name] for name in ("repository", "status", "search")),
                "tabs": _tabs(request, filters["source"]),
                "statuses": STATUSES,
                "repositories": _repositories(self.actor),
                "stats": _figures(ours, hosts),
                "span_days": SPAN_DAYS,
                "can_trigger": may["retry_hosts"] and bool(mirrors),
                "has_mirrors": bool(mirrors),
                "live_seq": selectors.newest_stream_seq(self.actor),
            },
        )


def _ours(actor: Actor, filters: dict[str, str]) -> QuerySet[PipelineRun]:
    rows = selectors.runs(actor).select_related("pipeline", "repository")
    if filters["source"] == "hosts":
        return rows.none()
    if filters["status"]:
        rows = rows.filter(_OURS.get(filters["status"], Q(pk=None)))
    if filters["repository"]:
        rows = rows.filter(repository__full_name=filters["repository"])
    if filters["search"]:
        word = filters["search"]
        rows = rows.filter(
            Q(title__icontains=word) | Q(branch__icontains=word) | Q(pipeline__name__icontains=word)
        )
    return rows


def _hosts(actor: Actor, filters: dict[str, str]) -> QuerySet[Any]:
    rows = git.git_pipelines(actor)
    if filters["source"] == "ours":
        return rows.none()
    if filters["status"]:
        rows = rows.filter(git.CI_STATUS_FILTERS.get(filters["status"], Q(pk=None)))
    if filters["repository"]:
        rows = rows.filter(repository__full_name=filters["repository"])
    if filters["search"]:
        word = filters["search"]
        rows = rows.filter(Q(name__icontains=word) | Q(ref__icontains=word))
    return rows


def _merged(
    request: HttpRequest, ours: QuerySet[PipelineRun], hosts: QuerySet[Any]
) -> tuple[list[git.CiLine], dict[str, Any]]:
    """One page of both: the keys of either kind grow with time, so they sort together."""
    mine, my_page = cursor_page(request, ours, PAGE_SIZE)
    theirs, their_page = cursor_page(request, hosts, PAGE_SIZE)
    lines = [_line(run) for run in mine] + [git.ci_line(run) for run in theirs]
    lines.sort(key=lambda line: line.id, reverse=True)
    is_backwards = "after" in request.GET
    kept = lines[-PAGE_SIZE:] if is_backwards else lines[:PAGE_SIZE]
    has_more = len(lines) > PAGE_SIZE
    older = my_page["older_url"] or their_page["older_url"]
    newer = my_page["newer_url"] or their_page["newer_url"]
    if kept and (older or (has_more and not is_backwards)):
        older = _address(request, "before", kept[-1].id)
    if kept and (newer or (has_more and is_backwards)):
        newer = _address(request, "after", kept[0].id)
    return kept, {"older_url": older, "newer_url": newer}


def _address(request: HttpRequest, name: str, key: object) -> str:
    query = request.GET.copy()
    for each in ("before", "after"):
        query.pop(each, None)
    query[name] = str(key)
    return f"{request.path}?{query.urlencode()}"


def _line(run: PipelineRun) -> git.CiLine:
    return git.CiLine(
        id=run.pk, source="ours", url=run.url, status=run.status, waiting_for=run.waiting_for,
        name=run.pipeline.name, title=run.title or run.pipeline.name, number=run.run_number,
        where=run.repository.full_name if run.repository else "", branch=run.branch,
        sha=run.commit_sha, event=run.get_trigger_type_display(), by=run.actor_label,
        duration_ms=run.duration_ms, started_at=run.started_at, created_at=run.created_at,
        cancel_url=f"{run.url}/cancel" if run.is_live else "",
        retry_url="" if run.is_live else f"{run.url}/retry",
    )  # fmt: skip


def _with_rights(line: git.CiLine, may: dict[str, bool]) -> dict[str, Any]:
    is_ours = line.source == "ours"
    return {
        "line": line,
        "can_cancel": line.cancel_url and may["write_ours" if is_ours else "cancel_hosts"],
        "can_retry": line.retry_url and may["write_ours" if is_ours else "retry_hosts"],
    }


def _tabs(request: HttpRequest, source: str) -> list[dict[str, Any]]:
    found = []
    for value, label in SOURCES:
        query = request.GET.copy()
        for name in ("before", "after", "source"):
            query.pop(name, None)
        if value:
            query["source"] = value
        url = f"{request.path}?{query.urlencode()}" if query else request.path
        found.append({"label": label, "url": url, "is_current": value == source})
    return found


def _repositories(actor: Actor) -> list[str]:
    names = set(selectors.repositories(actor).values_list("full_name", flat=True)[:500])
    names.update(mirror.full_name for mirror in git.triggerable_repositories(actor))
    return sorted(names, key=str.lower)


def _figures(ours: QuerySet[PipelineRun], hosts: QuerySet[Any]) -> dict[str, Any]:
    """Figures of both kinds together, over the last thirty days."""
    since = timezone.now() - timedelta(days=SPAN_DAYS)
    theirs = git.ci_stats(hosts.filter(created_at__gte=since))
    mine = ours.filter(created_at__gte=since).order_by().aggregate(
        total=Count("pk"),
        success=Count("pk", filter=Q(status=RunStatus.SUCCESS)),
        failed=Count("pk", filter=Q(status=RunStatus.FAILURE)),
        active=Count("pk", filter=Q(status__in=RUN_LIVE)),
        timed=Count("duration_ms"),
        avg=Avg("duration_ms"),
    )  # fmt: skip
    success = mine["success"] + theirs["success_count"]
    ended = success + mine["failed"] + theirs["failed_count"]
    timed = theirs["timed_count"]
    weight = mine["timed"] + timed
    spent = (mine["avg"] or 0) * mine["timed"]
    spent += (theirs["avg_duration_seconds"] or 0) * 1000 * timed
    return {
        "total": mine["total"] + theirs["total_runs"],
        "success_percent": round(100 * success / ended) if ended else None,
        "failed": ended - success,
        "average_ms": round(spent / weight) if weight else None,
        "active": mine["active"] + theirs["active_runs"],
    }
