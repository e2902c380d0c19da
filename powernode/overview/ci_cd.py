"""Pipelines, their runs, and who executes them."""

from collections.abc import Sequence
from typing import Any

from devops.access import Actor
from gitintegration import public as git
from pipelines import figures, inventory, selectors, timetable
from pipelines.figures import Day
from pipelines.models import PipelineRun, Worker
from powernode.overview.alerts import Alert, counted

# How many failing branches are named one by one.
NAMED = 4


def ci_cd(
    actor: Actor, days: Sequence[Day], workers: Sequence[Worker]
) -> tuple[dict[str, Any], list[Alert]]:
    """The section, as far as the actor may read it, and what needs somebody there."""
    facts: dict[str, Any] = {}
    alerts: list[Alert] = []
    if actor.may(selectors.READ_PIPELINES):
        facts["pipelines"] = inventory.pipeline_counts(actor)
    if actor.may(selectors.READ_RUNS):
        live = figures.live_counts(actor)
        facts["pipeline_runs"] = figures.run_counts(days, live)
        if actor.may(inventory.READ_WORKERS):
            alerts += _of_workers(workers, live["stuck"])
            alerts += _of_labels(actor, workers) if live["stuck"] else []
        if actor.may(selectors.READ_PIPELINES):
            alerts += _of_branches(figures.failing_branches(actor))
    if actor.may("git.runners.read"):
        facts["runners"] = git.runner_figures(actor)
        alerts += _of_runners(facts["runners"])
    if actor.may(inventory.READ_WORKERS):
        facts["workers"] = inventory.worker_counts(workers)
    if actor.may(timetable.READ):
        facts["schedules"] = inventory.schedule_counts(actor)
        alerts += _of_schedules(facts["schedules"])
    return facts, alerts


def _of_workers(workers: Sequence[Worker], stuck: int) -> list[Alert]:
    if not stuck or any(worker.status == "online" for worker in workers):
        return []
    runs = "1 run waits" if stuck == 1 else f"{stuck} runs wait"
    return [
        Alert(
            "error", "ci_cd", "no_worker", f"No worker is online, and {runs}",
            "Start one on any machine that reaches the database and the broker: powernode worker.",
            "/workers",
        )
    ]  # fmt: skip


def _of_labels(actor: Actor, workers: Sequence[Worker]) -> list[Alert]:
    """Runs that no worker which is online may take: they wait until somebody does something."""
    online = [set(worker.labels) for worker in workers if worker.status == "online"]
    if not online:
        return []
    lonely = [
        run
        for run in figures.waiting_for_workers(actor)
        if not any(set(run.runner_labels) <= labels for labels in online)
    ]
    return [
        Alert(
            "warning", "ci_cd", "no_fitting_worker",
            f"{run.pipeline.name} #{run.run_number} waits: no worker has its labels",
            f"Start one with {', '.join(run.runner_labels)}, or change the pipeline's labels.",
            run.url,
        )
        for run in lonely[:NAMED]
    ]  # fmt: skip


def _of_branches(failing: list[PipelineRun]) -> list[Alert]:
    found = [
        Alert(
            "error", "ci_cd", "branch_failing",
            f"{run.pipeline.name} fails on {run.branch}, last in #{run.run_number}",
            "Open the run at its first failing line; the next green run ends this.", run.url,
        )
        for run in failing[:NAMED]
    ]  # fmt: skip
    more = len(failing) - NAMED
    if more > 0:
        found.append(
            Alert(
                "error", "ci_cd", "branch_failing",
                f"{more} more {'pipeline fails' if more == 1 else 'pipelines fail'} on the "
                "default branch", "Open them from the list of failed runs.", "/runs?status=failure",
            )
        )  # fmt: skip
    return found


def _of_runners(figures: dict[str, Any]) -> list[Alert]:
    return counted(
        ("warning", "ci_cd", "runners_offline"), figures, "offline", "offline_name",
        one="The CI runner {name} is offline",
        many="{count} CI runners are offline",
        remedy="Start it on its machine, or remove it if it is gone for good.",
        url="/ci/runners?status=offline",
    )  # fmt: skip


def _of_schedules(figures: dict[str, Any]) -> list[Alert]:
    return counted(
        ("warning", "ci_cd", "schedules_late"), figures, "late", "late_name",
        one="The schedule {name} is due, and nothing has started it",
        many="{count} schedules are due, and nothing has started them",
        remedy="Look whether `powernode beat` runs; it is part of `powernode up`.",
        url="/schedules",
    )  # fmt: skip
