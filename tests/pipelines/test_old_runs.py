"""Old runs go with all that was only theirs; whatever somebody still needs of them stays."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.models import LogStream
from pipelines.models import CommitCheck, Pipeline, PipelineRun, StepExecution, WorkspaceSnapshot
from pipelines.operations.old_runs import NEWEST, remove_old_checks, remove_old_runs
from tests.factories.devops import RepositoryFactory
from tests.factories.pipelines import (
    ArtifactFactory,
    PipelineFactory,
    RunFactory,
    StepExecutionFactory,
)
from tests.pipelines.conftest import Workshop, step

pytestmark = pytest.mark.django_db
SHA = "a" * 40


@pytest.fixture(autouse=True)
def _a_month(settings: Settings) -> None:
    settings.POWERNODE_RUN_RETENTION_DAYS = 30


@pytest.fixture
def pipeline() -> Pipeline:
    """One with so many runs that the first are not among its newest."""
    made: Pipeline = PipelineFactory.create(last_run_number=NEWEST + 10)
    return made


def old_run(pipeline: Pipeline, **more: Any) -> PipelineRun:
    """A run that ends now; what is done `later` finds it a month old."""
    facts = {"account": pipeline.account, "completed_at": timezone.now(), "run_number": 1, **more}
    made: PipelineRun = RunFactory.create(pipeline=pipeline, **facts)
    return made


def later(work: Callable[[], int], *, days: float = 31) -> int:
    """What comes of it so many days from now."""
    with time_machine.travel(timezone.now() + timedelta(days=days), tick=False):
        return work()


def is_there(run: PipelineRun) -> bool:
    return PipelineRun.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize(("days", "is_kept"), [(29.9, True), (30.1, False), (4000, False)])
def test_the_operators_limit_decides(pipeline: Pipeline, days: float, is_kept: bool) -> None:
    run = old_run(pipeline)
    assert later(remove_old_runs, days=days) == (not is_kept)
    assert is_there(run) is is_kept


def test_zero_keeps_them_for_ever(pipeline: Pipeline, settings: Settings) -> None:
    settings.POWERNODE_RUN_RETENTION_DAYS = 0
    run = old_run(pipeline)
    CommitCheck.objects.create(
        account=pipeline.account, commit_sha=SHA,
        repository=RepositoryFactory.create(account=pipeline.account),
    )  # fmt: skip
    assert later(remove_old_runs, days=4000) == later(remove_old_checks, days=4000) == 0
    assert is_there(run)


def test_the_newest_of_a_pipeline_stay_until_it_is_deleted(pipeline: Pipeline) -> None:
    last_to_go = old_run(pipeline, run_number=10)
    first_kept = old_run(pipeline, run_number=11)
    assert later(remove_old_runs) == 1
    assert (is_there(last_to_go), is_there(first_kept)) == (False, True)
    Pipeline.objects.filter(pk=pipeline.pk).update(deleted_at=timezone.now())
    assert later(remove_old_runs) == 1


@pytest.mark.parametrize("status", ["pending", "queued", "running"])
def test_what_goes_on_stays(pipeline: Pipeline, status: str) -> None:
    old_run(pipeline, status=status, completed_at=None)
    assert later(remove_old_runs) == 0


def test_one_that_waited_for_a_month_and_ended_today_stays(pipeline: Pipeline) -> None:
    old_run(pipeline, completed_at=timezone.now() + timedelta(days=31))
    assert later(remove_old_runs) == 0


def test_files_keep_their_run(pipeline: Pipeline) -> None:
    with_artifact, with_folder = old_run(pipeline), old_run(pipeline, run_number=2)
    artifact = ArtifactFactory.create(run=with_artifact)
    folder = WorkspaceSnapshot.objects.create(
        account=pipeline.account, run=with_folder, position=1, tree="t"
    )
    assert later(remove_old_runs) == 0
    artifact.delete()
    folder.delete()
    assert later(remove_old_runs) == 2


def test_a_run_that_another_took_steps_over_from_goes_after_it(pipeline: Pipeline) -> None:
    first, again = old_run(pipeline), old_run(pipeline, run_number=2)
    PipelineRun.objects.filter(pk=again.pk).update(retry_of=first)
    made = StepExecutionFactory.create(run=first)
    carried = StepExecutionFactory.create(run=again, carried_from=made)

    assert (later(remove_old_runs), is_there(first)) == (1, True)
    assert not StepExecution.objects.filter(pk=carried.pk).exists()
    assert (later(remove_old_runs), is_there(first)) == (1, False)


def test_kept_ones_do_not_hide_those_that_are_due(pipeline: Pipeline) -> None:
    for number in range(1, 4):
        ArtifactFactory.create(run=old_run(pipeline, run_number=number))
    due = [old_run(PipelineFactory.create(last_run_number=99)) for _ in range(120)]
    assert later(remove_old_runs) == len(due)
    assert PipelineRun.objects.count() == 3


def test_all_that_was_only_the_runs_goes_with_it(workshop: Workshop) -> None:
    report = '<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase></testsuite>'
    configuration = {"command": f"echo '{report}' > r.xml", "report": "r.xml"}
    run = workshop.run(step("tests", step_type="run_tests", configuration=configuration))
    assert run.status == "failure"
    Pipeline.objects.update(last_run_number=NEWEST + 1)
    log = StepExecution.objects.get(run=run).pk
    WorkspaceSnapshot.objects.all().delete()

    assert later(remove_old_runs) == 1

    assert _rows_that_name(run.pk) == {}
    # A log has a time of its own.
    assert LogStream.objects.filter(pk=log).exists()


def _rows_that_name(key: uuid.UUID) -> dict[str, int]:
    """In which tables a column that refers to runs still holds the key."""
    found = {}
    for relation in PipelineRun._meta.related_objects:
        count = relation.related_model._base_manager.filter(**{relation.field.name: key}).count()
        if count:
            found[str(relation)] = count
    return found


def test_checks_of_commits_go_once_no_run_is_of_them(pipeline: Pipeline) -> None:
    repository = RepositoryFactory.create(account=pipeline.account)
    check = CommitCheck.objects.create(
        account=pipeline.account, commit_sha=SHA, repository=repository
    )
    run = old_run(pipeline, commit_sha=SHA, repository=repository)
    assert later(remove_old_checks) == 0
    run.delete()
    assert later(remove_old_checks) == 1
    assert not CommitCheck.objects.filter(pk=check.pk).exists()


def test_the_number_of_statements_does_not_grow_with_the_runs(
    pipeline: Pipeline, django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 9):
        run = old_run(pipeline, run_number=number)
        StepExecutionFactory.create_batch(3, run=run)
    with django_assert_max_num_queries(40, connection=connection):
        assert later(remove_old_runs) == 8
