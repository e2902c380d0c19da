"""Who gets a run: labels, slots, concurrency groups, and the sentence while it waits."""

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from devops.errors import Fenced
from pipelines import selectors
from pipelines.choices import RunStatus, WaitingFor
from pipelines.engine import boundary
from pipelines.engine.moves import Lease
from pipelines.models import Pipeline, PipelineRun, Worker
from pipelines.operations.dispatch import BEHIND, WINDOW, dispatch_waiting
from pipelines.operations.runs import trigger_run
from tests.pipelines.conftest import Workshop, fresh, in_threads, make_worker, step


def test_a_run_goes_to_a_worker_that_has_all_its_labels(workshop: Workshop) -> None:
    gpu = make_worker("gpu", labels=["linux", "gpu"])

    run = workshop.trigger(workshop.pipeline(step("one"), runner_labels=["gpu"]))

    assert run.worker_id == gpu.pk


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["gpu"], "No online worker has the label gpu."),
        (["arm", "gpu"], "No online worker has the label arm and gpu."),
        (["a", "b"], "No single online worker has all of the labels a, b."),
    ],
)
def test_a_run_that_nobody_can_take_says_so_at_once(
    workshop: Workshop, labels: list[str], sentence: str
) -> None:
    make_worker("one", labels=["a"])
    make_worker("two", labels=["b"])

    run = workshop.trigger(workshop.pipeline(step("one"), runner_labels=labels))

    assert (run.waiting_for, run.waiting_detail) == (WaitingFor.WORKER, sentence)
    make_worker("three", labels=labels)
    assert dispatch_waiting() == 1
    assert fresh(run).waiting_detail == ""


def test_without_any_worker_the_run_says_how_to_start_one(workshop: Workshop) -> None:
    Worker.objects.all().delete()

    run = workshop.trigger(workshop.pipeline(step("one")))

    assert "powernode worker" in run.waiting_detail


def test_a_full_worker_gets_no_more_than_its_slots(workshop: Workshop) -> None:
    Worker.objects.update(capacity=2)
    pipeline = workshop.pipeline(step("one"))

    runs = [workshop.trigger(pipeline) for _ in range(4)]

    assert [run.worker_id is not None for run in runs] == [True, True, False, False]
    assert runs[3].waiting_detail == "All 2 slots of the fitting workers are taken."
    workshop.execute(runs[0])
    dispatch_waiting()
    assert [fresh(run).worker_id is not None for run in runs[2:]] == [True, False]


def test_draining_and_silent_workers_get_nothing(workshop: Workshop) -> None:
    Worker.objects.filter(pk=workshop.worker.pk).update(status="draining")
    make_worker("silent")
    Worker.objects.filter(name="silent").update(
        lease_expires_at=timezone.now() - timedelta(hours=1)
    )

    assert workshop.trigger(workshop.pipeline(step("one"))).worker_id is None


def test_the_more_important_run_is_first_then_the_older(workshop: Workshop) -> None:
    Worker.objects.update(status="offline")
    pipeline = workshop.pipeline(step("one"))
    old, new, urgent = (workshop.trigger(pipeline) for _ in range(3))
    PipelineRun.objects.filter(pk=urgent.pk).update(priority=5)
    Worker.objects.update(status="online", capacity=2)

    dispatch_waiting()

    assert [fresh(run).worker_id is not None for run in (old, new, urgent)] == [True, False, True]


def test_a_run_waits_for_the_one_that_holds_its_group_and_names_it(workshop: Workshop) -> None:
    group = {"concurrency": {"group": "deploy-${{ inputs.target }}"}}
    manual = {"manual": {"inputs": {"target": {"type": "string"}}}}
    one = workshop.pipeline(step("one"), settings=group, triggers=manual)
    two = workshop.pipeline(step("one"), settings=group, triggers=manual)

    first = workshop.trigger(one, inputs={"target": "prod"})
    second = workshop.trigger(two, inputs={"target": "prod"})
    other = workshop.trigger(two, inputs={"target": "test"})

    assert second.waiting_for == WaitingFor.SLOT
    assert second.waiting_detail == f"Run #1 of {one.name} holds the concurrency group."
    assert other.worker_id is not None
    workshop.execute(first)
    dispatch_waiting()
    assert fresh(second).worker_id is not None


def test_two_runs_of_a_group_that_were_both_assigned_do_not_both_begin(
    workshop: Workshop,
) -> None:
    pipeline = workshop.pipeline(step("one"), allow_concurrent=False)
    first, second = workshop.trigger(pipeline), workshop.trigger(pipeline)
    PipelineRun.objects.update(worker=workshop.worker)

    assert boundary.claim(first.pk, workshop.worker.pk, "here") is not None
    assert boundary.claim(second.pk, workshop.worker.pk, "here") is None

    assert (fresh(second).status, fresh(second).worker_id) == (RunStatus.QUEUED, None)


def test_of_many_claims_one_gives_the_right_to_write(open_workshop: Workshop) -> None:
    run = open_workshop.trigger(open_workshop.pipeline(step("one")))
    claims = in_threads(6, lambda _: boundary.claim(run.pk, open_workshop.worker.pk, "here"))
    leases = [claim for claim in claims if isinstance(claim, Lease)]

    def write(lease: Lease) -> bool:
        try:
            boundary.advance(lease, [])
        except Fenced:
            return False
        return True

    assert [write(lease) for lease in leases].count(True) == 1
    assert fresh(run).fence == len(leases)


def test_run_numbers_have_no_gap_and_no_double_under_threads(open_workshop: Workshop) -> None:
    pipeline = open_workshop.pipeline(step("one"))

    def five(_: int) -> list[int]:
        row = selectors.pipeline(open_workshop.actor, pipeline.pk)
        return [trigger_run(open_workshop.actor, row).run_number for _ in range(5)]

    numbers = in_threads(6, five)

    assert sorted(itertools.chain.from_iterable(numbers)) == list(range(1, 31))
    assert Pipeline.objects.get().last_run_number == 30


def test_runs_are_assigned_once_however_many_dispatch(open_workshop: Workshop) -> None:
    Worker.objects.update(status="offline")
    pipeline = open_workshop.pipeline(step("one"))
    runs = [open_workshop.trigger(pipeline) for _ in range(8)]
    Worker.objects.update(status="online", capacity=100)

    assigned = in_threads(6, lambda _: dispatch_waiting())

    assert sum(assigned) == len(runs)


def test_a_long_queue_of_one_group_costs_the_others_no_turn(workshop: Workshop) -> None:
    Worker.objects.update(status="offline")
    crowded = workshop.pipeline(step("one"), allow_concurrent=False)
    crowd = [workshop.trigger(crowded) for _ in range(WINDOW + 5)]
    free = workshop.trigger(workshop.pipeline(step("one")))
    Worker.objects.update(status="online", capacity=10)

    assert dispatch_waiting() == 2

    assert fresh(free).worker_id is not None
    assert [fresh(run).worker_id is not None for run in crowd[:3]] == [True, False, False]
    dispatch_waiting()
    words = [fresh(run).waiting_detail for run in crowd[1:4]]
    assert words == [f"Run #1 of {crowded.name} holds the concurrency group.", BEHIND, BEHIND]


def test_many_runs_that_want_a_worker_nobody_has_cost_the_others_no_turn(
    workshop: Workshop,
) -> None:
    Worker.objects.update(status="offline")
    strange = workshop.pipeline(step("one"), runner_labels=["gpu"])
    crowd = [workshop.trigger(strange) for _ in range(WINDOW + 5)]
    free = workshop.trigger(workshop.pipeline(step("one")))
    Worker.objects.update(status="online", capacity=10)

    assert dispatch_waiting() == 1

    assert fresh(free).worker_id is not None
    words = {fresh(run).waiting_detail for run in crowd}
    assert words == {"No online worker has the label gpu."}


def test_a_dispatch_asks_the_database_as_often_for_a_thousand_as_for_two(
    workshop: Workshop, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    pipeline = workshop.pipeline(step("one"), allow_concurrent=False)
    for _ in range(WINDOW):
        workshop.trigger(pipeline)
    dispatch_waiting()

    with django_assert_max_num_queries(6):
        assert dispatch_waiting() == 0
