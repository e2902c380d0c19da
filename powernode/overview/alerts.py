"""What does not mend itself: said once, with the place and the way to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]
Section = Literal["source_control", "ci_cd", "infrastructure", "connections"]
_RANK: dict[Level, int] = {"error": 0, "warning": 1}


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that needs somebody.

    Attributes:
        code: the same word each time, for programs.
        message: what is wrong.
        remedy: how to mend it.
        url: the page where that is done.
    """

    level: Level
    section: Section
    code: str
    message: str
    remedy: str
    url: str


def by_severity(alerts: Iterable[Alert]) -> list[Alert]:
    """Errors first; otherwise in the order in which they were found."""
    return sorted(alerts, key=lambda alert: _RANK[alert.level])


def told(count: int, name: str, one: str, many: str) -> str:
    """A sentence about one thing by its name (`{name}`), or about several (`{count}`)."""
    return one.format(name=name) if count == 1 and name else many.format(count=count)
