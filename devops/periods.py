"""Spans of time as ranges of keys: keys are in the order of their making, so an index counts."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from devops.ids import first_uuid7


@dataclass(frozen=True, slots=True)
class Period:
    """What was made from `start` on, before the next period starts; `first` and `end` are keys."""

    start: datetime
    first: uuid.UUID
    end: uuid.UUID


def midnight() -> datetime:
    """When today began, by UTC."""
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def made_today() -> uuid.UUID:
    """The smallest key that was made today, by UTC."""
    return first_uuid7(midnight())


def days(count: int) -> Sequence[Period]:
    """The last days, oldest first, today included."""
    return _periods(midnight() - timedelta(days=count - 1), timedelta(days=1), count)


def weeks(count: int) -> Sequence[Period]:
    """The last weeks from Monday on, oldest first, the present one included."""
    monday = midnight() - timedelta(days=midnight().weekday())
    return _periods(monday - timedelta(weeks=count - 1), timedelta(weeks=1), count)


def _periods(start: datetime, length: timedelta, count: int) -> Sequence[Period]:
    starts = [start + number * length for number in range(count + 1)]
    keys = [first_uuid7(each) for each in starts]
    return [Period(starts[n], keys[n], keys[n + 1]) for n in range(count)]
