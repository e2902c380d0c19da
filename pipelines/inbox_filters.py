"""Filters of the inbox; they need to know who is asking."""

import django_filters as filters
from django.db.models import QuerySet

from pipelines import inbox
from pipelines.choices import GateKind, GateStatus
from pipelines.filters import AnyOf
from pipelines.models import ApprovalGate


class ApprovalFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    """Which questions; `mine=true` are those that wait for the caller's own word."""

    status = AnyOf(choices=GateStatus.choices)
    kind = filters.ChoiceFilter(choices=GateKind.choices)
    pipeline_id = filters.UUIDFilter(field_name="run__pipeline_id")
    pipeline_run_id = filters.UUIDFilter(field_name="run_id")
    mine = filters.BooleanFilter(method="of_caller")

    class Meta:
        model = ApprovalGate
        fields: list[str] = []

    def of_caller(
        self,
        rows: QuerySet[ApprovalGate],
        _name: str,
        value: bool,  # noqa: FBT001  (how django-filter calls it)
    ) -> QuerySet[ApprovalGate]:
        """Those that wait for the caller, or the others."""
        mine = inbox.for_actor(self.request.auth, rows)
        return mine if value else rows.exclude(pk__in=mine.values("pk"))
