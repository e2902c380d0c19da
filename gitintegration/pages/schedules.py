"""Schedules that have the hosts' own CI start a workflow."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.cron_words import describe_cron
from devops.errors import DomainError
from devops.pages.base import Page, cursor_page, one_of
from devops.pages.forms import pairs_text, show_errors
from gitintegration import selectors
from gitintegration.models import GitPipelineSchedule
from gitintegration.operations import schedules
from gitintegration.pages.ci_forms import NewScheduleForm, ScheduleForm

LIST = "/ci/schedules"


class ScheduleList(Page):
    """`/ci/schedules`."""

    nav_area = "schedules"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "").strip()[:200] for name in ("state", "search")}
        rows = selectors.git_schedules(self.actor)
        if filters["state"] in {"active", "paused"}:
            rows = rows.filter(is_active=filters["state"] == "active")
        if filters["state"] == "failing":
            rows = rows.filter(last_run_status="failure")
        if filters["search"]:
            by_name = rows.filter(name__icontains=filters["search"])
            rows = by_name | rows.filter(repository__full_name__icontains=filters["search"])
        found, page = cursor_page(request, rows)
        return self.render(
            "git/schedules/list.html",
            {
                "schedules": [_row(each) for each in found],
                "filters": filters,
                "is_filtered": any(filters.values()),
                "page": page,
                "can_manage": self.actor.may(schedules.MANAGE),
                "has_mirrors": bool(selectors.triggerable_repositories(self.actor)),
            },
        )


class SchedulePage(Page):
    """The base of the pages of one schedule."""

    nav_area = "schedules"

    def find(self, pk: uuid.UUID) -> GitPipelineSchedule:
        return one_of(selectors.git_schedules(self.actor), pk)


class ScheduleNew(SchedulePage):
    """`/ci/schedules/new`."""

    def get(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(schedules.MANAGE)
        chosen = request.GET.get("repository", "")[:40]
        return self._show(self._form(None, {"repository": chosen} if chosen else {}))

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(schedules.MANAGE)
        form = self._form(request.POST, {})
        if not form.is_valid():
            return self._show(form, status=422)
        values = dict(form.cleaned_data)
        mirror = one_of(selectors.git_repositories(self.actor), values.pop("repository"))
        if not values["ref"]:
            values["ref"] = mirror.default_branch
        try:
            made = schedules.create_git_schedule(self.actor, mirror, values)
        except DomainError as error:
            show_errors(form, error)
            return self._show(form, status=error.status)
        self.note(f"{made.name} is set: {describe_cron(made.cron_expression)}.")
        return redirect(f"{LIST}/{made.pk}")

    def _form(self, data: Any, initial: dict[str, str]) -> NewScheduleForm:
        mirrors = selectors.triggerable_repositories(self.actor)
        choices = [(str(row.pk), row.full_name) for row in mirrors]
        return NewScheduleForm(data, initial=initial, repositories=choices)

    def _show(self, form: forms.Form, *, status: int = 200) -> HttpResponse:
        context = {"form": form, "schedule": None}
        return self.render("git/schedules/form.html", context, status=status)


class ScheduleDetail(SchedulePage):
    """`/ci/schedules/<id>`: its next times, and the form that changes it."""

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        schedule = self.find(pk)
        names = ScheduleForm.base_fields
        initial = {name: getattr(schedule, name) for name in names if name != "inputs"}
        return self._show(
            schedule, ScheduleForm(initial={**initial, "inputs": pairs_text(schedule.inputs)})
        )

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        schedule = self.find(pk)
        form = ScheduleForm(request.POST)
        if not form.is_valid():
            return self._show(schedule, form, status=422)
        values = dict(form.cleaned_data)
        if not values["ref"]:
            values["ref"] = schedule.repository.default_branch
        try:
            schedules.update_git_schedule(self.actor, schedule, values)
        except DomainError as error:
            show_errors(form, error)
            return self._show(self.find(pk), form, status=error.status)
        self.note("Saved.")
        return redirect(f"{LIST}/{pk}")

    def _show(
        self, schedule: GitPipelineSchedule, form: forms.Form, *, status: int = 200
    ) -> HttpResponse:
        context = {
            "form": form,
            "schedule": _row(schedule),
            "next_times": schedules.next_times(schedule),
            "can_manage": self.actor.may(schedules.MANAGE),
        }
        return self.render("git/schedules/detail.html", context, status=status)


class ScheduleTrigger(SchedulePage):
    """`POST /ci/schedules/<id>/trigger`: once, now."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        schedule = schedules.fire_now(self.actor, self.find(pk))
        if schedule.last_run_status == "failure":
            messages.error(self.request, f"The host did not take it: {schedule.last_error}")
            return redirect(f"{LIST}/{pk}")
        self.note("The host started it.")
        return redirect(f"{LIST}/{pk}")


class ScheduleActive(SchedulePage):
    """`POST /ci/schedules/<id>/pause` and `/resume`."""

    is_active = True

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        schedule = self.find(pk)
        schedules.update_git_schedule(self.actor, schedule, {"is_active": self.is_active})
        word = "goes on" if self.is_active else "starts nothing until it is resumed"
        self.note(f"{schedule.name} {word}.")
        return redirect(f"{LIST}/{pk}")


class ScheduleDelete(SchedulePage):
    """`POST /ci/schedules/<id>/delete`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        schedule = self.find(pk)
        name = schedule.name
        schedules.delete_git_schedule(self.actor, schedule)
        self.note(f"{name} is deleted; the runs that it started stay.")
        return redirect(LIST)


def _row(schedule: GitPipelineSchedule) -> dict[str, Any]:
    run = schedule.last_pipeline
    rate = None
    if schedule.run_count:
        rate = round(100 * schedule.success_count / schedule.run_count)
    return {
        "id": schedule.pk,
        "url": f"{LIST}/{schedule.pk}",
        "name": schedule.name,
        "description": schedule.description,
        "repository": schedule.repository.full_name,
        "repository_url": f"/git/repositories/{schedule.repository_id}",
        "words": describe_cron(schedule.cron_expression),
        "cron": schedule.cron_expression,
        "timezone": schedule.timezone,
        "ref": schedule.ref,
        "workflow": schedule.workflow_file,
        "is_active": schedule.is_active,
        "is_overdue": schedules.is_overdue(schedule),
        "next_run_at": schedule.next_run_at,
        "last_run_at": schedule.last_run_at,
        "last_status": schedule.last_run_status,
        "last_error": schedule.last_error,
        "last_run_url": f"/ci/{run.pk}" if run else "",
        "run_count": schedule.run_count,
        "failure_count": schedule.failure_count,
        "in_a_row": schedule.consecutive_failures,
        "success_percent": rate,
    }
