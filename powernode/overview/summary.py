"""The one place where the overview is computed, for the page and for REST."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from devops.access import Actor
from pipelines import figures, inventory, selectors
from pipelines.figures import Day, RunStatistics
from pipelines.models import PipelineRun, Worker
from powernode.overview.alerts import Alert, by_severity
from powernode.overview.ci_cd import ci_cd
from powernode.overview.connections import connections
from powernode.overview.infrastructure import infrastructure
from powernode.overview.source_control import source_control

LIVE_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """The sections as REST names them, the alerts, and the rows that they were counted from."""

    sections: dict[str, dict[str, Any]]
    alerts: list[Alert]
    days: Sequence[Day] = ()
    statistics: RunStatistics | None = None
    live_runs: list[PipelineRun] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)


def summarize(actor: Actor) -> Summary:
    """What the actor may know of the account; what they may not read is absent.

    It is computed anew each time, in the same number of queries whatever there is: each counts
    on an index, over a bounded span. That takes some milliseconds, so there is no cache that
    could show a mended alert for five minutes more.
    """
    may_runs = actor.may(selectors.READ_RUNS)
    days = figures.runs_by_day(actor) if may_runs else []
    workers = list(selectors.workers(actor)) if actor.may(inventory.READ_WORKERS) else []
    parts = {
        "source_control": source_control(actor),
        "ci_cd": ci_cd(actor, days, workers),
        "infrastructure": infrastructure(actor),
        "connections": connections(actor),
    }
    return Summary(
        {name: facts for name, (facts, _) in parts.items()},
        by_severity(alert for _, alerts in parts.values() for alert in alerts),
        days,
        figures.run_statistics(actor) if may_runs else None,
        figures.live_runs(actor, LIVE_SHOWN) if may_runs else [],
        workers,
    )
