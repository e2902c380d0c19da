"""Deliveries in any order lead to the same rows; whom to trust says the host alone."""

import dataclasses
import itertools
from typing import Any

import pytest

from devops.errors import Conflict
from devops.models import OutboxMessage
from gitintegration.clients.fakes.git_store import Author
from gitintegration.clients.fakes.model import Pull
from gitintegration.models import GitRepository, GitWebhookEvent
from gitintegration.operations.deliveries import redeliver, replay_delivery
from gitintegration.operations.hooks import set_branch_filter
from gitintegration.operations.processing import process_delivery
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Sent, Site, process_pending, told

pytestmark = pytest.mark.django_db


def open_pull(site: Site) -> Pull:
    world = site.world
    return world.state.talk.open_pull(world.widgets, "feature", user=world.ada)


def advance(site: Site, number: int) -> str:
    world = site.world
    return world.state.push_file(
        world.widgets, "feature", f"step-{number}", f"{number}", user=world.ada
    )


def pulls_among(sent: list[Sent]) -> list[Sent]:
    """The deliveries about pull requests; hosts name them in a header each in its way."""
    words = ("pull_request", "merge request hook", "pullrequest:")
    return [
        each
        for each in sent
        if any(word in str(value).lower() for value in each.headers.values() for word in words)
    ]


def final_rows() -> set[tuple[str, str, str, str, bool, bool]]:
    """What pipelines are told of a pull request, once per key."""
    return {
        (
            each["key"], each["sha"], each["branch"], each["pull_request"]["state"],
            each["pull_request"]["is_merged"], each["is_trusted"],
        )
        for each in told("git.pull_request")
    }  # fmt: skip


def arrive_in(order: tuple[Sent, ...]) -> set[Any]:
    for each in order:
        assert each.arrive() == 202
        process_pending()
    found = final_rows()
    came = GitWebhookEvent.objects.filter(is_reconciled=False)
    assert {event.status for event in came} == {"processed"}
    GitWebhookEvent.objects.all().delete()
    OutboxMessage.objects.all().delete()
    return found


@pytest.mark.parametrize("end", ["merged", "reopened"])
def test_every_order_of_four_deliveries_leads_to_the_same_rows(site: Site, end: str) -> None:
    site.hooked()
    world, talk = site.world, site.world.state.talk
    if site.kind == "bitbucket" and end == "reopened":
        end = "closed"  # a declined pull request stays so
    pull = open_pull(site)
    advance(site, 1)
    if end == "reopened":
        talk.change_pull(world.widgets, pull, world.ada, state="closed")
        talk.change_pull(world.widgets, pull, world.ada, state="open")
    else:
        advance(site, 2)
    if end == "closed":
        talk.change_pull(world.widgets, pull, world.ada, state="closed")
    elif end == "merged":
        talk.merge_pull(world.widgets, pull, world.ada)
    events = pulls_among(site.collect())
    assert len(events) == 4
    site.sent.clear()
    first, *others = [arrive_in(order) for order in itertools.permutations(events)]
    assert len(others) == 23
    assert all(found == first for found in others)
    shas = {(sha, state) for _, sha, _, state, _, _ in first}
    assert shas == {(pull.head_sha, "open" if end == "reopened" else "closed")}


def test_two_heads_told_late_and_swapped_start_the_newer_alone(site: Site) -> None:
    site.hooked()
    open_pull(site)
    newest = advance(site, 1)
    opened, synchronized = pulls_among(site.collect())
    both = [arrive_in((opened, synchronized)), arrive_in((synchronized, opened))]
    assert both[0] == both[1]
    assert {row[1] for row in both[0]} == {newest}
    assert len(both[0]) == 1


def test_an_old_push_after_its_successor_is_told_as_superseded(site: Site) -> None:
    site.hooked()
    old = site.world.state.push_file(site.world.widgets, "main", "a", "1")
    new = site.world.state.push_file(site.world.widgets, "main", "a", "2")
    first, second = site.collect()
    for each in (second, first):
        assert each.arrive() == 202
        process_pending()
    facts = {each["sha"]: each["is_superseded"] for each in told("git.push")}
    assert facts == {new: False, old: True}


def test_a_fork_with_the_owner_as_its_commits_author_is_not_trusted(site: Site) -> None:
    site.hooked()
    world = site.world
    fork = world.state.fork(world.widgets, world.bob)
    owner = Author(world.ada.name, world.ada.email)
    world.state.push_file(fork, "evil", "x", "y", user=world.bob, author=owner)
    world.state.talk.open_pull(world.widgets, "evil", head=fork, user=world.bob)
    site.receive()
    (found,) = told("git.pull_request")
    assert found["is_from_fork"]
    assert not found["is_trusted"]
    assert "permission" in found["trust_reason"]


def test_a_maintainers_branch_is_trusted_and_a_fork_of_hers_is_not(site: Site) -> None:
    site.hooked()
    world = site.world
    open_pull(site)
    fork = world.state.fork(world.widgets, world.ada)
    world.state.talk.open_pull(world.widgets, "feature", head=fork, user=world.ada)
    site.receive()
    own, forked = told("git.pull_request")
    assert (own["is_trusted"], own["is_from_fork"]) == (True, False)
    assert (forked["is_trusted"], forked["is_from_fork"]) == (False, True)


def test_a_strangers_comment_is_not_trusted_and_a_maintainers_is(site: Site) -> None:
    site.hooked()
    world, talk = site.world, site.world.state.talk
    pull = open_pull(site)
    talk.comment(world.widgets, pull, "/deploy", world.bob)
    talk.comment(world.widgets, pull, "/deploy", world.ada)
    site.receive()
    assert [each["is_trusted"] for each in told("git.issue_comment")] == [False, True]


def test_nobody_is_trusted_while_the_host_cannot_be_asked(site: Site) -> None:
    site.hooked()
    open_pull(site)
    sent = pulls_among(site.collect())
    site.world.state.faults.add("status", method="GET", code=404, times=-1)
    for each in sent:
        assert each.arrive() == 202
    process_pending()
    (found,) = told("git.pull_request")
    assert not found["is_trusted"]


def test_a_renamed_repositorys_maintainer_is_still_known(site: Site) -> None:
    mirror = site.hooked()
    world = site.world
    world.state.rename(world.widgets, "acme/renamed")
    open_pull(site)
    site.receive()
    mirror.refresh_from_db()
    assert mirror.full_name == "acme/renamed"
    (found,) = told("git.pull_request")
    assert (found["is_trusted"], found["is_from_fork"]) == (True, False)


def test_the_same_delivery_again_is_no_second_event(site: Site) -> None:
    site.hooked()
    site.world.state.push_file(site.world.widgets, "main", "a", "1")
    (sent,) = site.collect()
    assert [sent.arrive(), sent.arrive()] == [202, 200]
    renamed = {
        name: "00000000-0000-4000-8000-000000000001" if _is_id(name) else value
        for name, value in sent.headers.items()
    }
    assert dataclasses.replace(sent, headers=renamed).arrive() == 200
    assert len(process_pending()) == 1
    assert len(told("git.push")) == 1


def _is_id(name: str) -> bool:
    words = ("delivery", "event-uuid", "idempotency-key", "request-uuid")
    return any(word in name.lower() for word in words)


def filtered(site: Site, mirror: GitRepository) -> str:
    """What became of a push to main."""
    site.world.state.push_file(site.world.widgets, "main", "a", str(len(told("git.push"))))
    return site.receive()[-1].result


@pytest.mark.parametrize(
    ("kind", "pattern", "passes"),
    [("exact", "main", True), ("exact", "trunk", False), ("wildcard", "m?in", True)],
)
def test_a_filtered_push_is_processed_and_told_to_nobody(
    site: Site, kind: str, pattern: str, passes: bool
) -> None:
    mirror = site.hooked()
    set_branch_filter(site.actor, mirror, kind, pattern)
    result = filtered(site, mirror)
    assert result.startswith("Filtered") is not passes
    assert bool(told("git.push")) is passes


@ON_GITEA
def test_redelivering_makes_a_new_event_and_leaves_the_original(site: Site) -> None:
    site.hooked()
    site.world.state.push_file(site.world.widgets, "main", "a", "1")
    (original,) = site.receive()
    copy = redeliver(site.actor, original)
    process_delivery(str(copy.pk))
    before = (original.status, original.version, original.delivery_id)
    original.refresh_from_db()
    assert (original.status, original.version, original.delivery_id) == before
    copy.refresh_from_db()
    assert (copy.status, copy.original_id, copy.payload) == (
        "processed", original.pk, original.payload,
    )  # fmt: skip
    first, second = told("git.push")
    assert first["key"] == second["key"]


@ON_GITEA
def test_a_failed_delivery_is_retried_three_times_by_hand(site: Site) -> None:
    site.hooked()
    site.world.state.push_file(site.world.widgets, "main", "a", "1")
    (event,) = site.receive()
    GitWebhookEvent.objects.filter(pk=event.pk).update(payload={"after": 5}, status="failed")
    for number in range(1, 4):
        event.refresh_from_db()
        replay_delivery(site.actor, event)
        process_delivery(str(event.pk))
        event.refresh_from_db()
        assert (event.status, event.retry_count) == ("failed", number)
    with pytest.raises(Conflict):
        replay_delivery(site.actor, event)
