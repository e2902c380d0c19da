"""One run of a host's own CI: its jobs, their logs, cancel, retry; and starting another."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import slugify

from devops.errors import DomainError
from devops.pages.base import Page, one_of
from devops.pages.forms import show_errors
from devops.selectors import newest_stream_seq
from devops.storage import log_reader
from gitintegration import selectors
from gitintegration.approval_words import approval_row
from gitintegration.choices import CI_ACTIVE, CiStatus
from gitintegration.ci_words import ci_line, safe_link, shown_status
from gitintegration.models import GitPipeline, GitPipelineJob, GitRepository
from gitintegration.operations import approvals, ci, job_logs
from gitintegration.pages.ci_forms import TriggerForm

# Bytes of a log that one download gives; what is longer is read through the API in pieces.
MAX_DOWNLOAD = 64 * 1024 * 1024
JOBS_SHOWN = 500


class CiPage(Page):
    """The base of the pages of one run."""

    nav_area = "ci"

    def find(self, pk: uuid.UUID) -> GitPipeline:
        return one_of(selectors.git_pipelines(self.actor), pk)


class CiDetail(CiPage):
    """`/ci/<id>`: jobs on the left, the log on the right."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = self.find(pk)
        jobs = list(
            selectors.git_jobs(self.actor).filter(pipeline=run).order_by("step_number")[:JOBS_SHOWN]
        )
        line = ci_line(run)
        gates = selectors.git_approvals(self.actor).filter(pipeline=run)[:50]
        return self.render(
            "git/ci/detail.html",
            {
                "run": run,
                "line": line,
                "is_active": run.status in CI_ACTIVE,
                "host_url": safe_link(run.web_url),
                "progress": _progress(run),
                "jobs": [_job(job) for job in jobs],
                "current_job_id": _current(jobs),
                "approvals": [approval_row(self.actor, gate) for gate in gates],
                "can_cancel": bool(line.cancel_url) and self.actor.may(ci.CANCEL),
                "can_retry": bool(line.retry_url) and self.actor.may(ci.TRIGGER),
                "can_trigger": self.actor.may(ci.TRIGGER) and run.repository.gone_at is None,
                "can_read_logs": self.actor.may(job_logs.READ),
                "can_answer": self.actor.may(approvals.MANAGE),
                "live_seq": newest_stream_seq(self.actor),
            },
        )


class CiSync(CiPage):
    """`POST /ci/<id>/sync`: ask the host how the run stands."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = self.find(pk)
        if ci.sync_run(str(run.repository_id), run.external_id) is None:
            word = "The host did not tell of this run just now; what is shown may be old."
            messages.warning(self.request, word)
        else:
            self.note("Up to date with the host.")
        return redirect(f"/ci/{pk}")


class CiCancel(CiPage):
    """`POST /ci/<id>/cancel`."""

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        ci.cancel_run(self.actor, self.find(pk))
        self.note("The host was asked to stop the run.")
        return redirect(_back(request, pk))


class CiRetry(CiPage):
    """`POST /ci/<id>/retry`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        run = self.find(pk)
        again = ci.retry_run(self.actor, run)
        fresh = selectors.git_pipelines(self.actor).filter(
            repository_id=run.repository_id, external_id=again or run.external_id
        )
        self.note("The host runs it again.")
        found = fresh.first()
        return redirect(f"/ci/{found.pk if found else pk}")


class JobLogDownload(CiPage):
    """`/ci/<id>/jobs/<job>/log`: what we hold of a job's log, as a file."""

    def get(self, _request: HttpRequest, pk: uuid.UUID, job_id: uuid.UUID) -> HttpResponse:
        job = selectors.job_of_run(self.actor, pk, job_id)
        data, _ = log_reader.read_bytes(job.pk, 0, MAX_DOWNLOAD)
        name = f"{slugify(job.name) or 'job'}-{job.external_id[:20]}.log"
        safe = "".join(each if each.isalnum() or each in "-." else "-" for each in name)
        return HttpResponse(
            data,
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{safe}"',
                "X-Content-Type-Options": "nosniff",
            },
        )


class CiTrigger(Page):
    """`/ci/trigger`: have a host start a workflow."""

    nav_area = "ci"

    def get(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(ci.TRIGGER)
        mirror = self._mirror(request.GET.get("repository", ""))
        if mirror is None:
            return self._show(None, None, [], "")
        workflows, branches, problem = self._ask(mirror)
        form = TriggerForm(
            workflows=workflows,
            initial={"ref": request.GET.get("ref", "")[:255] or mirror.default_branch},
        )
        return self._show(mirror, form, branches, problem)

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(ci.TRIGGER)
        mirror = self._mirror(request.POST.get("repository", ""))
        if mirror is None:
            return redirect("/ci/trigger")
        workflows, branches, problem = self._ask(mirror)
        form = TriggerForm(request.POST, workflows=workflows)
        if not form.is_valid():
            return self._show(mirror, form, branches, problem, status=422)
        try:
            run_id = ci.trigger_run(self.actor, mirror, **form.cleaned_data)
        except DomainError as error:
            show_errors(form, error)
            return self._show(mirror, form, branches, problem, status=error.status)
        rows = selectors.git_pipelines(self.actor).filter(repository=mirror, external_id=run_id)
        found = rows.first() if run_id else None
        if found is not None:
            self.note("The host started it.")
            return redirect(f"/ci/{found.pk}")
        self.note("The host took it; its run appears here when the host tells of it.")
        return redirect("/ci?source=hosts")

    def _mirror(self, key: str) -> GitRepository | None:
        try:
            pk = uuid.UUID(key)
        except ValueError:
            return None
        return selectors.git_repository(self.actor, pk)

    def _ask(self, mirror: GitRepository) -> tuple[list[tuple[str, str]], list[str], str]:
        """Workflows, branches, and why the host told of none."""
        try:
            workflows, branches = ci.list_workflows(self.actor, mirror)
        except DomainError as error:
            return [], [], f"{error.detail} {error.remedy}".strip()
        choices = [
            (each.path.rsplit("/", 1)[-1] or each.id, f"{each.name} ({each.path})")
            for each in workflows
        ]
        return choices, branches, ""

    def _show(
        self,
        mirror: GitRepository | None,
        form: forms.Form | None,
        branches: list[str],
        problem: str,
        *,
        status: int = 200,
    ) -> HttpResponse:
        context = {
            "mirror": mirror,
            "form": form,
            "branches": branches,
            "problem": problem,
            "repositories": selectors.triggerable_repositories(self.actor),
        }
        return self.render("git/ci/trigger.html", context, status=status)


def _progress(run: GitPipeline) -> int:
    return round(100 * run.completed_jobs / run.total_jobs) if run.total_jobs else 0


def _job(job: GitPipelineJob) -> dict[str, Any]:
    runner = ", ".join(part for part in (job.runner_name, job.runner_os) if part)
    return {
        "id": job.pk,
        "name": job.name,
        "status": shown_status(job.status, job.conclusion),
        "runner": runner,
        "duration_ms": job.duration_ms,
        "started_at": job.started_at if job.status != CiStatus.QUEUED else None,
        "log_error": job.log_error,
        "host_url": safe_link(job.logs_url),
        "steps": [
            {
                "name": str(step.get("name", "")),
                "status": _step_status(step),
            }
            for step in job.steps[:200]
        ],
    }


def _step_status(step: dict[str, Any]) -> str:
    status = str(step.get("status", ""))
    if status not in CiStatus.values:
        return "pending"
    return shown_status(status, str(step.get("conclusion", "")))


def _current(jobs: list[GitPipelineJob]) -> uuid.UUID | None:
    """The job that one wants to see: the first that failed, else one that runs, else the first."""
    for wanted in ("failure", "running"):
        for job in jobs:
            if shown_status(job.status, job.conclusion) == wanted:
                return job.pk
    return jobs[0].pk if jobs else None


def _back(request: HttpRequest, pk: uuid.UUID) -> str:
    return "/ci" if request.POST.get("back") == "list" else f"/ci/{pk}"
