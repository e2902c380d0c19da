"""Pushes that no delivery told of are found, and those that were told are not found again."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from devops.models import Repository
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.endpoints import configure_webhook
from gitintegration.operations.repositories import find_missed_pushes, reconcile
from tests.factories.devops import RepositoryFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, process_pending, told

pytestmark = pytest.mark.django_db(transaction=True)


def _repository(site: Site) -> Repository:
    repository = site.hooked().repository
    assert repository is not None
    return repository


def test_setting_a_hook_up_starts_nothing_of_what_stood_there_before(site: Site) -> None:
    repository = _repository(site)

    assert find_missed_pushes(repository) == 0
    assert process_pending() == []
    assert told("git.push") == []


def test_a_push_that_was_never_told_is_found_once_with_what_it_replaced(site: Site) -> None:
    repository = _repository(site)
    before = site.world.head
    sha = site.world.state.push_file(site.world.widgets, "main", "new.txt", "x")
    site.collect().clear()

    assert find_missed_pushes(repository) == 1
    assert find_missed_pushes(repository) == 0
    process_pending()

    (event,) = told("git.push")
    assert (event["sha"], event["before"], event["branch"]) == (sha, before, "main")


def test_a_new_branch_that_was_never_told_is_found(site: Site) -> None:
    repository = _repository(site)
    sha = site.world.state.push_file(site.world.widgets, "topic", "new.txt", "x")
    site.collect().clear()

    assert find_missed_pushes(repository) == 1
    assert GitWebhookEvent.objects.get(ref="refs/heads/topic").sha == sha


def test_what_was_told_is_not_found_again(site: Site) -> None:
    repository = _repository(site)
    for branch in ("main", "feature", "topic"):
        site.world.state.push_file(site.world.widgets, branch, "new.txt", branch)
    site.receive()

    assert find_missed_pushes(repository) == 0
    assert len({event["ref"] for event in told("git.push")}) == 3


def test_a_push_is_missed_although_other_deliveries_name_its_branch(site: Site) -> None:
    repository = _repository(site)
    state, words = site.world.state, {"push", "push hook", "repo:push"}
    state.courier.drops = lambda _hook, message: message.event.lower() in words
    sha = state.push_file(site.world.widgets, "topic", "new.txt", "x")
    state.talk.open_pull(site.world.widgets, "topic", user=site.world.ada)
    assert site.receive() != []
    assert told("git.push") == []

    assert find_missed_pushes(repository) == 1
    process_pending()

    (event,) = told("git.push")
    assert (event["sha"], event["branch"]) == (sha, "topic")
    assert find_missed_pushes(repository) == 0


@ON_GITEA
def test_a_silent_server_does_not_keep_the_others_waiting(site: Site) -> None:
    with refusing() as (address, asked):
        for number in range(6):
            _entered(site, f"{address}/r{number}.git")
        _repository(site)
        sha = site.world.state.push_file(site.world.widgets, "main", "new.txt", "x")
        site.collect().clear()
        _entered(site, f"{address}/last.git")

        assert reconcile(patience=0.0) == 1

    assert GitWebhookEvent.objects.get(sha=sha).is_reconciled
    assert len(asked) == 1


@ON_GITEA
def test_a_round_takes_those_that_were_looked_at_longest_ago(site: Site) -> None:
    with refusing() as (address, asked):
        for number in range(5):
            _entered(site, f"{address}/r{number}.git")

        for _ in range(3):
            reconcile(limit=2, patience=60.0)

    names = [path.partition(".git")[0] for path in asked]
    assert names == ["/r0", "/r1", "/r2", "/r3", "/r4", "/r0"]


def _entered(site: Site, clone_url: str) -> None:
    """A repository of a plain server, with a webhook."""
    repository = RepositoryFactory.create(account=site.provider.account, clone_url=clone_url)
    configure_webhook(site.actor, repository)


@contextlib.contextmanager
def refusing() -> Iterator[tuple[str, list[str]]]:
    """A server that answers 503 to everything, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
