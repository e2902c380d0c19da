"""Pushes that no delivery told of are found, and those that were told are not found again."""

import pytest

from devops.models import Repository
from gitintegration.models import GitWebhookEvent
from gitintegration.operations.repositories import find_missed_pushes
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
