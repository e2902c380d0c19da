"""`/pipelines/<slug>/tests`: what is known of each test, one test's page, and quarantine."""

import uuid
from datetime import date, datetime, time
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from devops.errors import DomainError
from devops.pages.base import ordered_page
from devops.pages.forms import show_errors
from pipelines import known_tests
from pipelines.filters import TEST_STATES, in_state, named
from pipelines.models import KnownTest, Pipeline
from pipelines.operations.definitions import WRITE
from pipelines.operations.quarantines import REASON_MAX, quarantine_test, release_test
from pipelines.pages.pipelines import PipelinePage

BARS = 30
_UTC = ZoneInfo("UTC")
_ORDERINGS = [
    ("score", "Flakiest first"), ("failures", "Most failures first"), ("duration", "Slowest first"),
]  # fmt: skip
# Between these parts of the usual duration before, nothing is said.
_FASTER, _SLOWER = 0.8, 1.25


class QuarantineForm(forms.Form):
    """Why a test is put aside, and until when."""

    reason = forms.CharField(
        max_length=REASON_MAX, label="Reason", help_text="Best with the address of an issue."
    )
    until = forms.DateField(
        required=False, label="Until", widget=forms.DateInput(attrs={"type": "date"}),
        help_text="It is released at the end of this day (UTC). Empty: until somebody does.",
    )  # fmt: skip


class PipelineTests(PipelinePage):
    """`/pipelines/<slug>/tests`."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        pipeline = self.find(slug)
        rows = known_tests.known_tests(self.actor, pipeline.pk)
        has_tests = rows.exists()
        counts = {state: in_state(rows, state).count() for state in TEST_STATES}
        filters = {name: request.GET.get(name, "").strip()[:200] for name in ("state", "search")}
        ordering = request.GET.get("ordering", "")
        ordering = ordering if ordering in known_tests.ORDERINGS else "score"
        if filters["state"] in TEST_STATES:
            rows = in_state(rows, filters["state"])
        if filters["search"]:
            rows = named(rows, filters["search"])
        found, page = ordered_page(request, rows, known_tests.ORDERINGS[ordering])
        return self.render(
            "pipelines/tests.html",
            {
                "pipeline": pipeline,
                "tab": "tests",
                "tests": [shown(pipeline, row) for row in found],
                "page": page,
                "filters": {**filters, "ordering": ordering},
                "is_filtered": any(filters.values()),
                "has_tests": has_tests,
                "states": [(name, name.capitalize(), counts[name]) for name in TEST_STATES],
                "orderings": _ORDERINGS,
                "can_write": self.actor.may(WRITE),
            },
        )


class TestPage(PipelinePage):
    """`/pipelines/<slug>/tests/<id>`: one test's history."""

    __test__: ClassVar[bool] = False  # pytest collects classes named Test*

    def get(self, _request: HttpRequest, slug: str, pk: uuid.UUID) -> HttpResponse:
        return self.show(self.find(slug), pk, QuarantineForm())

    def show(
        self, pipeline: Pipeline, pk: uuid.UUID, form: forms.Form, *, status: int = 200
    ) -> HttpResponse:
        """The page; after a refusal with what was typed still in it."""
        test: Any = shown(pipeline, known_tests.one_test(self.actor, pipeline.pk, pk))
        return self.render(
            "pipelines/test.html",
            {
                "pipeline": pipeline,
                "tab": "tests",
                "test": test,
                "made_of": known_tests.flakiness_of(test),
                "history": known_tests.history(self.actor, test),
                "quarantines": known_tests.quarantines_of(self.actor, test),
                "held": test.holding[0] if test.holding else None,
                "form": form,
                "can_write": self.actor.may(WRITE),
            },
            status=status,
        )


class TestQuarantineBegin(TestPage):
    """`POST /pipelines/<slug>/tests/<id>/quarantine`."""

    def post(self, request: HttpRequest, slug: str, pk: uuid.UUID) -> HttpResponse:
        pipeline = self.find(slug)
        test = known_tests.one_test(self.actor, pipeline.pk, pk)
        form = QuarantineForm(request.POST)
        if not form.is_valid():
            return self.show(pipeline, pk, form, status=422)
        try:
            quarantine_test(
                self.actor, test, reason=form.cleaned_data["reason"],
                expires_at=_end_of(form.cleaned_data["until"]),
            )  # fmt: skip
        except DomainError as error:
            show_errors(form, error, {"expires_at": "until"})
            return self.show(pipeline, pk, form, status=error.status)
        self.note(f"{test.name} is in quarantine.")
        return redirect(_address(pipeline, test))


class TestRelease(PipelinePage):
    """`POST /pipelines/<slug>/tests/<id>/release`."""

    __test__: ClassVar[bool] = False  # pytest collects classes named Test*

    def post(self, _request: HttpRequest, slug: str, pk: uuid.UUID) -> HttpResponse:
        pipeline = self.find(slug)
        test = known_tests.one_test(self.actor, pipeline.pk, pk)
        try:
            release_test(self.actor, test)
        except DomainError as error:
            return self.refuse(error, _address(pipeline, test))
        self.note(f"{test.name} is released: its failure fails the step again.")
        return redirect(_address(pipeline, test))


def shown(pipeline: Pipeline, test: KnownTest) -> KnownTest:
    """A test with what templates show of it."""
    row: Any = test
    row.url = _address(pipeline, test)
    row.bars = known_tests.outcomes_of(test)[-BARS:]
    row.percent = f"{test.score / 10:.0f}" if test.score != 0 else "0"
    row.is_suggested = known_tests.is_suggested(test)
    row.trend = row.before = ""
    if test.median_before_ms:
        part = test.median_ms / test.median_before_ms
        row.before = f"{test.median_before_ms / 1000:.3g} s"
        row.trend = "slower" if part > _SLOWER else "faster" if part < _FASTER else ""
    return test


def _address(pipeline: Pipeline, test: KnownTest) -> str:
    return f"{pipeline.url}/tests/{test.pk}"


def _end_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(23, 59, 59), _UTC) if day else None
