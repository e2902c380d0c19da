"""What starts by the clock: schedules of pipelines, their times, and how punctual they are."""

import uuid
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from devops.cron import check_cron, check_zone, next_times
from devops.cron_words import describe_cron
from devops.errors import DomainError, Invalid, Stale
from devops.pages.base import Page, cursor_page
from devops.pages.conflicts import RowForm, seen_in, show_overtaken
from devops.pages.forms import PairsField, pairs_text, show_errors
from devops.versions import version_of
from pipelines import selectors, timetable
from pipelines.choices import JITTER_MAX_SECONDS
from pipelines.inputs import declared_inputs, typed_input
from pipelines.models import Pipeline, Schedule
from pipelines.operations import schedules as operations
from pipelines.operations.firing import trigger_schedule

LIST = "/schedules"
FIRES_SHOWN = 30
TIMES_SHOWN = 3
_MISSED = [
    ("latest", "Start the last one"), ("skip", "Start none"), ("all", "Start each, at most ten"),
]  # fmt: skip
_OVERLAP = [
    ("queue", "Start another; the pipeline's own rule decides who waits"),
    ("skip", "Leave the time out"), ("cancel_running", "Stop the earlier run"),
]  # fmt: skip


class ScheduleForm(RowForm):
    """When a pipeline starts, and with what."""

    name = forms.CharField(max_length=200, label="Name")
    cron_expression = forms.CharField(
        max_length=100, label="Times (cron)",
        widget=forms.TextInput({"class": "mono", "placeholder": "0 3 * * 1-5"}),
        help_text="Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly.",
    )  # fmt: skip
    timezone = forms.ChoiceField(
        choices=lambda: [
            (zone, zone) for zone in ("UTC", *sorted(available_timezones() - {"UTC"}))
        ],
        initial="UTC", label="Time zone",
        help_text="A time that the clocks skip comes right after the gap; one that they repeat, "
        "once.",
    )  # fmt: skip
    ref = forms.CharField(
        max_length=255, required=False, label="Branch", widget=forms.TextInput({"class": "mono"}),
        help_text="Empty: the repository's default branch.",
    )  # fmt: skip
    missed = forms.ChoiceField(
        choices=_MISSED, initial="latest", label="Times missed while nothing ran"
    )
    overlap = forms.ChoiceField(
        choices=_OVERLAP, initial="queue", label="While an earlier run goes on"
    )
    jitter_seconds = forms.IntegerField(
        min_value=0, max_value=JITTER_MAX_SECONDS, initial=0, required=False,
        label="Spread, seconds",
        help_text="Each time comes up to so much later, always by the same; many schedules at one "
        "time do not meet then.",
    )  # fmt: skip
    inputs = PairsField(label="Inputs", help_text="One name=value per line.")

    def clean_jitter_seconds(self) -> int:
        """Nothing is none."""
        return int(self.cleaned_data["jitter_seconds"] or 0)


class NewScheduleForm(ScheduleForm):
    """The same, with the pipeline."""

    pipeline = forms.UUIDField(label="Pipeline")
    field_order = ["pipeline", "name"]

    def __init__(self, *args: object, pipelines: list[tuple[str, str]], **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # passed on as they came
        self.fields["pipeline"].widget = forms.Select(choices=pipelines)


class ScheduleList(Page):
    """`/schedules`."""

    nav_area = "schedules"

    def get(self, request: HttpRequest) -> HttpResponse:
        filters = {name: request.GET.get(name, "").strip()[:200] for name in ("state", "search")}
        rows = timetable.schedules(self.actor)
        if filters["state"] in {"active", "paused"}:
            rows = rows.filter(is_active=filters["state"] == "active")
        if filters["search"]:
            word = filters["search"]
            rows = rows.filter(name__icontains=word) | rows.filter(pipeline__name__icontains=word)
        found, page = cursor_page(request, rows)
        late = timetable.lateness_of(self.actor, [row.pk for row in found])
        return self.render(
            "schedules/list.html",
            {
                "schedules": [schedule_row(row, late[row.pk]) for row in found],
                "filters": filters,
                "is_filtered": any(filters.values()),
                "page": page,
                "lateness": timetable.lateness(self.actor),
                "can_write": self.actor.may(operations.WRITE),
                "has_pipelines": bool(selectors.pipeline_names(self.actor)[:1]),
            },
        )


class ScheduleNew(Page):
    """`/schedules/new`."""

    nav_area = "schedules"

    def get(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(operations.WRITE)
        chosen = request.GET.get("pipeline", "")[:40]
        return self._show(self._form(None, {"pipeline": chosen} if chosen else {}))

    def post(self, request: HttpRequest) -> HttpResponse:
        self.actor.require(operations.WRITE)
        form = self._form(request.POST, {})
        if not form.is_valid():
            return self._show(form, status=422)
        values = dict(form.cleaned_data)
        pipeline = selectors.pipeline(self.actor, values.pop("pipeline"))
        try:
            made = operations.create_schedule(self.actor, pipeline, _typed(pipeline, values))
        except DomainError as error:
            show_errors(form, error)
            return self._show(form, status=error.status)
        self.note(f"{made.name} is set: {describe_cron(made.cron_expression)}.")
        return redirect(made.url)

    def _form(self, data: Any, initial: Mapping[str, Any]) -> NewScheduleForm:
        choices = [(str(row.pk), row.name) for row in selectors.pipeline_names(self.actor)]
        return NewScheduleForm(data, initial=initial, pipelines=choices)

    def _show(self, form: forms.Form, *, status: int = 200) -> HttpResponse:
        return self.render("schedules/new.html", {"form": form}, status=status)


class ScheduleDetail(Page):
    """`/schedules/<id>`: its next times, the last ones, and the form that changes it."""

    nav_area = "schedules"

    def get(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = timetable.schedule(self.actor, pk)
        form = ScheduleForm(initial={**_stored(row), "inputs": pairs_text(row.inputs)})
        form.seen = version_of(row)
        return self._show(row, form)

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = timetable.schedule(self.actor, pk)
        form = ScheduleForm(request.POST)
        form.seen = seen_in(request)
        if not form.is_valid():
            return self._show(row, form, status=422)
        try:
            values = _typed(row.pipeline, dict(form.cleaned_data))
            operations.update_schedule(self.actor, row, values, seen=form.seen)
        except Stale as error:
            row = timetable.schedule(self.actor, pk)
            show_overtaken(form, self.actor, row, _stored(row))
            return self._show(row, form, status=error.status)
        except DomainError as error:
            show_errors(form, error)
            return self._show(timetable.schedule(self.actor, pk), form, status=error.status)
        self.note("Saved.")
        return redirect(row.url)

    def _show(self, row: Schedule, form: forms.Form, *, status: int = 200) -> HttpResponse:
        late = timetable.lateness_of(self.actor, [row.pk])[row.pk]
        place = ZoneInfo(row.timezone)
        return self.render(
            "schedules/detail.html",
            {
                "schedule": schedule_row(row, late),
                "form": form,
                # As the clocks of the schedule's own zone show them; the rest of the page is UTC.
                "next_times": [
                    (time, f"{time.astimezone(place):%a %d %b %H:%M %Z}")
                    for time in timetable.coming(row)
                ],
                "fires": list(timetable.fires(self.actor, row)[:FIRES_SHOWN]),
                "can_write": self.actor.may(operations.WRITE),
            },
            status=status,
        )


class ScheduleTimes(Page):
    """`/schedules/times?cron=&timezone=`: what an expression means and its next times, as JSON."""

    nav_area = "schedules"

    def get(self, request: HttpRequest) -> HttpResponse:
        cron = request.GET.get("cron", "")[:100]
        zone = request.GET.get("timezone", "")[:64] or "UTC"
        self.actor.require(selectors.READ_PIPELINES)
        try:
            check_cron(cron)
            check_zone(zone)
            times = next_times(cron, zone, timezone.now(), TIMES_SHOWN)
        except (Invalid, ValueError) as error:
            words = error.detail if isinstance(error, Invalid) else "It has no time to come."
            return JsonResponse({"problem": words})
        shown = [f"{time.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %Z}" for time in times]
        return JsonResponse({"words": describe_cron(cron), "times": shown})


class ScheduleTrigger(Page):
    """`POST /schedules/<id>/trigger`: once, now."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = timetable.schedule(self.actor, pk)
        self.actor.require(operations.WRITE)
        try:
            run = trigger_schedule(self.actor, row)
        except DomainError as error:
            return self.refuse(error, row.url)
        return redirect(run.url)


class ScheduleToggle(Page):
    """`POST /schedules/<id>/toggle`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = operations.toggle_schedule(self.actor, timetable.schedule(self.actor, pk))
        word = "goes on" if row.is_active else "starts nothing until it is switched on"
        self.note(f"{row.name} {word}.")
        return redirect(row.url)


class ScheduleDelete(Page):
    """`POST /schedules/<id>/delete`."""

    def post(self, _request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        row = timetable.schedule(self.actor, pk)
        self.actor.require(operations.WRITE)
        try:
            operations.delete_schedule(self.actor, row)
        except DomainError as error:
            return self.refuse(error, row.url)
        self.note(f"{row.name} is deleted; the runs that it started stay.")
        return redirect(LIST)


def _stored(row: Schedule) -> dict[str, Any]:
    """The schedule by the names of the form's fields."""
    return {name: getattr(row, name) for name in ScheduleForm.base_fields}


def _typed(pipeline: Pipeline, values: dict[str, Any]) -> dict[str, Any]:
    """The form's texts as the types that the pipeline declares."""
    declared = declared_inputs(pipeline.triggers)
    values["inputs"] = {
        name: typed_input(declared.get(name, {}), text) for name, text in values["inputs"].items()
    }
    return values


def schedule_row(row: Schedule, late: timetable.Lateness | None = None) -> dict[str, Any]:
    """A schedule as the pages show it."""
    return {
        "id": row.pk,
        "url": row.url,
        "name": row.name,
        "pipeline": row.pipeline,
        "words": describe_cron(row.cron_expression),
        "cron": row.cron_expression,
        "timezone": row.timezone,
        "is_active": row.is_active,
        "is_pipeline_active": row.pipeline.is_active,
        "is_due": timetable.is_due(row),
        "is_from_document": bool(row.source_key),
        "missed": dict(_MISSED)[row.missed],
        "overlap": dict(_OVERLAP)[row.overlap],
        "jitter_seconds": row.jitter_seconds,
        "next_run_at": row.next_run_at,
        "last_run_at": row.last_run_at,
        "last_outcome": row.last_outcome,
        "last_detail": row.last_detail,
        "lateness": late,
    }
