"""Filters of the kernel's lists."""

import django_filters as filters

from devops.models import AiConfig, AuditEvent, PromptTemplate


class AuditEventFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Who did what to which kind of object, and when."""

    action = filters.CharFilter(max_length=80)
    actor = filters.CharFilter(field_name="actor_label", lookup_expr="icontains", max_length=200)
    target_type = filters.CharFilter(max_length=60)
    target_id = filters.CharFilter(max_length=64)
    since = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEvent
        fields: list[str] = []


class AiConfigFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Connections by state, kind and provider."""

    status = filters.ChoiceFilter(choices=AiConfig.Status.choices)
    type = filters.ChoiceFilter(field_name="config_type", choices=AiConfig.Kind.choices)
    provider = filters.CharFilter(max_length=50)

    class Meta:
        model = AiConfig
        fields: list[str] = []


class PromptTemplateFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Templates by category and state; `root_only` leaves later versions out."""

    category = filters.ChoiceFilter(choices=PromptTemplate.Category.choices)
    is_active = filters.BooleanFilter()
    slug = filters.CharFilter(max_length=80)
    root_only = filters.BooleanFilter(field_name="parent_template", lookup_expr="isnull")

    class Meta:
        model = PromptTemplate
        fields: list[str] = []
