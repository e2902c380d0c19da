"""What does not mend itself: said once, with the place and the way to mend it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["error", "warning"]
Section = Literal["source_control", "ci_cd", "infrastructure", "connections"]
# Level, section and code.
Kind = tuple[Level, Section, str]
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


def counted(
    kind: Kind, figures: Mapping[str, Any], count: str, name: str, **said: str
) -> list[Alert]:
    """The alert about as many things as the figure `count` tells; none about none.

    `one` names the only one (`{name}`, the figure `name`), `many` tells how many (`{count}`).
    """
    number = figures[count]
    if not number:
        return []
    words = said["one"] if number == 1 and figures[name] else said["many"]
    message = words.format(name=figures[name], count=number)
    return [Alert(*kind, message, said["remedy"], said["url"])]
