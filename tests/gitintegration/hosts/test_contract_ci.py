"""Every host's own CI and its runners are one to us."""

import pytest

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import Forbidden, NotFoundOnHost, RefusedByHost
from gitintegration.clients.fakes.model import Run
from gitintegration.clients.host import every
from tests.gitintegration.hosts.rig import World
from tests.gitintegration.hosts.test_contract import has

REPOSITORY = s.Scope("repository", "acme/widgets")


def run_id(world: World, run: Run) -> str:
    ids = world.state.extra.get("run_id", lambda known: str(known.id))
    return str(ids(run))


def started(world: World, *jobs: str) -> Run:
    return world.state.ci.start_run(world.widgets, jobs=jobs or ("build",), user=world.ada)


def test_the_workflow_files_are_listed(world: World) -> None:
    has(world, "list_workflows")
    world.state.ci.add_workflow(world.widgets, ".github/workflows/ci.yml", "CI")
    found = [(item.name, item.path) for item in world.client.list_workflows(world.name)]
    assert found == [("CI", ".github/workflows/ci.yml")]


def test_a_run_is_told_in_our_words_from_its_start_to_its_end(world: World) -> None:
    has(world, "get_workflow_run")
    run = started(world)
    found = world.client.get_workflow_run(world.name, run_id(world, run))
    assert found.status in {"queued", "pending"}
    assert found.conclusion == ""
    assert (found.ref, found.sha, found.run_number) == ("main", world.head, run.number)
    world.state.ci.advance_run(world.widgets, run)
    assert world.client.get_workflow_run(world.name, found.id).status == "in_progress"
    world.state.ci.advance_run(world.widgets, run)
    ended = world.client.get_workflow_run(world.name, found.id)
    assert (ended.status, ended.conclusion) == ("completed", "success")
    assert ended.completed_at is not None


@pytest.mark.parametrize(
    ("conclusion", "status"), [("failure", "failed"), ("cancelled", "cancelled")]
)
def test_a_run_that_did_not_succeed_is_told_as_such(
    world: World, conclusion: str, status: str
) -> None:
    has(world, "get_workflow_run")
    run = started(world)
    world.state.ci.advance_run(world.widgets, run)
    world.state.ci.advance_run(world.widgets, run, conclusion)
    found = world.client.get_workflow_run(world.name, run_id(world, run))
    assert (found.status, found.conclusion) == (status, conclusion)


def test_the_runs_of_a_branch_are_listed_over_all_pages(world: World) -> None:
    has(world, "list_workflow_runs")
    runs = [started(world) for _ in range(5)]
    world.state.ci.start_run(world.widgets, ref="feature", user=world.ada)
    found = list(
        every(
            lambda page: world.client.list_workflow_runs(
                world.name, branch="main", page=page, per_page=2
            )
        )
    )
    assert {run.id for run in found} == {run_id(world, run) for run in runs}


@pytest.mark.parametrize(
    ("state", "expected"),
    [("queued", {0}), ("in_progress", {1}), ("success", {2}), ("failure", {3})],
)
def test_the_runs_of_a_state_are_listed(
    world: World, state: s.RunState, expected: set[int]
) -> None:
    runs = [started(world) for _ in range(4)]
    for times, conclusion, run in ((1, "", 1), (2, "success", 2), (2, "failure", 3)):
        for _ in range(times):
            world.state.ci.advance_run(world.widgets, runs[run], conclusion)
    found = world.client.list_workflow_runs(world.name, status=state).items
    assert {run.id for run in found} == {run_id(world, runs[index]) for index in expected}


def test_the_runs_of_an_event_are_listed(world: World) -> None:
    by_push = world.state.ci.start_run(world.widgets, event="push", user=world.ada)
    world.state.ci.start_run(world.widgets, event="manual", user=world.ada)
    (found,) = world.client.list_workflow_runs(world.name, event="push").items
    assert (found.id, found.event) == (run_id(world, by_push), "push")


def test_the_jobs_of_a_run_are_told(world: World) -> None:
    has(world, "list_workflow_jobs")
    run = started(world, "build", "test")
    world.state.ci.advance_run(world.widgets, run)
    world.state.ci.advance_run(world.widgets, run, "failure")
    jobs = world.client.list_workflow_jobs(world.name, run_id(world, run))
    assert {job.name for job in jobs} == {"build", "test"}
    assert {(job.status, job.conclusion) for job in jobs} == {("failed", "failure")}


def test_a_growing_log_is_read_on_from_where_we_were(world: World) -> None:
    has(world, "get_job_log")
    run = started(world)
    world.state.ci.advance_run(world.widgets, run)
    run_named = run_id(world, run)
    (job,) = world.client.list_workflow_jobs(world.name, run_named)
    assert world.client.get_job_log(world.name, run_named, job.id) == b""
    world.state.ci.append_log(run.jobs[0], "eins ä\n")
    first = world.client.get_job_log(world.name, run_named, job.id)
    assert first == "eins ä\n".encode()
    world.state.ci.append_log(run.jobs[0], "zwei\n")
    assert world.client.get_job_log(world.name, run_named, job.id, len(first)) == b"zwei\n"


def test_a_run_is_started_cancelled_and_run_again(world: World) -> None:
    has(world, "trigger_workflow", "cancel_workflow_run")
    client, name = world.client, world.name
    world.state.ci.add_workflow(world.widgets, ".github/workflows/ci.yml", "CI")
    begun = client.trigger_workflow(name, "ci.yml", "main", {"level": "high"})
    if not begun:
        begun = client.list_workflow_runs(name).items[0].id
    (run,) = world.widgets.runs.values()
    assert begun == run_id(world, run)
    assert run.inputs == {"level": "high"}
    client.cancel_workflow_run(name, begun)
    assert client.get_workflow_run(name, begun).conclusion == "cancelled"


def test_a_run_that_waits_for_a_person_is_let_go_on(world: World) -> None:
    has(world, "approve_workflow_run")
    run = started(world)
    named = run_id(world, run)
    with pytest.raises((RefusedByHost, Forbidden)):
        world.client.approve_workflow_run(world.name, named)
    world.state.ci.hold_run(world.widgets, run)
    assert world.client.get_workflow_run(world.name, named).conclusion == "action_required"
    world.client.approve_workflow_run(world.name, named)
    found = world.client.get_workflow_run(world.name, named)
    assert (found.status, found.conclusion) == ("queued", "")


def test_a_finished_run_is_run_again(world: World) -> None:
    has(world, "rerun_workflow")
    run = started(world)
    for _ in range(2):
        world.state.ci.advance_run(world.widgets, run, "failure")
    again = world.client.rerun_workflow(world.name, run_id(world, run), failed_only=True)
    found = world.client.get_workflow_run(world.name, again)
    assert found.status in {"queued", "pending", "in_progress"}


def test_what_cannot_be_started_is_refused(world: World) -> None:
    has(world, "trigger_workflow")
    world.state.ci.add_workflow(world.widgets, ".github/workflows/ci.yml", "CI")
    with pytest.raises((RefusedByHost, NotFoundOnHost)):
        world.client.trigger_workflow(world.name, "ci.yml", "no-such-branch", {})
    assert world.widgets.runs == {}


def test_the_runners_of_a_repository_are_told(world: World) -> None:
    has(world, "list_runners", "get_runner")
    runner = world.state.ci.add_runner(("repository", world.name), "box", ["self-hosted", "gpu"])
    (found,) = world.client.list_runners(REPOSITORY)
    assert (found.name, found.status, found.is_busy) == ("box", "online", False)
    assert set(found.labels) == {"self-hosted", "gpu"}
    runner.is_busy = True
    assert world.client.get_runner(REPOSITORY, found.id).is_busy
    runner.is_busy, runner.is_online = False, False
    assert world.client.get_runner(REPOSITORY, found.id).status == "offline"


def test_the_runners_of_an_organization_are_told(world: World) -> None:
    has(world, "list_runners")
    world.state.ci.add_runner(("organization", "acme"), "shared")
    (found,) = world.client.list_runners(s.Scope("organization", "acme"))
    assert found.name == "shared"


def test_a_runners_labels_are_set(world: World) -> None:
    has(world, "set_runner_labels")
    world.state.ci.add_runner(("repository", world.name), "box")
    (found,) = world.client.list_runners(REPOSITORY)
    labels = world.client.set_runner_labels(REPOSITORY, found.id, ["gpu", "fast"])
    assert set(labels) >= {"gpu", "fast"}
    assert set(world.client.get_runner(REPOSITORY, found.id).labels) >= {"gpu", "fast"}


def test_a_runner_is_taken_away(world: World) -> None:
    has(world, "delete_runner")
    world.state.ci.add_runner(("repository", world.name), "box")
    (found,) = world.client.list_runners(REPOSITORY)
    world.client.delete_runner(REPOSITORY, found.id)
    assert list(world.client.list_runners(REPOSITORY)) == []


def test_a_first_runner_gets_a_token(world: World) -> None:
    has(world, "runner_registration_token")
    found = world.client.runner_registration_token(REPOSITORY)
    assert found.token
    assert found.token in found.command


def test_a_runner_gets_a_token_to_leave(world: World) -> None:
    has(world, "runner_removal_token")
    assert world.client.runner_removal_token(REPOSITORY).token
