"""The hosts' own CI as we see it: told, fetched, started, stopped, repeated."""

from typing import Any

import pytest

from devops.errors import Conflict
from gitintegration.clients.fakes.model import Run
from gitintegration.models import GitPipeline, GitPipelineJob, GitRepository
from gitintegration.operations.ci import (
    cancel_run,
    retry_run,
    sweep_active_runs,
    sync_recent_runs,
    sync_run,
    take_run,
    trigger_run,
)
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Sent, Site, process_pending, told

pytestmark = pytest.mark.django_db
WORKFLOWS = {"github": ".github/workflows/ci.yml", "gitea": ".gitea/workflows/ci.yml"}


def start(site: Site, *jobs: str) -> Run:
    world = site.world
    return world.state.ci.start_run(world.widgets, jobs=jobs or ("build",), user=world.ada)


def advance(site: Site, run: Run, conclusion: str = "success") -> None:
    site.world.state.ci.advance_run(site.world.widgets, run, conclusion)


def run_id(site: Site, run: Run) -> str:
    return "{" + run.uuid + "}" if site.kind == "bitbucket" else str(run.id)


def fetched(site: Site, mirror: GitRepository, run: Run) -> GitPipeline:
    found = sync_run(str(mirror.pk), run_id(site, run))
    assert found is not None
    return found


def test_a_run_is_mirrored_with_its_jobs_from_start_to_end(site: Site) -> None:
    mirror, run = site.mirror(), start(site, "build", "test")
    mirrored = fetched(site, mirror, run)
    assert mirrored.status in {"queued", "pending"}
    assert mirrored.sha == site.world.head
    assert mirrored.ref == "main"
    advance(site, run)
    assert fetched(site, mirror, run).status == "in_progress"
    advance(site, run)
    done = fetched(site, mirror, run)
    assert (done.status, done.conclusion) == ("completed", "success")
    assert done.completed_at is not None
    assert done.pk == mirrored.pk
    assert (done.total_jobs, done.completed_jobs, done.failed_jobs) == (2, 2, 0)
    assert {job.name for job in done.jobs.all()} == {"build", "test"}
    names = [each["git_pipeline"]["status"] for each in told("git_pipeline_updated")]
    assert names[-1] == "completed"


def test_a_failed_run_says_so(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    advance(site, run)
    advance(site, run, "failure")
    found = fetched(site, mirror, run)
    assert (found.status, found.conclusion, found.failed_jobs) == ("failed", "failure", 1)


def test_the_same_news_twice_are_told_once(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    first = fetched(site, mirror, run)
    count = len(told("git_pipeline_updated")) + len(told("git_job_updated"))
    assert fetched(site, mirror, run).version == first.version
    assert len(told("git_pipeline_updated")) + len(told("git_job_updated")) == count


def test_late_deliveries_do_not_turn_a_finished_run_back(site: Site) -> None:
    mirror = site.hooked()
    run = start(site)
    advance(site, run)
    advance(site, run)
    deliveries: list[Sent] = list(site.collect())
    assert deliveries
    done = fetched(site, mirror, run)
    for each in reversed(deliveries):
        assert each.arrive() in {200, 202}
        process_pending()
        done.refresh_from_db()
        assert (done.status, done.conclusion) == ("completed", "success")
    for job in done.jobs.all():
        assert (job.status, job.conclusion) == ("completed", "success")


def test_a_delivery_alone_makes_the_run_known(site: Site) -> None:
    site.hooked()
    run = start(site)
    advance(site, run)
    advance(site, run)
    site.receive()
    if site.kind == "bitbucket":
        return  # its deliveries of a commit's status are read in test_told_deliveries.py
    found = GitPipeline.objects.get(external_id=run_id(site, run))
    assert (found.status, found.conclusion) == ("completed", "success")
    assert found.actor_username == "ada"


@ON_GITEA
def test_a_repeated_run_is_not_turned_back_by_its_first_attempt(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    advance(site, run)
    advance(site, run, "failure")
    with_first = site.world.client.get_workflow_run(mirror.full_name, run_id(site, run))
    site.world.state.ci.rerun(site.world.widgets, run)
    second = fetched(site, mirror, run)
    assert (second.run_attempt, second.status) == (2, "queued")
    assert take_run(mirror, with_first).run_attempt == 2
    second.refresh_from_db()
    assert second.status == "queued"


def test_recent_runs_are_listed_in_the_hosts_order(site: Site) -> None:
    mirror = site.mirror()
    made = [run_id(site, start(site)) for _ in range(4)]
    assert sync_recent_runs(mirror) == 4
    found = list(GitPipeline.objects.order_by("-id").values_list("external_id", flat=True))
    assert found == made[::-1]


@ON_GITEA
def test_an_unknown_reason_to_run_is_kept_as_the_hosts_word(site: Site) -> None:
    mirror = site.mirror()
    world = site.world
    run = world.state.ci.start_run(world.widgets, event="merge_group", user=world.ada)
    found = fetched(site, mirror, run)
    assert (found.trigger_event, found.metadata["host_event"]) == ("", "merge_group")


@ON_GITEA
def test_a_run_that_nobody_tells_of_is_asked_for_again(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    fetched(site, mirror, run)
    assert sweep_active_runs() == 0
    GitPipeline.objects.update(synced_at=None)
    assert sweep_active_runs() == 1


@ON_GITEA
def test_a_credential_that_is_off_fails_no_sweep(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    fetched(site, mirror, run)
    type(site.credential).objects.update(is_active=False)
    assert sync_run(str(mirror.pk), run_id(site, run)) is None


def workflow(site: Site) -> str:
    path = WORKFLOWS.get(site.kind)
    if path is None:
        return ""
    site.world.state.ci.add_workflow(site.world.widgets, path)
    return path.rsplit("/", 1)[-1]


def test_a_workflow_is_started_with_its_inputs(site: Site) -> None:
    mirror = site.mirror()
    found = trigger_run(
        site.actor, mirror, workflow=workflow(site), ref="feature", inputs={"target": "staging"}
    )
    run = next(iter(site.world.widgets.runs.values()))
    assert found == run_id(site, run)
    assert (run.ref, run.inputs.get("target")) == ("feature", "staging")
    assert GitPipeline.objects.get(external_id=found).ref == "feature"


def test_a_run_is_stopped_at_its_host(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    advance(site, run)
    mirrored = fetched(site, mirror, run)
    cancel_run(site.actor, mirrored)
    assert run.conclusion == "cancelled"
    mirrored.refresh_from_db()
    assert (mirrored.status, mirrored.conclusion) == ("cancelled", "cancelled")
    with pytest.raises(Conflict):
        cancel_run(site.actor, mirrored)


def test_a_failed_run_is_repeated_and_a_success_is_not(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    advance(site, run)
    with pytest.raises(Conflict):
        retry_run(site.actor, fetched(site, mirror, run))
    advance(site, run, "failure")
    again = retry_run(site.actor, fetched(site, mirror, run))
    fresh = GitPipeline.objects.get(external_id=again or run_id(site, run))
    assert fresh.status in {"queued", "pending"}
    while fresh.status != "completed":
        for each in site.world.widgets.runs.values():
            advance(site, each)
        found = sync_run(str(mirror.pk), fresh.external_id)
        assert found is not None
        fresh = found
    with pytest.raises(Conflict):
        retry_run(site.actor, fresh)


def test_a_run_that_the_host_forgot_is_none(site: Site) -> None:
    mirror = site.mirror()
    missing = "{00000000-0000-4000-8000-000000000000}" if site.kind == "bitbucket" else "424242"
    assert sync_run(str(mirror.pk), missing) is None
    assert not GitPipelineJob.objects.exists()


def statuses(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["git_job"]["status"] for frame in frames]


def test_a_jobs_way_is_told_job_by_job(site: Site) -> None:
    mirror, run = site.mirror(), start(site)
    fetched(site, mirror, run)
    advance(site, run)
    fetched(site, mirror, run)
    advance(site, run)
    fetched(site, mirror, run)
    seen = statuses(told("git_job_updated"))
    assert seen[-2:] == ["in_progress", "completed"]
