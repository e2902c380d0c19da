"""What a new run does to the others of its group."""

from collections.abc import Callable
from typing import Any

import pytest

from devops.access import Actor
from pipelines.models import Pipeline, PipelineRun
from pipelines.operations.definitions import create_pipeline
from pipelines.operations.runs import trigger_run
from pipelines.operations.workers import register_worker
from tests.pipelines.conftest import make_actor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def actor() -> Actor:
    return make_actor()


@pytest.fixture
def grouped(actor: Actor) -> Callable[[str], Pipeline]:
    """A pipeline of the group `deploy` with the given policy."""

    def make(policy: str) -> Pipeline:
        step = {"key": "say", "name": "Say", "step_type": "run_command",
                "configuration": {"command": "true"}}  # fmt: skip
        return create_pipeline(
            actor,
            {
                "name": f"Deploy {policy}", "slug": "", "triggers": {"manual": {}},
                "runner_labels": ["nobody-has-this"], "timeout_minutes": 5,
                "allow_concurrent": False, "steps": [step],
                "settings": {"concurrency": {"group": "deploy", "policy": policy}},
            },
        )  # fmt: skip

    return make


def reload(run: PipelineRun) -> PipelineRun:
    return PipelineRun.objects.get(pk=run.pk)


def test_queued_runs_wait_behind_each_other(
    actor: Actor, grouped: Callable[[str], Pipeline]
) -> None:
    pipeline = grouped("queue")
    first, second = trigger_run(actor, pipeline), trigger_run(actor, pipeline)

    assert reload(first).status == "queued"
    assert reload(second).waiting_for == "slot"
    assert f"#{first.run_number}" in reload(second).waiting_detail


def test_a_group_of_a_runs_own_holds_nobody_up(
    actor: Actor, grouped: Callable[[str], Pipeline]
) -> None:
    pipeline = grouped("queue")
    pipeline.settings = {"concurrency": {"group": "${{ trigger.branch || run.id }}"}}
    pipeline.save(update_fields=["settings"])

    runs = [trigger_run(actor, pipeline) for _ in range(2)]

    assert [run.concurrency_key for run in runs] == [
        f"{run.account_id.hex}:{run.pk}" for run in runs
    ]


def test_replace_supersedes_the_runs_that_wait(
    actor: Actor, grouped: Callable[[str], Pipeline]
) -> None:
    pipeline = grouped("replace")
    first, second = trigger_run(actor, pipeline), trigger_run(actor, pipeline)

    assert (reload(first).status, reload(first).reason) == ("cancelled", "superseded")
    assert reload(first).error_message == f"Superseded by run #{second.run_number}."
    assert reload(second).status == "queued"


@pytest.mark.parametrize(
    ("policy", "asked"), [("replace", False), ("queue", False), ("cancel_running", True)]
)
def test_only_cancel_running_stops_a_run_that_is_executed(
    actor: Actor, grouped: Callable[[str], Pipeline], policy: str, *, asked: bool
) -> None:
    pipeline = grouped(policy)
    first = trigger_run(actor, pipeline)
    held = PipelineRun.objects.filter(pk=first.pk)
    held.update(status="running", worker=_worker())

    second = trigger_run(actor, pipeline)

    assert (reload(first).cancel_requested_at is not None) is asked
    assert reload(first).status == "running"
    assert reload(second).waiting_for == "slot"


def test_reject_records_the_run_that_may_not_wait(
    actor: Actor, grouped: Callable[[str], Pipeline]
) -> None:
    pipeline = grouped("reject")
    first, second = trigger_run(actor, pipeline), trigger_run(actor, pipeline)

    assert reload(first).status == "queued"
    assert (reload(second).status, reload(second).reason) == ("cancelled", "rejected")
    assert f"Run #{first.run_number}" in reload(second).error_message
    assert set(second.step_executions.values_list("status", flat=True)) == {"cancelled"}


def _worker() -> Any:
    return register_worker(
        "busy", host="here", pid=1, labels=[], capacity=1, version="1", executor="process"
    )
