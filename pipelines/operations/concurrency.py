"""What a new run does to the others of its concurrency group; nothing is dropped silently."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from pipelines.choices import RUN_LIVE, RunStatus
from pipelines.models import PipelineRun
from pipelines.operations.cancellation import SUPERSEDED, stop_run

QUEUE, REPLACE, CANCEL_RUNNING, REJECT = "queue", "replace", "cancel_running", "reject"


# Policies under which only the newest commit of a branch matters.
NEWEST_WINS = frozenset({"cancel_running", "replace"})


def policy_of(definition: Mapping[str, Any]) -> str:
    """The pipeline's word for it; runs queue when it says nothing."""
    concurrency = (definition.get("settings") or {}).get("concurrency") or {}
    return concurrency.get("policy") or QUEUE


def rivals(concurrency_key: str | None) -> QuerySet[PipelineRun]:
    """The live runs of a group, oldest first."""
    rows = PipelineRun.objects.filter(status__in=RUN_LIVE)
    if concurrency_key is None:
        return rows.none()
    return rows.filter(concurrency_key=concurrency_key).order_by("id")


def rejection(run: PipelineRun, policy: str) -> str:
    """Why the new run may not even wait, or empty."""
    if policy != REJECT:
        return ""
    holder = rivals(run.concurrency_key).first()
    if holder is None:
        return ""
    return f"Run #{holder.run_number} of {holder.snapshot.get('name')} holds the group."


def make_room(run: PipelineRun, policy: str) -> None:
    """Stop the older runs that the policy gives up; they say which run superseded them."""
    if policy not in {REPLACE, CANCEL_RUNNING}:
        return
    for rival in rivals(run.concurrency_key).select_for_update():
        if rival.status == RunStatus.RUNNING and (
            policy == REPLACE or rival.cancel_requested_at is not None
        ):
            continue
        stop_run(rival, f"run #{run.run_number}", SUPERSEDED)


def gives_up_older(definition: Mapping[str, Any]) -> bool:
    """Whether only the newest run of a branch or pull request counts: a feature of the pipeline."""
    return bool((definition.get("features") or {}).get("auto_cancel_superseded"))


def give_up_older(run: PipelineRun) -> None:
    """Stop the pipeline's older runs of the branch or pull request that started this one.

    Repetitions and runs by hand were wanted as they are: they neither stop others nor are stopped.
    """
    older = _of_the_same(run)
    if older is None or run.retry_of_id is not None:
        return
    rows = older.filter(status__in=RUN_LIVE, retry_of=None, cancel_requested_at=None)
    for row in rows.order_by("id").select_for_update(of=("self",)):
        stop_run(row, f"run #{run.run_number}", SUPERSEDED)


def _of_the_same(run: PipelineRun) -> QuerySet[PipelineRun] | None:
    """The pipeline's runs of the same branch or pull request; None where a run has neither."""
    rows = PipelineRun.objects.filter(pipeline=run.pipeline_id, trigger_type=run.trigger_type)
    if run.trigger_type == "push" and run.branch:
        return rows.filter(repository=run.repository_id, branch=run.branch)
    number = (run.trigger_context.get("pull_request") or {}).get("number")
    if run.trigger_type == "pull_request" and number:
        wanted = {"trigger_context__pull_request__number": number}
        return rows.filter(repository=run.repository_id, **wanted)
    return None
