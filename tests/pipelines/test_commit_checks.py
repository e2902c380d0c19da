"""A commit's one check always resolves, and its host is told each change once."""

from typing import Any

import pytest
from django.db import transaction

from devops.models import OutboxMessage
from gitintegration.models import GitRepository
from gitintegration.operations.host_writes import send_host_writes
from pipelines import selectors
from pipelines.models import CommitCheck, PipelineRepository, PipelineRun
from pipelines.operations import events, reporting
from pipelines.operations.cancellation import stop_run
from pipelines.operations.checks import settle_check, verdict
from pipelines.operations.definitions import create_pipeline
from pipelines.operations.reruns import retry_run
from pipelines.operations.trust import allow_run
from tests.gitintegration.hosts.conftest import world
from tests.gitintegration.hosts.rig import World
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, make_site
from tests.gitintegration.operations.test_host_writes import again
from tests.pipelines.conftest import Workshop, in_threads, make_worker, step

__all__ = ["world"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("outcomes", "skipped", "problems", "expected"),
    [
        ({"a": "success"}, {}, [], ("success", "1 passed.")),
        ({}, {"a": "path", "b": "path"}, [], ("success", "2 skipped by path.")),
        ({"a": "success"}, {"a": "path"}, [], ("success", "1 passed.")),
        ({"a": "success", "b": "success"}, {"c": "path", "d": "branch", "e": "message"}, [],
         ("success", "2 passed, 1 skipped by path, 2 skipped.")),
        ({"a": "live", "b": "failure"}, {"c": "path"}, [],
         ("pending", "2 started, 1 skipped by path.")),
        ({"a": "held"}, {}, [], ("pending", "1 waiting for a member.")),
        ({"a": "held", "b": "live", "c": "success"}, {"d": "path"}, [],
         ("pending", "2 started, 1 waiting for a member, 1 skipped by path.")),
        ({"a": "success", "b": "failure", "c": "cancelled"}, {}, [],
         ("failure", "1 passed, 1 failed, 1 cancelled.")),
        ({"a": "error", "b": "cancelled"}, {}, [], ("error", "1 broken off, 1 cancelled.")),
        ({"a": "cancelled", "b": "success"}, {}, [], ("cancelled", "1 passed, 1 cancelled.")),
        ({}, {}, ["ci.yml:1:1: No steps."], ("failure", "ci.yml:1:1: No steps.")),
        ({"a": "success"}, {}, ["x" * 200], ("failure", "1 passed. " + "x" * 130)),
    ],
)  # fmt: skip
def test_a_commit_fares_as_its_pipelines_do(
    outcomes: dict[str, str], skipped: dict[str, str], problems: list[str],
    expected: tuple[str, str],
) -> None:  # fmt: skip
    assert verdict(outcomes, skipped, problems) == expected


class Shop:
    """A hooked repository at a fake host, and pipelines that hear of its pushes."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.mirror: GitRepository = site.hooked()
        self.bench = Workshop(site.actor, make_worker())

    def pipeline(
        self, name: str, command: str = "true", event: str = "push", **trigger: Any
    ) -> None:
        """One that an event starts, if its filters let it."""
        row = create_pipeline(self.site.actor, {
            "name": name, "slug": name.lower(), "triggers": {event: trigger, "manual": {}},
            "environment": {}, "runner_labels": [], "timeout_minutes": 5, "settings": {},
            "allow_concurrent": True, "features": {}, "steps": [step("s", command)],
        })  # fmt: skip
        assert self.mirror.repository is not None
        PipelineRepository.objects.create(pipeline=row, repository=self.mirror.repository)

    def push(self, path: str = "src/new.py", content: str = "1") -> str:
        """Push a file; every run that it starts is there, and the host has been told."""
        state = self.site.world.state
        sha = state.push_file(self.site.world.widgets, "main", path, content)
        self.site.receive()
        handle("git.push", events.resolve_event)
        send_host_writes()
        return sha

    def finish(self) -> None:
        """Execute what is queued, and tell the host how it ended."""
        for run in PipelineRun.objects.filter(status="queued"):
            self.bench.execute(run)
        handle("run_completed", reporting.report_run)
        send_host_writes()

    def told(self, sha: str) -> list[tuple[str, str]]:
        """All that the host was told of the commit as a whole, in order."""
        return [
            (status.state.lower(), status.description)
            for status in self.site.world.widgets.statuses
            if status.sha == sha and status.context == "powernode"
        ]


def handle(name: str, operation: Any) -> None:
    for message in OutboxMessage.objects.filter(name=name, handled_at=None).order_by("id"):
        operation(str(message.pk))


@pytest.fixture
def shop(world: World, db: None) -> Shop:
    return Shop(make_site(world))


@ON_GITEA
def test_a_commit_is_pending_while_runs_go_on_and_resolved_by_the_last(shop: Shop) -> None:
    shop.pipeline("One")
    shop.pipeline("Two", paths=["docs/**"])
    shop.pipeline("Three")
    sha = shop.push()
    assert shop.told(sha) == [("pending", "2 started, 1 skipped by path.")]

    shop.finish()

    assert shop.told(sha)[1:] == [("success", "2 passed, 1 skipped by path.")]
    check = CommitCheck.objects.get()
    assert (check.state, check.version) == ("success", 2)
    contexts = {status.context for status in shop.site.world.widgets.statuses if status.sha == sha}
    assert contexts == {"powernode", "powernode/one", "powernode/three"}


def test_a_commit_that_filters_keep_from_starting_anything_is_a_success(shop: Shop) -> None:
    # Bitbucket does not tell what a push changed: there every path may have.
    knows_paths = shop.site.kind != "bitbucket"
    filters: dict[str, Any] = {"paths": ["docs/**"]} if knows_paths else {"branches": ["docs/*"]}
    shop.pipeline("One", **filters)
    shop.pipeline("Two", branches=["release/*"])
    sha = shop.push()
    assert not PipelineRun.objects.exists()
    ((state, words),) = shop.told(sha)
    assert state in {"success", "successful"}
    assert words == ("1 skipped by path, 1 skipped." if knows_paths else "2 skipped.")


def test_a_failure_is_told_once_even_when_the_answer_is_lost(shop: Shop) -> None:
    shop.pipeline("One", "false")
    sha = shop.push()
    for _ in range(4):
        shop.site.world.state.faults.add("lost_reply", method="POST", path="status")
    shop.finish()
    for _ in range(6):
        again()
    told = shop.told(sha)
    assert [words for _, words in told] == ["1 started.", "1 failed."]


@ON_GITEA
def test_a_cancelled_run_resolves_its_commit(shop: Shop) -> None:
    shop.pipeline("One")
    sha = shop.push()
    with transaction.atomic():
        stop_run(PipelineRun.objects.get(), "Somebody")
    shop.finish()
    assert shop.told(sha)[-1] == ("failure", "1 cancelled.")


@ON_GITEA
def test_a_strangers_run_holds_its_commit_until_a_member_answers(shop: Shop) -> None:
    shop.pipeline("One", event="pull_request")
    state = shop.site.world.state
    fork = state.fork(shop.site.world.widgets, shop.site.world.bob)
    sha = state.push_file(fork, "topic", "x.txt", "x", user=shop.site.world.bob)
    state.talk.open_pull(
        shop.site.world.widgets, "topic", head=fork, user=shop.site.world.bob, title="Please"
    )
    shop.site.receive()
    handle("git.pull_request", events.resolve_event)
    send_host_writes()
    assert shop.told(sha) == [("pending", "1 waiting for a member.")]

    allow_run(shop.site.actor, PipelineRun.objects.get())
    send_host_writes()
    assert shop.told(sha)[-1] == ("pending", "1 started.")
    shop.finish()
    assert shop.told(sha)[-1] == ("success", "1 passed.")


@ON_GITEA
def test_a_run_that_a_newer_push_replaces_resolves_its_own_commit(shop: Shop) -> None:
    shop.pipeline("One")
    row = PipelineRepository.objects.get().pipeline
    row.allow_concurrent = False
    row.settings = {"concurrency": {"group": "one", "policy": "replace"}}
    row.save()
    first, second = shop.push(content="1"), shop.push(content="2")
    shop.finish()
    assert shop.told(first)[-1] == ("failure", "1 cancelled.")
    assert shop.told(second)[-1] == ("success", "1 passed.")


@ON_GITEA
def test_a_repetition_opens_the_check_again_and_its_end_decides(shop: Shop) -> None:
    shop.pipeline("One", "test -e $HOME/never")
    sha = shop.push()
    shop.finish()
    failed = PipelineRun.objects.get()
    retry_run(shop.site.actor, selectors.run(shop.site.actor, failed.pk))
    send_host_writes()
    assert [state for state, _ in shop.told(sha)] == ["pending", "failure", "pending"]
    shop.finish()
    assert shop.told(sha)[-1] == ("failure", "1 failed.")


@ON_GITEA
def test_a_run_by_hand_says_nothing_about_the_commit(shop: Shop) -> None:
    shop.pipeline("One")
    sha = shop.push()
    shop.finish()
    before = shop.told(sha)
    row = PipelineRun.objects.get().pipeline
    shop.bench.trigger(row, sha=sha)
    shop.finish()
    assert shop.told(sha) == before
    assert PipelineRun.objects.count() == 2


@ON_GITEA
def test_a_broken_pipeline_file_fails_the_commit_with_its_line(shop: Shop) -> None:
    sha = shop.push(".powernode/ci.yml", "name: CI\nsteps: nothing\n")
    ((state, words),) = shop.told(sha)
    assert state == "failure"
    assert words.startswith(".powernode/ci.yml:2:")


@ON_GITEA
def test_a_repository_without_pipelines_is_told_nothing(shop: Shop) -> None:
    sha = shop.push()
    assert shop.told(sha) == []
    assert not CommitCheck.objects.exists()


@ON_GITEA
def test_a_pipeline_that_wants_no_status_is_left_out(shop: Shop) -> None:
    shop.pipeline("One")
    row = PipelineRepository.objects.get().pipeline
    row.features = {"commit_status": False}
    row.save()
    sha = shop.push()
    shop.finish()
    assert shop.told(sha) == []


@ON_GITEA
def test_the_same_news_is_no_news(shop: Shop) -> None:
    shop.pipeline("One")
    sha = shop.push()
    shop.finish()
    before = shop.told(sha)
    settle_check(shop.mirror.repository, sha)
    assert send_host_writes() == 0
    assert shop.told(sha) == before


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_two_runs_that_end_at_the_same_moment_resolve_their_commit(shop: Shop) -> None:
    shop.pipeline("One")
    shop.pipeline("Two")
    sha = shop.push()
    for run in PipelineRun.objects.filter(status="queued"):
        shop.bench.execute(run)
    ended = OutboxMessage.objects.filter(name="run_completed", handled_at=None)
    keys = [str(message.pk) for message in ended]
    assert len(keys) == 2

    assert in_threads(2, lambda index: reporting.report_run(keys[index])) == [None, None]
    send_host_writes()

    assert shop.told(sha)[-1] == ("success", "2 passed.")
    assert len(shop.told(sha)) == 2
