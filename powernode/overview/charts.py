"""The drawings of the overview: bars of days and weeks, and the small lines of figures."""

from collections.abc import Sequence
from typing import Any

from gitintegration.public import Week
from pipelines.figures import Day

# Units of the drawings; the page stretches them.
STEP, HEIGHT = 20, 48.0
LINE_WIDTH, LINE_HEIGHT = 100, 24
_LEAST = 2.0


def day_bars(days: Sequence[Day]) -> dict[str, Any]:
    """The days as stacked bars, and their sums."""
    most = max([day.total for day in days], default=0) or 1
    bars = []
    for number, day in enumerate(days):
        top, parts = HEIGHT, []
        for status in ("success", "cancelled", "failure"):
            height = (HEIGHT - 2) * getattr(day, status) / most
            top -= height
            if height:
                parts.append({"status": status, "y": round(top, 2), "height": round(height, 2)})
        bars.append({"day": day, "x": number * STEP + 3, "parts": parts})
    return {
        "bars": bars,
        "width": len(days) * STEP,
        "success": sum(day.success for day in days),
        "failure": sum(day.failure for day in days),
        "cancelled": sum(day.cancelled for day in days),
    }


def week_bars(weeks: Sequence[Week]) -> dict[str, Any] | None:
    """The weeks as bars, and their sum; None when pushes have told of no commit."""
    total = sum(week.commits for week in weeks)
    if not total:
        return None
    most = max(week.commits for week in weeks)
    bars = []
    for number, week in enumerate(weeks):
        height = max(_LEAST, (HEIGHT - 2) * week.commits / most)
        bars.append(
            {
                "week": week,
                "x": number * STEP + 3,
                "y": round(HEIGHT - height, 2),
                "height": round(height, 2),
            }
        )
    return {"bars": bars, "width": len(weeks) * STEP, "total": total}


def line(values: Sequence[float | None]) -> str:
    """The points of a line through the values that are known; empty with fewer than two."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    least, most = min(value for _, value in known), max(value for _, value in known)
    spread, last = (most - least) or 1, len(values) - 1
    return " ".join(
        f"{place * LINE_WIDTH / last:.1f},"
        f"{LINE_HEIGHT - 2 - (LINE_HEIGHT - 4) * (value - least) / spread:.1f}"
        for place, value in known
    )
