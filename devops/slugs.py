"""Names in addresses: made of a name, numbered when taken."""

from typing import Any

from django.db.models import QuerySet
from django.utils.text import slugify


def free_slug(
    rows: QuerySet[Any], name: str, *, fallback: str, longest: int = 60, first: int = 2
) -> str:
    """The name's slug, or the first of its numbered forms that none of `rows` has.

    `longest` counts characters without the number; `first` is the first number.
    """
    base = slugify(name)[:longest].strip("-") or fallback
    taken = set(rows.filter(slug__startswith=base).values_list("slug", flat=True))
    if base not in taken:
        return base
    numbered = (f"{base}-{number}" for number in range(first, first + len(taken) + 1))
    return next(slug for slug in numbered if slug not in taken)
