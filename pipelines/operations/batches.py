"""Many runs in one transaction: what they share is read once, and they are inserted together."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from devops import outbox
from pipelines.choices import RUN_LIVE, Trust
from pipelines.jobs import TAKE_RUNS, worker_queue
from pipelines.models import Pipeline, PipelineRun, PipelineStep, StepExecution
from pipelines.operations.concurrency import QUEUE, policy_of
from pipelines.operations.creation import (
    Origin,
    give_to_worker,
    new_run,
    plan_steps,
    step_rows,
)
from pipelines.operations.dispatch import line_up, read_fleet
from pipelines.operations.reporting import announce_run
from pipelines.states import run_facts, run_topic


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run to be made."""

    pipeline: Pipeline
    definition: Mapping[str, Any]
    origin: Origin


def can_be_together(wanted: Wanted) -> bool:
    """Whether the run touches no other: it is trusted, its group queues, its steps are plain."""
    _, unusable = plan_steps(wanted.definition, wanted.origin)
    return (
        wanted.origin.trust == Trust.TRUSTED
        and policy_of(wanted.definition) == QUEUE
        and not unusable
    )


def create_runs(wanted: Sequence[Wanted]) -> list[PipelineRun]:
    """Insert the runs with their steps inside the caller's transaction; each must be able to.

    The pipelines' rows are locked in one order, so that two batches cannot wait for each other.
    """
    numbers = _reserve_numbers([each.pipeline.pk for each in wanted])
    ids = _step_ids({each.pipeline.pk for each in wanted})
    runs, steps = [], []
    for each in wanted:
        key = each.pipeline.pk
        planned, _ = plan_steps(each.definition, each.origin)
        numbers[key] += 1
        run = new_run(each.pipeline, each.definition, each.origin, numbers[key], planned)
        runs.append(run)
        steps += step_rows(run, ids.get(key, {}), planned)
    _offer(runs)
    PipelineRun.objects.bulk_create(runs)
    StepExecution.objects.bulk_create(steps)
    outbox.record_all(
        (run.account_id, run_topic(run.pk), run.version, "run_created",
         {"version": 1, "pipeline_run": run_facts(run)})
        for run in runs
    )  # fmt: skip
    for run in runs:
        announce_run(run)
    return runs


def _reserve_numbers(keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """The last number of each pipeline before the batch; as many as it needs are taken."""
    counts = Counter(keys)
    rows = Pipeline.objects.select_for_update().filter(pk__in=counts).order_by("pk")
    last = dict(rows.values_list("pk", "last_run_number"))
    for count in set(counts.values()):
        some = [key for key, number in counts.items() if number == count]
        Pipeline.objects.filter(pk__in=some).update(last_run_number=F("last_run_number") + count)
    return last


def _step_ids(keys: set[uuid.UUID]) -> dict[uuid.UUID, dict[str, uuid.UUID]]:
    found: dict[uuid.UUID, dict[str, uuid.UUID]] = {}
    rows = PipelineStep.objects.filter(pipeline_id__in=keys)
    for pipeline_id, key, pk in rows.values_list("pipeline_id", "key", "pk"):
        found.setdefault(pipeline_id, {})[key] = pk
    return found


def _offer(runs: Sequence[PipelineRun]) -> None:
    """Give each run to a worker, or say what it waits for; earlier ones of a group come first."""
    keys = {run.concurrency_key for run in runs if run.concurrency_key}
    live = PipelineRun.objects.filter(concurrency_key__in=keys, status__in=RUN_LIVE)
    # A group may be long, and a snapshot is large: the one that is named brings its own.
    columns = ("id", "run_number", "waiting_for", "concurrency_key")
    groups: dict[str | None, list[PipelineRun]] = defaultdict(list)
    for row in live.order_by("id").only(*columns):
        groups[row.concurrency_key].append(row)
    fleet, chosen = read_fleet(), set()
    for run in runs:
        ahead = groups[run.concurrency_key] if run.concurrency_key else []
        if ahead:
            line_up(run, ahead)
        elif give_to_worker(run, fleet):
            chosen.add(run.worker_id)
        ahead.append(run)
    for worker_id in chosen:
        TAKE_RUNS.send(queue=worker_queue(worker_id))
