"""Filters of the kernel's lists."""

import django_filters as filters

from devops.models import AuditEvent


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
