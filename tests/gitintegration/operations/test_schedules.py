"""Schedules of the hosts' own CI fire once per time, through beats at once and odd nights."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from devops.errors import Conflict, Invalid
from gitintegration.models import GitPipelineSchedule, GitRepository
from gitintegration.operations.schedules import (
    create_git_schedule,
    fire_due_schedules,
    fire_now,
    is_overdue,
    next_times,
    update_git_schedule,
)
from tests.factories.gitintegration import GitScheduleFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site
from tests.pipelines.conftest import in_threads

pytestmark = pytest.mark.django_db
WORKFLOWS = {"github": ".github/workflows/ci.yml", "gitea": ".gitea/workflows/ci.yml"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def mirror(site: Site) -> GitRepository:
    path = WORKFLOWS.get(site.kind)
    if path is not None:
        site.world.state.ci.add_workflow(site.world.widgets, path)
    return site.mirror()


def due(mirror: GitRepository, **facts: Any) -> GitPipelineSchedule:
    made: GitPipelineSchedule = GitScheduleFactory.create(
        repository=mirror, workflow_file="", **facts
    )
    GitPipelineSchedule.objects.filter(pk=made.pk).update(
        next_run_at=timezone.now() - timedelta(seconds=1)
    )
    made.refresh_from_db()
    return made


def test_what_is_due_starts_its_workflow_and_is_counted(site: Site, mirror: GitRepository) -> None:
    schedule = due(mirror, ref="feature", inputs={"level": 3, "fast": True})
    assert is_overdue(schedule)
    assert fire_due_schedules() == 1
    (run,) = site.world.widgets.runs.values()
    assert run.ref == "feature"
    assert run.inputs == {"level": "3", "fast": "True"}
    schedule.refresh_from_db()
    assert (schedule.run_count, schedule.success_count, schedule.last_run_status) == (
        1, 1, "success",
    )  # fmt: skip
    assert schedule.last_pipeline is not None
    assert schedule.last_pipeline.ref == "feature"
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > timezone.now()
    assert fire_due_schedules() == 0


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_fire_a_time_once(site: Site, mirror: GitRepository) -> None:
    due(mirror)
    due(mirror)
    fired = in_threads(2, lambda _: fire_due_schedules())
    assert sum(fired) == 2
    assert len(site.world.widgets.runs) == 2
    assert list(GitPipelineSchedule.objects.values_list("run_count", flat=True)) == [1, 1]


@ON_GITEA
def test_a_refusal_is_counted_and_the_next_time_stays(site: Site, mirror: GitRepository) -> None:
    schedule = due(mirror, ref="missing")
    fire_due_schedules()
    schedule.refresh_from_db()
    assert (schedule.failure_count, schedule.consecutive_failures) == (1, 1)
    assert schedule.last_run_status == "failure"
    assert schedule.last_error
    assert schedule.next_run_at is not None
    assert schedule.next_run_at > timezone.now()
    assert update_git_schedule(site.actor, schedule, {"is_active": False}).next_run_at is None
    resumed = update_git_schedule(site.actor, schedule, {"is_active": True})
    assert (resumed.consecutive_failures, resumed.next_run_at is not None) == (0, True)


@ON_GITEA
def test_a_paused_schedule_does_not_fire_and_by_hand_it_does(
    site: Site, mirror: GitRepository
) -> None:
    schedule = due(mirror, is_active=False)
    assert fire_due_schedules() == 0
    assert next_times(schedule) == []
    before = schedule.next_run_at
    assert fire_now(site.actor, schedule).run_count == 1
    assert schedule.next_run_at == before


@ON_GITEA
def test_one_that_fails_keeps_no_other_from_its_time(site: Site, mirror: GitRepository) -> None:
    due(mirror, ref="missing")
    other = due(mirror)
    assert fire_due_schedules() == 2
    other.refresh_from_db()
    assert other.last_run_status == "success"


@ON_GITEA
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"cron_expression": "61 * * * *"}, "/cron_expression"),
        ({"cron_expression": "* * * * * *"}, "/cron_expression"),
        ({"cron_expression": "@reboot"}, "/cron_expression"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"ref": "--upload-pack=x"}, "/ref"),
        ({"inputs": {"a": ["b"]}}, "/inputs/a"),
    ],
)
def test_what_could_never_fire_is_refused(
    site: Site, mirror: GitRepository, changes: dict[str, Any], pointer: str
) -> None:
    values = {"name": "n", "cron_expression": "@daily", **changes}
    with pytest.raises(Invalid) as refused:
        create_git_schedule(site.actor, mirror, values)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@ON_GITEA
def test_a_name_is_used_once_per_repository(site: Site, mirror: GitRepository) -> None:
    values = {"name": "nightly", "cron_expression": "0 3 * * *"}
    made = create_git_schedule(site.actor, mirror, values)
    assert made.ref == mirror.default_branch
    assert len(next_times(made)) == 5
    with pytest.raises(Conflict):
        create_git_schedule(site.actor, mirror, values)
