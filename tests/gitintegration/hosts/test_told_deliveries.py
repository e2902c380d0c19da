"""What the shipped fakes deliver over a socket is signed, and read by our own modules."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from gitintegration.clients.bitbucket import webhooks as bitbucket
from gitintegration.clients.gitea import webhooks as gitea
from gitintegration.clients.protocol import TriggerEvent
from tests.gitintegration.hosts import bitbucket_rig, gitea_rig
from tests.gitintegration.hosts.rig import Rig, World, world_of

SECRET = "s" * 32


class Told:
    """A fake host with a hook, and the events that its deliveries were read as."""

    def __init__(self, world: World, module: Any, events: list[str]) -> None:
        self.world = world
        self.events: list[TriggerEvent] = []
        self.module = module
        world.state.courier.post = self.post
        world.state.add_hook(world.widgets, "http://127.0.0.1:9/in", SECRET, events)

    def post(self, _url: str, headers: Any, body: bytes) -> int:
        assert self.module.is_authentic(SECRET, headers, body)
        assert not self.module.is_authentic("another", headers, body)
        assert self.module.delivery_id(headers)
        payload = json.loads(body)
        name = self.module.event_name(headers, payload)
        assert name in self.module.EVENTS
        self.events.append(self.module.to_event(name, payload))
        return 202

    def of(self, *acts: Callable[[], Any]) -> list[tuple[str, str]]:
        for act in acts:
            act()
        self.world.state.settle()
        return [(event.type, event.action) for event in self.events]


@pytest.fixture(params=["gitea", "bitbucket"])
def told(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Any:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    rig: Rig = (gitea_rig if request.param == "gitea" else bitbucket_rig).RIG
    module = gitea if request.param == "gitea" else bitbucket
    with world_of(rig, tmp_path) as world:
        yield Told(world, module, ["*"])


def test_a_push_tells_branch_and_commit(told: Told) -> None:
    world = told.world
    before = world.head
    told.of(lambda: world.state.push_file(world.widgets, "main", "n.txt", "n", user=world.ada))
    (push,) = told.events
    assert (push.type, push.branch, push.before, push.sha) == ("push", "main", before, world.head)
    assert push.actor == "ada"
    assert push.repository_full_name == "acme/widgets"
    assert push.changed_paths in (("n.txt",), None)


def test_the_life_of_a_pull_request_from_a_fork_is_told(told: Told) -> None:
    world, talk = told.world, told.world.state.talk
    fork = world.state.fork(world.widgets, world.bob)
    pull = talk.open_pull(world.widgets, "feature", head=fork, user=world.bob)
    told.of(
        lambda: world.state.push_file(fork, "feature", "n.txt", "n", user=world.bob),
        lambda: talk.review(world.widgets, pull, world.ada, "approved"),
        lambda: talk.comment(world.widgets, pull, "/run", world.ada),
        lambda: talk.merge_pull(world.widgets, pull, world.ada),
    )
    acts = [(event.type, event.action) for event in told.events]
    assert acts[:2] == [("fork", ""), ("pull_request", "opened")]
    assert acts[2:6] == [
        ("pull_request", "synchronize"),
        ("pull_request_review", "submitted"),
        ("issue_comment", "created"),
        ("pull_request", "merged"),
    ]
    assert acts[6][0] == "push"
    assert all(event.is_from_fork for event in told.events[1:6])
    assert told.events[1].actor == "bob"
    assert told.events[3].review_state == "approved"
    assert all(event.pull_request is not None for event in told.events[1:6])


def test_issues_and_their_comments_are_told(told: Told) -> None:
    world, talk = told.world, told.world.state.talk
    issue = talk.open_issue(world.widgets, "Slow", user=world.bob)
    acts = told.of(lambda: talk.comment(world.widgets, issue, "Yes", world.ada))
    assert acts == [("issue", "opened"), ("issue_comment", "created")]


def test_a_run_is_told_to_its_end(told: Told) -> None:
    world, ci = told.world, told.world.state.ci
    run = ci.start_run(world.widgets, user=world.ada)
    told.of(*[lambda: ci.advance_run(world.widgets, run, "failure")] * 2)
    last = [event for event in told.events if event.type == "workflow_run"][-1]
    assert last.ci is not None
    assert (last.ci.status, last.ci.conclusion, last.sha) == ("failed", "failure", world.head)
    named = world.client.get_workflow_run(world.name, last.ci.run_id)
    assert named.conclusion == "failure"


def test_a_deleted_branch_is_told_as_gone(told: Told) -> None:
    told.of(lambda: told.world.client.delete_branch(told.world.name, "feature"))
    (gone,) = told.events
    assert (gone.type, gone.branch, gone.is_deletion) == ("delete", "feature", True)


def test_a_status_over_the_api_is_told(told: Told) -> None:
    world = told.world
    sha = world.head
    state = {"gitea": "success", "bitbucket": "SUCCESSFUL"}[world.rig.name.lower()]
    told.of(lambda: world.state.talk.set_status(world.widgets, sha, "ci", state))
    (event,) = told.events
    assert (event.type, event.sha) == ("status", sha)
    assert event.ci is not None
    assert (event.ci.name, event.ci.conclusion) == ("ci", "success")
