"""What only Bitbucket does."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients import shapes as s
from gitintegration.clients.bitbucket.client import BitbucketClient
from gitintegration.clients.bitbucket.fake.app import create_app
from gitintegration.clients.bitbucket.fake.words import user_uuid
from gitintegration.clients.errors import (
    AuthenticationFailed,
    HostUnavailable,
    NotFoundOnHost,
    NotSupported,
    RefusedByHost,
)
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.server import serving
from gitintegration.clients.host import HostAccess, every
from tests.gitintegration.hosts.bitbucket_rig import RIG
from tests.gitintegration.hosts.rig import World, world_of


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    with world_of(RIG, tmp_path) as made:
        yield made
    assert made.host.violations == []
    forget_hosts()


def test_users_are_asked_for_by_uuid_or_account_id(world: World) -> None:
    client = world.client
    bob = user_uuid(world.bob)
    assert client.permission_of(world.name, user_uuid(world.ada)) == "admin"
    assert client.permission_of(world.name, bob) == "none"
    world.widgets.collaborators["bob"] = "write"
    assert client.permission_of(world.name, bob) == "write"
    assert client.permission_of(world.name, f"557058:{world.bob.id}") == "write"


@pytest.mark.parametrize("name", ["ada", '" OR user.uuid!="', "", "{ada}"])
def test_a_nickname_is_no_user(world: World, name: str) -> None:
    with pytest.raises(RefusedByHost, match="UUID or account id"):
        world.client.permission_of(world.name, name)
    assert world.host.requests == []


def test_a_pipeline_is_run_again_as_a_new_one(world: World) -> None:
    run = world.state.ci.start_run(world.widgets, user=world.ada)
    for _ in range(2):
        world.state.ci.advance_run(world.widgets, run, "failure")
    again = world.client.rerun_workflow(world.name, f"{{{run.uuid}}}")
    found = world.client.get_workflow_run(world.name, again)
    assert (found.status, found.sha, found.run_number) == ("queued", run.sha, 2)
    with pytest.raises(NotSupported):
        world.client.rerun_workflow(world.name, again, failed_only=True)


def test_a_pipeline_is_found_by_its_number(world: World) -> None:
    run = world.state.ci.start_run(world.widgets, user=world.ada)
    assert world.client.get_workflow_run(world.name, "1").id == f"{{{run.uuid}}}"
    assert [job.name for job in world.client.list_workflow_jobs(world.name, "1")] == ["build"]
    with pytest.raises(NotFoundOnHost, match="the number 2"):
        world.client.get_workflow_run(world.name, "2")


def test_the_log_of_an_ended_step_is_fetched_elsewhere_without_the_token(world: World) -> None:
    run = world.state.ci.start_run(world.widgets, user=world.ada)
    world.state.ci.append_log(run.jobs[0], "one\ntwo\n")
    for _ in range(2):
        world.state.ci.advance_run(world.widgets, run)
    job_id = f"{{{run.jobs[0].uuid}}}"
    with serving(create_app, world.state) as store:
        world.state.extra["log_store"] = store.url
        found = world.client.get_job_log(world.name, f"{{{run.uuid}}}", job_id, 4)
        assert [seen.path for seen in store.requests] == [f"/2.0/logs/{run.jobs[0].uuid}"]
        assert store.violations == []
    assert found == b"two\n"


def test_a_next_page_on_another_origin_is_not_followed(world: World) -> None:
    body = b'{"values": [], "next": "https://elsewhere.example.com/2.0/repositories?page=2"}'
    world.state.faults.add("status", code=200, path="branches", body=body)
    with pytest.raises(HostUnavailable, match="outside of its API"):
        world.client.list_branches(world.name)


def test_a_basic_credential_is_a_user_with_a_token(world: World) -> None:
    access = HostAccess(
        "Ours", f"{world.host.url}/2.0", world.host.url, world.token, "basic", "ada@example.com"
    )
    client = BitbucketClient(access)
    assert client.current_user().username == "ada"
    assert base64.b64encode(world.token.encode()).decode() not in str(world.host.requests)
    client.close()


def test_a_basic_credential_without_a_name_is_not_tried(world: World) -> None:
    access = HostAccess("Ours", f"{world.host.url}/2.0", world.host.url, world.token, "basic")
    client = BitbucketClient(access)
    with pytest.raises(AuthenticationFailed, match="e-mail"):
        client.current_user()
    assert world.host.requests == []
    client.close()


def test_secrets_of_hooks_stay_out_of_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.client.create_webhook(world.name, "https://ci.example.com/in", "hush-" * 5)
    assert len(world.widgets.hooks) == 1
    assert "hush-" not in caplog.text
    assert world.token not in caplog.text


def test_only_the_new_end_of_a_log_is_fetched(world: World) -> None:
    run = world.state.ci.start_run(world.widgets, user=world.ada)
    world.state.ci.advance_run(world.widgets, run)
    world.state.ci.append_log(run.jobs[0], b"x" * (10 * 1024 * 1024) + b"end")
    named = f"{{{run.uuid}}}", f"{{{run.jobs[0].uuid}}}"
    assert world.client.get_job_log(world.name, *named, 10 * 1024 * 1024) == b"end"
    assert world.client.get_job_log(world.name, *named, 10 * 1024 * 1024 + 3) == b""


def test_the_repositories_of_all_workspaces_are_listed_one_after_the_other(world: World) -> None:
    world.state.add_repository("ada/own", files={"a": "b"})
    world.state.add_organization("zoo", ada="member")
    world.state.add_repository("zoo/lion", files={"a": "b"})
    world.state.add_repository("elsewhere/hidden", files={"a": "b"}, private=True)
    found = [repo.full_name for repo in every(lambda page: world.client.list_repositories(page, 1))]
    assert found == ["acme/widgets", "ada/own", "zoo/lion"]


def test_a_change_whose_text_is_too_large_is_told_by_its_counts(world: World) -> None:
    sha = world.widgets.store.branches()["feature"]
    world.state.faults.add("status", code=555, path="/diff/", times=-1)
    diff = world.client.get_commit_diff(world.name, sha)
    assert diff.is_truncated
    (change,) = diff.files
    assert (change.filename, change.additions, change.is_large) == ("src/app.py", 1, True)


def test_the_commits_of_a_listed_pull_request_are_short_and_of_a_read_one_full(
    world: World,
) -> None:
    pull = world.state.talk.open_pull(world.widgets, "feature")
    (listed,) = world.client.list_pull_requests(world.name).items
    read = world.client.get_pull_request(world.name, pull.number)
    assert listed.head_sha == pull.head_sha[:12]
    assert (read.head_sha, read.base_sha) == (pull.head_sha, pull.base_sha)


def test_comments_go_to_the_issue_where_no_pull_request_has_the_number(world: World) -> None:
    issue = world.state.talk.open_issue(world.widgets, "Slow", user=world.bob)
    made = world.client.create_comment(world.name, issue.number, "Indeed")
    world.client.update_comment(world.name, issue.number, made.id, "No")
    assert [comment.body for comment in issue.comments] == ["No"]
    (listed,) = world.client.list_comments(world.name, issue.number).items
    assert listed.body == "No"


def test_a_key_that_may_write_is_refused_before_it_is_sent(world: World) -> None:
    with pytest.raises(NotSupported, match="only read"):
        world.client.create_deploy_key(world.name, "t", "ssh-ed25519 AAAA", is_read_only=False)
    assert world.host.requests == []


def test_the_whole_host_has_no_runners(world: World) -> None:
    with pytest.raises(NotSupported, match="workspace"):
        world.client.list_runners(s.Scope("enterprise"))


def test_a_file_may_be_called_as_a_field_of_the_form(world: World) -> None:
    world.client.write_file(world.name, "message", b"hello\n", branch="main", message="Odd name")
    found = world.client.get_contents(world.name, "message", "main")
    assert isinstance(found, s.FileContent)
    assert found.content == "hello\n"
    assert world.widgets.store.commit(world.head).message.strip() == "Odd name"
