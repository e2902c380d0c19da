"""Filters that exist, and no others."""

from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from devops.errors import FieldProblem, Invalid


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]  # django-filter is untyped
    """Applies the view's filter set; a value that it cannot read is a 400 naming it."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        """The rows that meet every filter.

        Raises:
            Invalid: naming each filter whose value cannot be read.
        """
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            problems = [
                FieldProblem(f"?{name}", "invalid-filter", str(message))
                for name, messages in filterset.errors.items()
                for message in messages
            ]
            raise Invalid(f"{problems[0].pointer[1:]}: {problems[0].detail}", errors=problems)
        rows: QuerySet[Any] = filterset.qs
        return rows


def check_query(given: list[str], allowed: set[str], *, is_list: bool) -> None:
    """Refuse query parameters that nobody reads.

    Raises:
        Invalid: naming each, and those that exist.
    """
    unknown = sorted(set(given) - allowed)
    if unknown:
        word = "filter" if is_list else "parameter"
        known = ", ".join(sorted(allowed)) or "none"
        raise Invalid(
            f"Unknown {word}: {', '.join(name[:60] for name in unknown)}",
            remedy=f"This address knows: {known}.",
            errors=[
                FieldProblem(f"?{name[:60]}", f"unknown-{word}", f"Unknown {word}: {name[:60]}")
                for name in unknown
            ],
        )
