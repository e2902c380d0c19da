"""A run without a commit of its own, by hand or by a clock, has one commit from its checkout on."""

import shutil

import pytest

from pipelines.engine.workspace import Workspace
from pipelines.models import ApprovalGate, PipelineRepository, PipelineRun, WorkspaceSnapshot
from pipelines.operations.approvals import Said, decide
from pipelines.operations.reruns import retry_run
from tests.pipelines.conftest import fresh, last, log_of, step
from tests.pipelines.test_hosting_steps import CHECKOUT, Site, site

__all__ = ["site"]
pytestmark = pytest.mark.parametrize(
    "site", ["tests.gitintegration.hosts.github_rig"], indirect=True
)
SHOW = step(
    "show", 'echo "$POWERNODE_SHA $SAID"', environment={"SAID": "${{ trigger.sha }}"}
)  # fmt: skip
GATE = {"requires_approval": True, "approval_settings": {"allow_self_approval": True}}


def start(site: Site, *steps: dict[str, object]) -> PipelineRun:
    """A run of the default branch, as people start it; nobody named a commit."""
    pipeline = site.shop.pipeline(*steps)
    PipelineRepository.objects.create(pipeline=pipeline, repository=site.repository)
    run = site.shop.trigger(pipeline)
    assert run.commit_sha == ""
    return site.shop.execute(run)


def move_on(site: Site) -> None:
    """Somebody pushes to the branch."""
    before = site.world.head
    site.world.state.push_file(site.world.widgets, "main", "news.txt", "new\n")
    assert site.world.widgets.store.branches()["main"] != before


def test_later_steps_know_the_commit(site: Site) -> None:
    head = site.world.head
    run = start(site, CHECKOUT, SHOW)

    assert run.status == "success", run.error_message
    assert run.commit_sha == head
    assert log_of(run, "show") == f"{head} {head}\n"


def test_a_repetition_is_of_the_same_commit_when_the_branch_has_moved(site: Site) -> None:
    run = start(site, CHECKOUT, SHOW)
    move_on(site)

    again = site.shop.execute(retry_run(site.shop.actor, fresh(run)))

    assert last(again, "source").outputs["sha"] == run.commit_sha
    assert log_of(again, "show") == log_of(run, "show")


def test_a_folder_that_is_rebuilt_is_of_the_same_commit(site: Site) -> None:
    look = step("look", "test ! -e news.txt", **GATE)
    run = start(site, CHECKOUT, look)
    assert ApprovalGate.objects.get(run=run).commit_sha == run.commit_sha == site.world.head
    move_on(site)
    shutil.rmtree(Workspace.of(run.pk).root)
    WorkspaceSnapshot.objects.filter(run=run).delete()
    decide(site.shop.actor, last(run, "look"), Said("approve"))

    run = site.shop.execute(run)

    assert run.status == "success", run.error_message
    assert "Rebuilding the workspace" in log_of(run, "look")


def test_another_repository_or_branch_is_not_the_runs_commit(site: Site) -> None:
    other = {**CHECKOUT, "configuration": {"ref": "feature", "path": "other"}}
    run = start(site, other)

    assert last(run, "source").outputs["sha"] != site.world.head
    assert run.commit_sha == ""
