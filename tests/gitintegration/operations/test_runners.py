"""Runners of the hosts' own CI, and workflows that are sent to them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devops.errors import Conflict, DomainError, Invalid
from gitintegration.clients.errors import NotSupported
from gitintegration.clients.fakes.model import Runner
from gitintegration.clients.shapes import Scope
from gitintegration.models import GitRepository, GitRunner, RunnerDispatch
from gitintegration.operations.dispatches import dispatch, pick_runner, poll_dispatches
from gitintegration.operations.runners import (
    STALE,
    delete_runner,
    mark_stale_runners,
    registration_token,
    removal_token,
    set_labels,
    sync_due_runners,
    sync_runners,
)
from gitintegration.statistics import runner_stats
from tests.factories.gitintegration import CredentialFactory, GitRunnerFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site
from tests.pipelines.conftest import in_threads

pytestmark = pytest.mark.django_db
REPOSITORY = ("repository", "acme/widgets")


def add(site: Site, name: str, *labels: str, at: tuple[str, str] = REPOSITORY) -> Runner:
    return site.world.state.ci.add_runner(at, name, labels or ("self-hosted", "linux"))


def one(site: Site, name: str = "") -> GitRunner:
    rows = GitRunner.objects.filter(credential=site.credential)
    return rows.get(name=name) if name else rows.get()


def test_the_runners_of_a_repository_are_fetched(site: Site) -> None:
    mirror = site.mirror()
    add(site, "one", "self-hosted", "gpu")
    assert sync_runners(site.actor, mirror=mirror) == (1, [])
    runner = one(site)
    assert (runner.name, runner.status, runner.runner_scope) == ("one", "online", "repository")
    assert "gpu" in runner.labels
    assert (runner.repository_id, runner.scope_name) == (mirror.pk, "acme/widgets")
    assert runner.last_seen_at is not None
    assert sync_runners(site.actor, mirror=mirror) == (1, [])
    assert one(site).pk == runner.pk


def test_an_organizations_runners_are_fetched_beside_the_repositorys(site: Site) -> None:
    site.mirror()
    add(site, "own")
    add(site, "shared", at=("organization", "acme"))
    count, problems = sync_runners(site.actor, site.credential)
    assert (count, problems) == (2, [])
    assert one(site, "own").runner_scope == "repository"
    shared = one(site, "shared")
    assert (shared.runner_scope, shared.scope_name, shared.repository_id) == (
        "organization", "acme", None,
    )  # fmt: skip


@ON_GITEA
def test_every_active_credential_is_asked_and_one_that_fails_stops_no_other(site: Site) -> None:
    site.mirror()
    add(site, "one")
    CredentialFactory.create(provider=site.provider, is_default=False)
    CredentialFactory.create(provider=site.provider, is_default=False, is_active=False)
    count, problems = sync_runners(site.actor)
    assert count == 1
    assert len(problems) == 1


@ON_GITEA
def test_busy_and_offline_are_the_hosts_words(site: Site) -> None:
    mirror = site.mirror()
    busy, away = add(site, "busy"), add(site, "away")
    busy.is_busy, away.is_online = True, False
    sync_runners(site.actor, mirror=mirror)
    assert (one(site, "busy").status, one(site, "busy").busy) == ("busy", True)
    assert one(site, "away").status == "offline"
    facts = runner_stats(GitRunner.objects.all())
    assert (facts["total"], facts["busy"], facts["available"]) == (2, 1, 0)
    assert facts["utilization_pct"] == 100.0


@ON_GITEA
def test_a_runner_that_the_host_lists_no_more_is_offline(site: Site) -> None:
    mirror = site.mirror()
    runner = add(site, "one")
    sync_runners(site.actor, mirror=mirror)
    site.world.state.ci.remove_runner(runner.id)
    sync_runners(site.actor, mirror=mirror)
    assert one(site).status == "offline"


@pytest.mark.parametrize(("seconds", "marked"), [(-1, 0), (1, 1)])
def test_a_runner_unseen_for_five_minutes_is_offline_and_keeps_when(
    seconds: int, marked: int
) -> None:
    seen = timezone.now() - STALE - timedelta(seconds=seconds)
    runner = GitRunnerFactory.create(status="busy", busy=True, last_seen_at=seen)
    assert mark_stale_runners() == marked
    runner.refresh_from_db()
    assert runner.status == ("offline" if marked else "busy")
    assert runner.busy is not bool(marked)
    assert runner.last_seen_at == seen


@ON_GITEA
def test_runners_are_asked_for_well_before_they_count_as_gone(site: Site) -> None:
    mirror = site.mirror()
    add(site, "one")
    sync_runners(site.actor, mirror=mirror)
    assert sync_due_runners() == 0
    GitRunner.objects.update(last_seen_at=timezone.now() - timedelta(minutes=3))
    assert sync_due_runners() == 1
    assert mark_stale_runners() == 0


def test_labels_are_set_at_the_host_and_its_answer_is_kept(site: Site) -> None:
    mirror = site.mirror()
    known = add(site, "one")
    sync_runners(site.actor, mirror=mirror)
    try:
        runner = set_labels(site.actor, one(site), ["gpu", " gpu ", "fast"])
    except NotSupported:
        assert site.kind == "bitbucket", "the others can"
        return
    assert set(known.labels) >= {"gpu", "fast"}
    assert len([label for label in runner.labels if label == "gpu"]) == 1


@ON_GITEA
@pytest.mark.parametrize("labels", [[""], ["x" * 101], [str(number) for number in range(51)]])
def test_labels_that_no_host_takes_are_refused(site: Site, labels: list[str]) -> None:
    with pytest.raises(Invalid):
        set_labels(site.actor, GitRunnerFactory.create(credential=site.credential), labels)


def test_a_removed_runner_is_gone_at_the_host_and_here(site: Site) -> None:
    mirror = site.mirror()
    add(site, "one")
    sync_runners(site.actor, mirror=mirror)
    runner = one(site)
    delete_runner(site.actor, runner)
    assert site.world.state.ci.runners_of(REPOSITORY) == []
    assert not GitRunner.objects.exists()


@ON_GITEA
def test_a_runner_that_was_gone_at_the_host_goes_here_too(site: Site) -> None:
    site.mirror()
    runner = GitRunnerFactory.create(credential=site.credential, scope_name="acme/widgets")
    delete_runner(site.actor, runner)
    assert not GitRunner.objects.exists()


def test_a_first_runner_can_be_registered(site: Site) -> None:
    site.mirror()
    token = registration_token(site.actor, site.credential, Scope("repository", "acme/widgets"))
    assert token.token


def test_a_removal_token_is_had_where_the_host_has_one(site: Site) -> None:
    mirror = site.mirror()
    add(site, "one")
    sync_runners(site.actor, mirror=mirror)
    if "runner_removal_token" in site.world.rig.unsupported:
        with pytest.raises(NotSupported):
            removal_token(site.actor, one(site))
    else:
        assert removal_token(site.actor, one(site)).token


def free(site: Site, mirror: GitRepository, **facts: Any) -> GitRunner:
    made: GitRunner = GitRunnerFactory.create(
        credential=site.credential, repository=mirror, scope_name=mirror.full_name, **facts
    )
    return made


@ON_GITEA
def test_the_free_runner_with_all_labels_and_the_fewest_jobs_is_picked(site: Site) -> None:
    mirror = site.mirror()
    other = site.mirror(site.world.state.add_repository("acme/gadgets", files={"a": "b"}))
    free(site, mirror, labels=["gpu"], total_jobs_run=1)
    free(site, mirror, labels=["gpu", "fast"], total_jobs_run=9)
    best = free(site, mirror, labels=["gpu", "fast"], total_jobs_run=3)
    free(site, mirror, labels=["gpu", "fast"], status="busy", busy=True)
    free(site, mirror, labels=["gpu", "fast"], status="offline")
    free(site, other, labels=["gpu", "fast"])
    assert pick_runner(mirror, ["gpu", "fast"]) == best
    assert pick_runner(mirror, ["arm"]) is None


def send(site: Site, mirror: GitRepository, key: str = "") -> RunnerDispatch:
    return dispatch(
        site.actor, mirror, workflow="ci.yml", labels=["linux"], inputs={"a": "b"}, key=key
    )


@pytest.fixture
def mirror(site: Site) -> GitRepository:
    site.world.state.ci.add_workflow(site.world.widgets, ".gitea/workflows/ci.yml")
    return site.mirror()


@ON_GITEA
def test_a_dispatch_takes_a_runner_and_gives_it_back_with_its_job_counted(
    site: Site, mirror: GitRepository
) -> None:
    runner = free(site, mirror)
    row = send(site, mirror)
    assert row.status == "dispatched"
    (run,) = site.world.widgets.runs.values()
    assert row.workflow_run_id == str(run.id)
    assert run.inputs == {"a": "b", "runner_labels": "self-hosted,linux"}
    runner.refresh_from_db()
    assert (runner.status, runner.busy) == ("busy", True)
    assert poll_dispatches() == 0
    poll(site, run_on=1)
    row.refresh_from_db()
    assert row.status == "running"
    poll(site, run_on=1)
    row.refresh_from_db()
    assert (row.status, row.output_result["conclusion"]) == ("completed", "success")
    runner.refresh_from_db()
    assert (runner.status, runner.busy) == ("online", False)
    assert (runner.total_jobs_run, runner.successful_jobs, runner.failed_jobs) == (1, 1, 0)


def poll(site: Site, run_on: int = 0) -> None:
    for run in site.world.widgets.runs.values():
        for _ in range(run_on):
            site.world.state.ci.advance_run(site.world.widgets, run)
    RunnerDispatch.objects.update(next_poll_at=timezone.now())
    assert poll_dispatches() == 1


@ON_GITEA
def test_without_a_free_runner_nothing_is_sent(site: Site, mirror: GitRepository) -> None:
    with pytest.raises(Conflict):
        send(site, mirror)
    assert not site.world.widgets.runs


@ON_GITEA
def test_a_key_is_sent_once(site: Site, mirror: GitRepository) -> None:
    free(site, mirror)
    free(site, mirror)
    assert send(site, mirror, "k").pk == send(site, mirror, "k").pk
    assert len(site.world.widgets.runs) == 1
    assert GitRunner.objects.filter(busy=True).count() == 1


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_a_key_is_sent_once_by_several_at_once(site: Site, mirror: GitRepository) -> None:
    for _ in range(4):
        free(site, mirror)
    found = in_threads(4, lambda _: send(site, mirror, "k").pk)
    assert len(set(found)) == 1, found
    assert len(site.world.widgets.runs) == 1
    assert GitRunner.objects.filter(busy=True).count() == 1


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_one_runner_is_not_given_to_two(site: Site, mirror: GitRepository) -> None:
    free(site, mirror)
    found = in_threads(3, lambda _: send(site, mirror).status)
    assert sorted(map(type, found), key=str) == [Conflict, Conflict, str] or [
        each for each in found if each == "dispatched"
    ] == ["dispatched"]
    assert len(site.world.widgets.runs) == 1


@ON_GITEA
def test_a_refused_dispatch_frees_its_runner_and_counts_no_job(
    site: Site, mirror: GitRepository
) -> None:
    runner = free(site, mirror)
    site.world.state.faults.add("status", method="POST", path="dispatches", code=422)
    with pytest.raises(DomainError):
        send(site, mirror, "k")
    assert RunnerDispatch.objects.get().status == "failed"
    runner.refresh_from_db()
    assert (runner.busy, runner.total_jobs_run) == (False, 0)


@ON_GITEA
def test_a_run_that_does_not_end_is_given_up_after_half_an_hour(
    site: Site, mirror: GitRepository
) -> None:
    runner = free(site, mirror)
    row = send(site, mirror)
    RunnerDispatch.objects.update(polls=180)
    poll(site)
    row.refresh_from_db()
    assert (row.status, "half an hour" in row.error_message) == ("failed", True)
    runner.refresh_from_db()
    assert (runner.busy, runner.failed_jobs) == (False, 1)


@ON_GITEA
def test_a_dispatch_whose_sender_died_does_not_keep_its_runner(
    site: Site, mirror: GitRepository
) -> None:
    runner = free(site, mirror, status="busy", busy=True)
    row = RunnerDispatch.objects.create(
        account_id=mirror.account_id, runner=runner, repository=mirror, workflow="ci.yml",
        ref="main", key="k",
    )  # fmt: skip
    poll_dispatches()
    row.refresh_from_db()
    assert row.status == "pending"
    later = timezone.now() - timedelta(minutes=5)
    RunnerDispatch.objects.update(created_at=later)
    poll_dispatches()
    row.refresh_from_db()
    assert row.status == "failed"
    runner.refresh_from_db()
    assert not runner.busy
