"""Filters of pipelines' lists, for the API and the pages."""

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils import timezone

from pipelines.choices import (
    Difficulty,
    PipelineType,
    RunStatus,
    TemplateCategory,
    TemplateStatus,
    TriggerType,
)
from pipelines.models import (
    KnownTest,
    Pipeline,
    PipelineRun,
    PipelineTemplate,
    Schedule,
    StepCache,
    TestQuarantine,
)

# From this usual duration on a test is called slow.
SLOW_MS = 1000
TEST_STATES = ("flaky", "failing", "slow", "quarantined")


class PipelineFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which pipelines; `search` looks into the name."""

    is_active = filters.BooleanFilter()
    pipeline_type = filters.ChoiceFilter(choices=PipelineType.choices)
    repository_id = filters.UUIDFilter(field_name="links__repository_id")
    slug = filters.CharFilter(max_length=64)
    search = filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=200)

    class Meta:
        model = Pipeline
        fields: list[str] = []


class AnyOf(filters.BaseInFilter, filters.ChoiceFilter):  # type: ignore[misc]  # untyped
    """Some of the choices, separated by commas."""


class CacheFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which caches; `key` is the beginning of a key."""

    repository_id = filters.UUIDFilter()
    pipeline_id = filters.UUIDFilter()
    key = filters.CharFilter(lookup_expr="startswith", max_length=512)

    class Meta:
        model = StepCache
        fields: list[str] = []


def holding() -> Q:
    """The quarantines that hold now."""
    now = timezone.now()
    return Q(ended_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))


def in_state(rows: QuerySet[KnownTest], state: str) -> QuerySet[KnownTest]:
    """Those that are flaky, failing, slow or quarantined."""
    if state == "flaky":
        return rows.filter(score__gt=0)
    if state == "failing":
        return rows.filter(last_status__in=("failed", "error"))
    if state == "slow":
        return rows.filter(median_ms__gte=SLOW_MS)
    held = TestQuarantine._base_manager.filter(holding())
    return rows.filter(pk__in=held.values("test"))


def named(rows: QuerySet[KnownTest], word: str) -> QuerySet[KnownTest]:
    """Those with a word in their suite or name."""
    return rows.filter(Q(name__icontains=word) | Q(suite__icontains=word))


class KnownTestFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which tests of a pipeline; `search` looks into suite and name."""

    state = filters.ChoiceFilter(choices=[(name, name) for name in TEST_STATES], method="by_state")
    search = filters.CharFilter(method="by_word", max_length=200)

    class Meta:
        model = KnownTest
        fields: list[str] = []

    def by_state(self, rows: QuerySet[KnownTest], _name: str, state: str) -> QuerySet[KnownTest]:
        """Flaky, failing, slow or quarantined."""
        return in_state(rows, state)

    def by_word(self, rows: QuerySet[KnownTest], _name: str, word: str) -> QuerySet[KnownTest]:
        """Somewhere in suite or name."""
        return named(rows, word)


class RunFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which runs; several statuses are separated by commas."""

    pipeline_id = filters.UUIDFilter()
    status = AnyOf(choices=RunStatus.choices)
    branch = filters.CharFilter(max_length=255)
    trigger_type = filters.ChoiceFilter(choices=TriggerType.choices)
    commit_sha = filters.CharFilter(max_length=64)
    since = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = PipelineRun
        fields: list[str] = []


class ScheduleFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which schedules; `search` looks into the name."""

    pipeline_id = filters.UUIDFilter()
    is_active = filters.BooleanFilter()
    search = filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=200)

    class Meta:
        model = Schedule
        fields: list[str] = []


def templates_with(rows: QuerySet[PipelineTemplate], words: str) -> QuerySet[PipelineTemplate]:
    """Those whose name, description or slug contains each of the words."""
    for word in words.split()[:8]:
        rows = rows.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word)
        )
    return rows


class TemplateFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which templates; `search` looks for each word in name, description and slug."""

    category = filters.ChoiceFilter(choices=TemplateCategory.choices)
    difficulty_level = filters.ChoiceFilter(choices=Difficulty.choices)
    status = filters.ChoiceFilter(choices=TemplateStatus.choices)
    is_featured = filters.BooleanFilter()
    is_system = filters.BooleanFilter()
    min_rating = filters.NumberFilter(field_name="rating", lookup_expr="gte")
    search = filters.CharFilter(method="by_words", max_length=200)

    class Meta:
        model = PipelineTemplate
        fields: list[str] = []

    def by_words(
        self, rows: QuerySet[PipelineTemplate], _name: str, words: str
    ) -> QuerySet[PipelineTemplate]:
        """Each word somewhere."""
        return templates_with(rows, words)
