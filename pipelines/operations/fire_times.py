"""Which times of a schedule are due, which were missed, when the next one is: pure reckoning."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from croniter import croniter

from devops.cron import next_time
from pipelines.choices import Missed
from pipelines.models import Schedule

# What comes later than this was missed: nothing was there to fire it.
GRACE = timedelta(seconds=60)
# So many missed times are caught up with at most, and so many are counted.
CATCH_UP = 10
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Due:
    """What a schedule has to do now.

    Attributes:
        fire: the times to act on, oldest first.
        missed: how many more passed; `is_more` when there were too many to count.
        missed_at: the last of those, kept as the trace of all.
        upcoming: the next time to come.
    """

    upcoming: datetime
    fire: list[datetime] = field(default_factory=list)
    missed: int = 0
    is_more: bool = False
    missed_at: datetime | None = None

    @property
    def words(self) -> str:
        """How many times were missed."""
        count = f"More than {self.missed:,}" if self.is_more else f"{self.missed:,}"
        times = "time was" if self.missed == 1 and not self.is_more else "times were"
        return f"{count} {times} missed while nothing was there to fire."


def due_at(schedule: Schedule, fire_at: datetime) -> datetime:
    """When a time is acted on: the jitter is the same for everybody who reckons it."""
    if not schedule.jitter_seconds:
        return fire_at
    seed = f"{schedule.pk.hex}:{int(fire_at.timestamp())}".encode()
    number = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big")
    return fire_at + timedelta(seconds=number % (schedule.jitter_seconds + 1))


def upcoming(schedule: Schedule, after: datetime) -> datetime:
    """The next time of the expression after a moment."""
    return next_time(schedule.cron_expression, schedule.timezone, after)


def reckon(schedule: Schedule, now: datetime) -> Due:
    """What of a schedule is due at a moment, by its policy for missed times."""
    assert schedule.next_fire_at is not None  # noqa: S101  (it was found by its time)
    times, is_more = _passed(schedule, schedule.next_fire_at, now)
    after = max([now, *times[-1:]])
    following = upcoming(schedule, after)
    if not times:
        # The jitter of the time has not passed yet, or the clock went back.
        return Due(schedule.next_fire_at)
    in_time = [time for time in times if now - due_at(schedule, time) <= GRACE]
    late = times[: len(times) - len(in_time)]
    match schedule.missed:
        case Missed.SKIP:
            chosen = in_time
        case Missed.ALL:
            chosen = times[-CATCH_UP:]
        case _:
            chosen = in_time or late[-1:]
    left = [time for time in times if time not in set(chosen)]
    return Due(following, chosen, len(left), is_more, left[-1] if left else None)


def _passed(schedule: Schedule, first: datetime, now: datetime) -> tuple[list[datetime], bool]:
    """The times from one on whose moment has come; only the last of them when they are too many."""
    times = _between(schedule, first, now, COUNTED)
    if len(times) < COUNTED:
        return times, False
    # A long sleep of a busy schedule: go back from now instead of forward from then.
    backwards = croniter(schedule.cron_expression, now)
    begin = now
    for _ in range(CATCH_UP + 2):
        begin = backwards.get_prev(datetime)
    recent = _between(schedule, upcoming(schedule, begin - timedelta(days=1)), now, 4000)
    return [*times[: COUNTED - CATCH_UP], *recent[-CATCH_UP:]], True


def _between(schedule: Schedule, first: datetime, now: datetime, most: int) -> list[datetime]:
    times: list[datetime] = []
    time = first
    while len(times) < most and due_at(schedule, time) <= now:
        times.append(time)
        time = upcoming(schedule, time)
    return times
