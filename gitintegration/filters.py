"""Filters of the git integration's lists, for the API and the pages."""

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet

from gitintegration.choices import (
    CiStatus,
    ProviderType,
    RunnerScope,
    RunnerStatus,
    WebhookEventStatus,
)
from gitintegration.models import (
    AccountGitWebhookConfig,
    GitPipeline,
    GitPipelineApproval,
    GitPipelineSchedule,
    GitProvider,
    GitRepository,
    GitRunner,
    GitWebhookEvent,
)


class WebhookEventFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which deliveries."""

    status = filters.ChoiceFilter(choices=WebhookEventStatus.choices)
    event_type = filters.CharFilter(max_length=60)
    repository_id = filters.UUIDFilter()
    provider_id = filters.UUIDFilter(field_name="git_provider_id")
    since = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = GitWebhookEvent
        fields: list[str] = []


class ProviderFilter(filters.FilterSet):  # type: ignore[misc]
    """Which hosts."""

    provider_type = filters.ChoiceFilter(choices=ProviderType.choices)
    is_active = filters.BooleanFilter()
    search = filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=200)

    class Meta:
        model = GitProvider
        fields: list[str] = []


class RepositoryFilter(filters.FilterSet):  # type: ignore[misc]
    """Which mirrors, and in which order."""

    search = filters.CharFilter(method="by_words", max_length=200)
    provider_id = filters.UUIDFilter(field_name="credential__provider_id")
    credential_id = filters.UUIDFilter()
    is_private = filters.BooleanFilter()
    visibility = filters.ChoiceFilter(
        choices=[("private", "private"), ("public", "public")], method="by_visibility"
    )
    webhook_configured = filters.BooleanFilter()
    is_archived = filters.BooleanFilter()
    language = filters.CharFilter(method="by_language", max_length=60)

    class Meta:
        model = GitRepository
        fields: list[str] = []

    def by_words(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Those whose name, full name or owner has the text."""
        return rows.filter(Q(full_name__icontains=value) | Q(name__icontains=value))

    def by_visibility(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Private or public ones."""
        return rows.filter(is_private=value == "private")

    def by_language(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Those with the language."""
        return rows.filter(languages__has_key=value)


class CiFilter(filters.FilterSet):  # type: ignore[misc]
    """Which runs of the hosts' own CI; `running` means in progress."""

    repository_id = filters.UUIDFilter()
    status = filters.ChoiceFilter(
        choices=[*CiStatus.choices, ("running", "running")], method="by_status"
    )
    conclusion = filters.CharFilter(max_length=20)
    ref = filters.CharFilter(max_length=500)

    class Meta:
        model = GitPipeline
        fields: list[str] = []

    def by_status(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Those in the status."""
        return rows.filter(status="in_progress" if value == "running" else value)


class ScheduleFilter(filters.FilterSet):  # type: ignore[misc]
    """Which schedules."""

    is_active = filters.BooleanFilter()
    last_run_status = filters.CharFilter(max_length=10)

    class Meta:
        model = GitPipelineSchedule
        fields: list[str] = []


class ApprovalFilter(filters.FilterSet):  # type: ignore[misc]
    """Which approvals."""

    status = filters.CharFilter(max_length=10)
    environment = filters.CharFilter(max_length=100)
    pipeline_id = filters.UUIDFilter()

    class Meta:
        model = GitPipelineApproval
        fields: list[str] = []


class RunnerFilter(filters.FilterSet):  # type: ignore[misc]
    """Which runners."""

    status = filters.ChoiceFilter(choices=RunnerStatus.choices)
    scope = filters.ChoiceFilter(field_name="runner_scope", choices=RunnerScope.choices)
    credential_id = filters.UUIDFilter()
    repository_id = filters.UUIDFilter()
    search = filters.CharFilter(field_name="name", lookup_expr="icontains", max_length=200)

    class Meta:
        model = GitRunner
        fields: list[str] = []


class ReceiverFilter(filters.FilterSet):  # type: ignore[misc]
    """Which receivers of git events."""

    is_active = filters.BooleanFilter()
    search = filters.CharFilter(method="by_words", max_length=200)

    class Meta:
        model = AccountGitWebhookConfig
        fields: list[str] = []

    def by_words(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Those whose name or address has the text."""
        return rows.filter(Q(name__icontains=value) | Q(url__icontains=value))
