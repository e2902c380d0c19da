"""What only Gitea does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import Forbidden, HostUnavailable, RefusedByHost
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.gitea.client import GiteaClient
from gitintegration.clients.host import HostAccess, every
from tests.gitintegration.hosts.gitea_rig import RIG
from tests.gitintegration.hosts.rig import World, world_of


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(RIG, tmp_path) as made:
        yield made
    assert made.host.violations == []
    forget_hosts()


def test_a_renamed_repository_is_read_by_its_former_name(world: World) -> None:
    world.state.rename(world.widgets, "acme/things")
    assert world.client.get_repository("acme/widgets").full_name == "acme/things"


def test_links_are_read_for_their_page_only(world: World) -> None:
    """A server behind a proxy names its public address, and is asked at ours."""
    link = '<https://git.example.com/api/v1/x?page=2>; rel="next"'
    world.state.faults.add("status", code=200, path="branches", body=b"[]", headers={"link": link})
    assert world.client.list_branches(world.name).next_page == "2"


def test_more_is_asked_for_than_the_server_gives_at_once(world: World) -> None:
    for number in range(60):
        world.state.talk.open_issue(world.widgets, f"Issue {number}", user=world.bob)
    first = world.client.list_issues(world.name, per_page=100)
    assert len(first.items) == 50
    whole = list(every(lambda page: world.client.list_issues(world.name, page=page)))
    assert len({issue.number for issue in whole}) == 60


def test_a_list_without_links_is_followed_by_its_total(world: World) -> None:
    headers = {"x-total-count": "3"}
    run = b'{"id": 1, "status": "success"}'
    body = b'{"workflow_runs": [' + run + b"," + run + b'], "total_count": 3}'
    world.state.faults.add("status", code=200, path="runs", body=body, headers=headers)
    found = world.client.list_workflow_runs(world.name, per_page=2)
    assert found.next_page
    assert world.client.list_workflow_runs(world.name, page=found.next_page).items == ()


def test_words_of_older_servers_are_understood(world: World) -> None:
    body = b'{"id": 1, "status": "failure", "display_title": "Mend"}'
    world.state.faults.add("status", code=200, path="runs", body=body)
    found = world.client.get_workflow_run(world.name, "1")
    assert (found.name, found.status, found.conclusion) == ("Mend", "failed", "failure")


def test_an_answer_of_another_shape_is_the_hosts_fault(world: World) -> None:
    world.state.faults.add("status", code=200, body=b'{"id": [], "full_name": 7}')
    with pytest.raises(HostUnavailable, match="id is no text"):
        world.client.get_repository(world.name)


def test_an_oauth_token_is_sent_as_a_bearer(world: World) -> None:
    access = HostAccess("Ours", f"{world.host.url}/api/v1", world.host.url, world.token, "bearer")
    client = GiteaClient(access)
    assert client.current_user().username == "ada"
    client.close()


def test_a_draft_is_one_by_its_title(world: World) -> None:
    new = s.NewPullRequest("Bye", "feature", "main", is_draft=True)
    made = world.client.create_pull_request(world.name, new)
    assert (made.title, made.is_draft) == ("WIP: Bye", True)
    with pytest.raises(RefusedByHost):
        world.client.merge_pull_request(world.name, made.number)


def test_the_runners_of_the_whole_server_are_the_administrators(world: World) -> None:
    world.state.ci.add_runner(("enterprise", ""), "big")
    root = world.state.add_user("root", admin=True)
    client = world.another_client(world.state.add_token(root.login), who="root")
    assert [runner.name for runner in client.list_runners(s.Scope("enterprise"))] == ["big"]
    with pytest.raises(Forbidden):
        world.client.list_runners(s.Scope("enterprise"))


def test_old_servers_give_a_registration_token_to_a_get(world: World) -> None:
    world.state.faults.add("status", method="POST", path="registration-token", code=405)
    world.state.faults.add(
        "status", method="GET", path="registration-token", code=200, body=b'{"token": "abc"}'
    )
    found = world.client.runner_registration_token(s.Scope("repository", world.name))
    assert found.command.endswith("--token abc")


def test_a_log_of_more_than_ten_megabytes_is_cut(world: World) -> None:
    run = world.state.ci.start_run(world.widgets, user=world.ada)
    world.state.ci.advance_run(world.widgets, run)
    world.state.ci.append_log(run.jobs[0], b"x" * (10 * 1024 * 1024 + 5))
    log = world.client.get_job_log(world.name, str(run.id), str(run.jobs[0].id))
    assert len(log) == 10 * 1024 * 1024


def test_the_whole_call_has_an_end_even_over_a_connection_that_was_used_before(
    world: World,
) -> None:
    client = world.another_client(seconds=0.4)
    client.get_repository(world.name)
    world.state.faults.add("slow", times=-1, path="branches")
    with pytest.raises(HostUnavailable, match=r"within 0\.4 s"):
        client.list_branches(world.name)
