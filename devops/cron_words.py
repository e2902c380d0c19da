"""A cron expression as a sentence."""

from collections.abc import Sequence

_ALIASES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "", "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MOST_TIMES = 6


def describe_cron(expression: str) -> str:
    """What an expression means, such as `At 03:00 on Monday to Friday`; itself when it is odd."""
    fields = _ALIASES.get(expression.strip().lower(), expression).split()
    if len(fields) != 5:
        return expression
    minute, hour, day, month, weekday = fields
    try:
        days = _days(day, weekday)
        # "Every hour every day" says nothing more.
        is_plain = hour == "*" and days == "every day"
        words = [_time(minute, hour), "" if is_plain else days, _months(month)]
    except (ValueError, IndexError):
        return expression
    return " ".join(word for word in words if word)


def _time(minute: str, hour: str) -> str:
    minutes, hours = _numbers(minute), _numbers(hour)
    if minutes and hours and len(minutes) * len(hours) <= _MOST_TIMES:
        return "At " + _join([f"{h:02}:{m:02}" for h in hours for m in minutes])
    within = "" if hour == "*" else f" {_span(hour, 'hour')}"
    if minute == "*":
        return f"Every minute{within}"
    if minute.startswith("*/"):
        return f"Every {int(minute[2:])} minutes{within}"
    if minutes:
        past = "On the hour" if minutes == [0] else f"At {_join(minutes)} minutes past the hour"
        return f"{past}{within}" if within else f"{past}, every hour"
    raise ValueError(minute)


def _span(field: str, unit: str) -> str:
    if field.startswith("*/"):
        return f"of every {int(field[2:])} {unit}s"
    if "-" in field and "/" not in field and "," not in field:
        first, last = field.split("-")
        return f"from {int(first):02}:00 to {int(last):02}:59"
    return f"in the {unit}s {_join([f'{number:02}' for number in _must(field)])}"


def _days(day: str, weekday: str) -> str:
    on_weekdays = (
        ""
        if weekday in {"*", "?"}
        else f"on {_names(weekday, _DAYS, 'SUN MON TUE WED THU FRI SAT')}"
    )
    if day in {"*", "?"}:
        return on_weekdays or "every day"
    if day.lower() == "l":
        on_days = "on the last day of the month"
    elif day.startswith("*/"):
        on_days = f"every {int(day[2:])} days"
    else:
        on_days = f"on day {_join(_must(day))} of the month"
    # Cron's own rule: with both given, either one will do.
    return f"{on_days} or {on_weekdays}" if on_weekdays else on_days


def _months(month: str) -> str:
    if month == "*":
        return ""
    if month.startswith("*/"):
        return f"every {int(month[2:])} months"
    short = "NIL JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"
    return f"in {_names(month, _MONTHS, short)}"


def _names(field: str, names: Sequence[str], short: str) -> str:
    for number, name in enumerate(short.split()):
        field = field.upper().replace(name, str(number))
    if "-" in field and "," not in field and "/" not in field:
        first, last = field.split("-")
        return f"{names[int(first)]} to {names[int(last)]}"
    return _join([names[number] for number in _must(field)])


def _numbers(field: str) -> list[int]:
    """The numbers of a list or a single number; none for anything else."""
    parts = field.split(",")
    return [int(part) for part in parts] if all(part.isdigit() for part in parts) else []


def _must(field: str) -> list[int]:
    found = _numbers(field)
    if not found:
        raise ValueError(field)
    return found


def _join(parts: Sequence[object]) -> str:
    words = [str(part) for part in parts]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
