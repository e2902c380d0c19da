"""Filters of the git integration's lists, for the API and the pages."""

import django_filters as filters

from gitintegration.choices import WebhookEventStatus
from gitintegration.models import GitWebhookEvent


class WebhookEventFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which deliveries."""

    status = filters.ChoiceFilter(choices=WebhookEventStatus.choices)
    event_type = filters.CharFilter(max_length=60)
    repository_id = filters.UUIDFilter()
    since = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = GitWebhookEvent
        fields: list[str] = []
