"""Schedules fire each time once, whoever looks, and say what came of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from devops.errors import Conflict
from pipelines import selectors
from pipelines.models import Pipeline, PipelineRun, Schedule, ScheduleFire
from pipelines.operations.definitions import update_pipeline
from pipelines.operations.fire_times import due_at, reckon
from pipelines.operations.firing import fire_due_schedules, trigger_schedule
from pipelines.operations.schedules import (
    create_schedule,
    delete_schedule,
    toggle_schedule,
    update_schedule,
)
from tests.pipelines.conftest import Workshop, fresh, in_threads, step


def schedule(workshop: Workshop, pipeline: Pipeline | None = None, **more: Any) -> Schedule:
    """A schedule that is due since a moment ago, unless said otherwise."""
    late = more.pop("late", timedelta(seconds=0.2))
    pipeline = pipeline or workshop.pipeline(step("one"))
    values = {"name": f"s-{timezone.now().timestamp()}", "cron_expression": "* * * * *", **more}
    made = create_schedule(workshop.actor, pipeline, values)
    return due(made, late)


def due(made: Schedule, late: timedelta = timedelta(seconds=0.2)) -> Schedule:
    """The same, with its next time set into the past."""
    moment = timezone.now() - late
    Schedule.objects.filter(pk=made.pk).update(next_fire_at=moment, next_run_at=moment)
    made.refresh_from_db()
    return made


def fires(made: Schedule) -> list[tuple[str, str]]:
    rows = ScheduleFire.objects.filter(schedule=made).order_by("fire_at")
    return [(row.outcome, row.detail) for row in rows]


def test_a_time_starts_a_run_with_all_that_the_schedule_says(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(
        step("one"), triggers={"manual": {"inputs": {"target": {"default": "a"}}}}
    )
    made = schedule(workshop, pipeline, inputs={"target": "b"}, name="nightly")

    assert fire_due_schedules() == 1
    assert fire_due_schedules() == 0

    run = PipelineRun.objects.get(pipeline=pipeline)
    assert (run.trigger_type, run.title, run.inputs) == ("schedule", "nightly", {"target": "b"})
    assert run.actor_label == "schedule nightly"
    assert run.trigger_context["schedule"]["name"] == "nightly"
    made.refresh_from_db()
    assert made.next_run_at is not None
    assert made.next_run_at > timezone.now()
    assert made.last_run_at is not None
    fire = ScheduleFire.objects.get(schedule=made)
    assert (fire.outcome, fire.run) == ("started", run)
    assert 200 <= fire.lateness_ms < 60_000
    assert workshop.execute(run).status == "success"


def test_several_beats_fire_each_time_once(open_workshop: Workshop) -> None:
    made = [schedule(open_workshop) for _ in range(30)]

    in_threads(6, lambda _: fire_due_schedules())

    assert ScheduleFire.objects.count() == 30
    assert PipelineRun.objects.count() == 30
    assert all(fires(each) == [("started", "")] for each in made)


def test_a_switched_off_pipeline_is_not_started_and_it_is_said(workshop: Workshop) -> None:
    made = schedule(workshop)
    Pipeline.objects.filter(pk=made.pipeline_id).update(is_active=False)

    fire_due_schedules()

    assert fires(made) == [("refused", "The pipeline is switched off.")]
    assert not PipelineRun.objects.exists()


def test_inputs_that_no_longer_fit_are_said(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(step("one"))
    made = schedule(workshop, pipeline)
    rule = {"manual": {"inputs": {"target": {"required": True}}}}
    Pipeline.objects.filter(pk=pipeline.pk).update(triggers=rule)
    other = schedule(workshop)

    fire_due_schedules()

    assert fires(made) == [("refused", "The inputs do not fit the pipeline.")]
    assert fires(other) == [("started", "")]


def test_a_schedule_that_has_no_time_any_more_keeps_no_other_from_its_time(
    workshop: Workshop,
) -> None:
    lost, other = schedule(workshop), schedule(workshop)
    Schedule.objects.filter(pk=lost.pk).update(timezone="Mars/Olympus")

    assert fire_due_schedules() == 2

    lost.refresh_from_db()
    assert (lost.next_run_at, lost.last_outcome) == (None, "refused")
    assert "no next time any more" in lost.last_detail
    assert fires(other) == [("started", "")]


def test_firing_and_changing_definitions_do_not_wait_for_each_other(
    open_workshop: Workshop,
) -> None:
    made = [open_workshop.pipeline(step("one"), triggers=DOCUMENT) for _ in range(6)]
    rows = [selectors.pipeline(open_workshop.actor, each.pk) for each in made]
    for each in Schedule.objects.all():
        due(each)

    def act(index: int) -> object:
        if index % 2:
            return fire_due_schedules()
        triggers = {"schedule": {"schedules": [{"cron": "5 5 * * *", "name": "beat"}]}}
        return [update_pipeline(open_workshop.actor, row, {"triggers": triggers}) for row in rows]

    results = in_threads(4, act)

    assert not [result for result in results if isinstance(result, Exception)], results
    assert {row.cron_expression for row in Schedule.objects.all()} == {"5 5 * * *"}
    started = ScheduleFire.objects.filter(outcome="started").count()
    assert PipelineRun.objects.count() >= started


def test_a_deleted_pipeline_and_a_paused_schedule_fire_nothing(workshop: Workshop) -> None:
    gone, paused = schedule(workshop), schedule(workshop)
    Pipeline.objects.filter(pk=gone.pipeline_id).update(deleted_at=timezone.now())
    toggle_schedule(workshop.actor, paused)

    assert fire_due_schedules() == 0
    paused.refresh_from_db()
    assert (paused.is_active, paused.next_run_at) == (False, None)


@pytest.mark.parametrize(
    ("missed", "started", "counted"), [("latest", 1, 11), ("skip", 0, 12), ("all", 10, 2)]
)
def test_after_half_a_day_without_a_beat(
    workshop: Workshop, missed: str, started: int, counted: int
) -> None:
    # Hourly, the last time five minutes ago: that is not in time any more.
    five_ago = timezone.now() - timedelta(minutes=5)
    made = schedule(workshop, missed=missed, cron_expression=f"{five_ago.minute} * * * *")
    start = five_ago.replace(second=0, microsecond=0) - timedelta(hours=11)
    Schedule.objects.filter(pk=made.pk).update(next_fire_at=start, next_run_at=start)

    fire_due_schedules()

    said = fires(made)
    assert PipelineRun.objects.count() == started
    assert [outcome for outcome, _ in said] == [*["missed"], *["started"] * started]
    assert said[0][1] == f"{counted} times were missed while nothing was there to fire."


def test_a_very_long_sleep_is_counted_up_to_a_bound(workshop: Workshop) -> None:
    made = schedule(workshop, missed="all")
    start = timezone.now().replace(second=0, microsecond=0) - timedelta(days=40)
    Schedule.objects.filter(pk=made.pk).update(next_fire_at=start, next_run_at=start)

    fire_due_schedules()

    assert PipelineRun.objects.count() == 10
    assert "More than" in fires(made)[0][1]
    newest = ScheduleFire.objects.filter(schedule=made).latest("fire_at")
    assert timezone.now() - newest.fire_at < timedelta(minutes=2)


def test_while_a_run_goes_on_a_schedule_may_skip(workshop: Workshop) -> None:
    made = schedule(workshop, overlap="skip")
    fire_due_schedules()

    due(made, timedelta(seconds=0.1))
    fire_due_schedules()

    assert fires(made) == [
        ("started", ""), ("skipped", "Run #1 of this schedule is still queued."),
    ]  # fmt: skip


def test_while_a_run_goes_on_a_schedule_may_replace_it(workshop: Workshop) -> None:
    made = schedule(workshop, overlap="cancel_running")
    fire_due_schedules()
    first = PipelineRun.objects.get()

    due(made, timedelta(seconds=0.1))
    fire_due_schedules()

    assert (fresh(first).status, fresh(first).reason) == ("cancelled", "superseded")
    assert PipelineRun.objects.filter(status="queued").count() == 1


def test_times_queue_in_the_pipelines_own_group(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(step("one"), allow_concurrent=False)
    made = schedule(workshop, pipeline)
    fire_due_schedules()
    due(made, timedelta(seconds=0.1))
    fire_due_schedules()

    assert [run.waiting_for for run in PipelineRun.objects.order_by("id")] == ["", "slot"]


def test_the_jitter_of_a_time_is_the_same_for_everybody(workshop: Workshop) -> None:
    made = schedule(workshop, jitter_seconds=600)
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 29)]

    first = [due_at(made, moment) - moment for moment in moments]
    again = [due_at(Schedule.objects.get(pk=made.pk), moment) - moment for moment in moments]

    assert first == again
    assert all(timedelta() <= each <= timedelta(seconds=600) for each in first)
    assert len(set(first)) > 20


def test_a_time_waits_for_its_jitter(workshop: Workshop) -> None:
    made = schedule(workshop, jitter_seconds=600, cron_expression="0 0 1 1 *")
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    made.next_fire_at, made.next_run_at = moment, due_at(made, moment)
    made.save()
    just_before = made.next_run_at - timedelta(seconds=1)

    assert reckon(made, just_before).fire == []
    assert reckon(made, made.next_run_at).fire == [moment]


def test_an_idle_look_takes_no_lock(workshop: Workshop, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert fire_due_schedules() == 0


def test_a_schedule_is_started_by_hand_besides_its_times(workshop: Workshop) -> None:
    made = schedule(workshop, cron_expression="@yearly", late=timedelta(days=-30))
    before = made.next_run_at

    run = trigger_schedule(workshop.actor, made)

    assert (run.trigger_type, run.actor_label) == ("schedule", workshop.actor.label)
    made.refresh_from_db()
    assert made.next_run_at == before
    toggle_schedule(workshop.actor, made)
    made.refresh_from_db()
    with pytest.raises(Conflict, match="switched off"):
        trigger_schedule(workshop.actor, made)


DOCUMENT = {"schedule": {"schedules": [
    {"cron": "0 3 * * *", "timezone": "Europe/Berlin", "missed": "skip"},
    {"cron": "@hourly", "name": "beat", "jitter_seconds": 30},
]}}  # fmt: skip


def test_the_documents_schedules_follow_the_document(workshop: Workshop) -> None:
    pipeline = workshop.pipeline(step("one"), triggers=DOCUMENT)
    rows = {row.name: row for row in pipeline.schedules.all()}
    assert set(rows) == {"0 3 * * *", "beat"}
    assert (rows["0 3 * * *"].missed, rows["0 3 * * *"].timezone) == ("skip", "Europe/Berlin")
    toggle_schedule(workshop.actor, rows["beat"])

    changed = {"schedule": {"schedules": [{"cron": "30 * * * *", "name": "beat"}]}}
    row = selectors.pipeline(workshop.actor, pipeline.pk)
    update_pipeline(workshop.actor, row, {"triggers": changed})

    (left,) = pipeline.schedules.all()
    assert (left.pk, left.cron_expression) == (rows["beat"].pk, "30 * * * *")
    assert (left.is_active, left.jitter_seconds) == (False, 0)


def test_a_schedule_of_the_document_is_changed_there(workshop: Workshop) -> None:
    made = workshop.pipeline(step("one"), triggers=DOCUMENT).schedules.get(name="beat")

    for change in (
        lambda: update_schedule(workshop.actor, made, {"cron_expression": "@daily"}),
        lambda: delete_schedule(workshop.actor, made),
    ):
        with pytest.raises(Conflict, match="part of the pipeline's document"):
            change()
