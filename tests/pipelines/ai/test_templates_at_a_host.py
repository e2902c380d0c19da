"""Built-in templates that talk to a git host, run from their defaults against a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from devops.clients.anthropic.fake import FakeApi
from devops.operations.prompt_templates import add_starters
from gitintegration.clients.exchange import forget_hosts
from pipelines.choices import RunStatus
from pipelines.models import PipelineRun
from pipelines.operations import events
from tests.gitintegration.hosts.rig import load, world_of
from tests.gitintegration.operations.site import Site, make_site
from tests.pipelines.ai.test_claude_execute import say
from tests.pipelines.conftest import log_of
from tests.pipelines.shelf import Shelf, named, shelf
from tests.pipelines.test_commit_checks import handle

__all__ = ["shelf"]


@pytest.fixture
def site(shelf: Shelf, tmp_path: Path, settings: Settings) -> Iterator[Site]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    rig = load("tests.gitintegration.hosts.github_rig")
    with world_of(rig, tmp_path / "host") as world:
        yield make_site(world, shelf.shop.actor)
        assert world.host.violations == []
    forget_hosts()


def test_a_model_reviews_a_pull_request(shelf: Shelf, site: Site, model: FakeApi) -> None:
    repository = site.hooked().repository
    assert repository is not None
    # What every new account begins with.
    add_starters(shelf.shop.actor)
    shelf.install("ai-review", repository)
    state = site.world.state
    pull = state.talk.open_pull(site.world.widgets, "feature", user=site.world.ada, title="Bye")
    site.receive()
    handle("git.pull_request", events.resolve_event)
    model.brain.add(say({"comment": "It says goodbye to @everyone."}))

    run = shelf.shop.execute(PipelineRun.objects.get())

    assert run.status == RunStatus.SUCCESS, run.error_message
    assert run.warnings == 0, named(run, "Judge").error_message
    assert named(run, "Judge").outputs["comment"].startswith("It says goodbye")
    assert "+print('bye')" in json.dumps(model.requests[0]["messages"]).replace("\\\\n", "\n")
    (comment,) = pull.comments
    assert "It says goodbye" in comment.body
    assert "@everyone" not in comment.body


def test_formatting_becomes_a_pull_request_and_only_when_it_changes_something(
    shelf: Shelf, site: Site
) -> None:
    repository = site.mirror().repository
    assert repository is not None
    state, widgets = site.world.state, site.world.widgets
    state.push_file(widgets, "main", "Makefile", "format:\n\t@echo tidy > src/tidy.py\n")
    pipeline = shelf.install("fix-formatting", repository)

    first, second = (
        shelf.shop.execute(shelf.shop.trigger(pipeline, sha=site.world.head)) for _ in range(2)
    )

    for run in (first, second):
        assert run.status == RunStatus.SUCCESS, (run.error_message, log_of(run, "propose"))
    pulls = list(widgets.pulls.values())
    assert [(each.title, each.base_ref) for each in pulls] == [("Format the code", "main")] * 2
    sha = named(first, "Propose").outputs["sha"]
    files = site.world.client.get_commit(site.world.name, sha).files
    assert [(each.filename, each.status) for each in files] == [("src/tidy.py", "added")]

    state.push_file(widgets, "main", "src/tidy.py", "tidy\n")
    third = shelf.shop.execute(shelf.shop.trigger(pipeline, sha=site.world.head))
    assert (third.status, named(third, "Propose").status) == ("success", "skipped")
    assert len(widgets.pulls) == 2
