"""Times of cron expressions in a time zone: what is one, when it comes next, in words.

In the night that lacks an hour, a time within it comes right after the gap; in the night that has
one twice, a fixed time comes once, at its first occurrence, while a beat (`*` as minute or hour)
goes on through both.
"""

import re
import zoneinfo
from datetime import UTC, datetime

from croniter import CroniterBadCronError, croniter

from devops.errors import Invalid

ALIASES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
# A year is looked at; 29 February may lie further off.
_FARTHEST_YEARS = 8
# Words of the library that mean a time by chance: no two beats would agree on one.
_CHANCE = re.compile(r"(?i)(^|,)[hr]($|[(/,])")


def check_cron(cron: str, *, pointer: str = "/cron_expression") -> None:
    """Refuse what is no cron expression of five fields, or an alias.

    Raises:
        Invalid: saying what is wrong.
    """
    fields = cron.split()
    if len(fields) == 6:
        raise Invalid.field(
            pointer, "Six fields would be seconds; schedules have whole minutes.",
            code="invalid-cron", remedy="Leave the seconds out: minute hour day month weekday.",
        )  # fmt: skip
    is_alias = len(fields) == 1 and cron.strip().lower() in ALIASES
    if len(fields) != 5 and not is_alias:
        raise Invalid.field(
            pointer, "Give five fields, or an alias such as @daily.", code="invalid-cron",
            remedy=f"Minute hour day month weekday; aliases: {', '.join(ALIASES)}.",
        )  # fmt: skip
    if any(_CHANCE.search(each) for each in fields):
        raise Invalid.field(
            pointer, "Not a cron expression: H and R are no times.", code="invalid-cron"
        )
    try:
        next_time(cron, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    except (CroniterBadCronError, ValueError, KeyError) as error:
        raise Invalid.field(
            pointer, f"Not a cron expression: {error}", code="invalid-cron"
        ) from error


def check_zone(zone: str, *, pointer: str = "/timezone") -> None:
    """Refuse what is no IANA time zone.

    Raises:
        Invalid: it is none.
    """
    if zone not in zoneinfo.available_timezones():
        raise Invalid.field(
            pointer, f"Unknown time zone: {zone[:60]!r}.", code="invalid-timezone",
            remedy="For example UTC or Europe/Berlin.",
        )  # fmt: skip


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first time of a cron expression after a moment, in UTC.

    Raises:
        ValueError: there is none.
    """
    place = zoneinfo.ZoneInfo(zone)
    times = croniter(cron, after.astimezone(place), max_years_between_matches=_FARTHEST_YEARS)
    while True:
        found: datetime = times.get_next(datetime)
        first = found.replace(tzinfo=place, fold=0).astimezone(UTC)
        if _goes_on(cron) or found.astimezone(UTC) == first:
            return found.astimezone(UTC)


def next_times(cron: str, zone: str, after: datetime, count: int) -> list[datetime]:
    """So many times after a moment, in UTC."""
    found: list[datetime] = []
    for _ in range(count):
        after = next_time(cron, zone, after)
        found.append(after)
    return found


def _goes_on(cron: str) -> bool:
    """Whether the times are a beat, which goes on through a repeated hour."""
    return cron.strip().lower() == "@hourly" or "*" in "".join(cron.split()[:2])
