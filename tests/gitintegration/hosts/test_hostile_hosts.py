"""A host that is slow, broken or hostile costs bounded time and memory, and is told by name."""

import socket
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from gitintegration.clients import shapes as s
from gitintegration.clients.errors import (
    AuthenticationFailed,
    HostError,
    HostUnavailable,
    RateLimited,
    RefusedByHost,
)
from gitintegration.clients.exchange import BREAKER_FAILURES, TRIES
from tests.gitintegration.hosts.rig import World

MENDED = [
    ("truncated", {}), ("cut", {}), ("html", {}), ("garbage", {}), ("redirect", {}),
    ("status", {"code": 500}), ("status", {"code": 502, "body": b"<html>bad gateway</html>"}),
]  # fmt: skip


def calls(world: World) -> int:
    return len(world.host.requests)


@pytest.mark.parametrize(("kind", "how"), MENDED)
def test_a_reading_call_survives_one_failure(world: World, kind: Any, how: dict[str, Any]) -> None:
    world.state.faults.add(kind, **how)
    assert world.client.get_repository(world.name).full_name == world.name
    assert len(world.sleeps) == 1


@pytest.mark.parametrize(("kind", "how"), MENDED)
def test_a_failure_that_stays_is_told_with_the_hosts_name(
    world: World, kind: Any, how: dict[str, Any]
) -> None:
    world.state.faults.add(kind, times=-1, **how)
    with pytest.raises(HostUnavailable) as caught:
        world.client.get_repository(world.name)
    assert world.client.access.name in caught.value.detail
    assert len(world.sleeps) == TRIES - 1


def test_a_writing_call_is_made_once(world: World) -> None:
    world.state.faults.add("status", times=-1, code=503)
    before = calls(world)
    with pytest.raises(HostUnavailable) as caught:
        world.client.create_status(world.name, world.head, s.CommitStatus("c", "success"))
    assert caught.value.http_status == 503
    # Some hosts are asked for something first; what changes is asked for once.
    writes = [seen for seen in world.host.requests[before:] if seen.method == "POST"]
    assert len(writes) <= 1
    assert world.widgets.statuses == []


def test_a_lost_reply_leaves_what_was_done_to_be_found(world: World) -> None:
    world.state.faults.add("lost_reply", method="POST", path="pull|merge")
    new = s.NewPullRequest("Bye", "feature", "main")
    with pytest.raises(HostUnavailable):
        world.client.create_pull_request(world.name, new)
    (found,) = world.client.list_pull_requests(world.name, head="feature", base="main").items
    assert found.title == "Bye"
    assert len(world.widgets.pulls) == 1


def test_a_host_that_drips_is_given_up_after_the_deadline(world: World) -> None:
    world.state.faults.add("slow", times=-1)
    with pytest.raises(HostUnavailable) as caught:
        world.another_client(seconds=0.3).get_repository(world.name)
    assert "0.3 s" in caught.value.detail


def test_an_endless_answer_is_cut_off(world: World) -> None:
    world.state.faults.add("huge", times=-1)
    before = calls(world)
    with pytest.raises(RefusedByHost) as caught:
        world.client.get_repository(world.name)
    assert "bytes" in caught.value.detail
    assert calls(world) == before + 1


def test_a_long_rate_limit_is_told_with_its_end(world: World) -> None:
    world.state.faults.add("status", code=429, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimited) as caught:
        world.client.get_repository(world.name)
    left = (caught.value.retry_at - timezone.now()).total_seconds()
    assert 3500 < left <= 3600
    assert world.sleeps == []


def test_a_short_rate_limit_is_waited_for(world: World) -> None:
    world.state.faults.add("status", code=429, headers={"Retry-After": "2"})
    assert world.client.get_repository(world.name).full_name == world.name
    (slept,) = world.sleeps
    assert 0 < slept <= 2


def test_a_wrong_token_is_told_as_such_and_asked_for_once(world: World) -> None:
    before = calls(world)
    with pytest.raises(AuthenticationFailed) as caught:
        world.another_client("wrong-" * 5).current_user()
    assert caught.value.http_status == 401
    assert calls(world) == before + 1


def test_a_host_that_is_not_there_is_told(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = world.another_client(url=url)
        with pytest.raises(HostUnavailable):
            client.get_repository(world.name)


def test_a_host_that_keeps_failing_is_left_alone(world: World) -> None:
    world.state.faults.add("status", times=-1, code=500)
    for _ in range(-(-BREAKER_FAILURES // TRIES)):
        with pytest.raises(HostUnavailable):
            world.client.get_repository(world.name)
    before = calls(world)
    with pytest.raises(HostUnavailable) as caught:
        world.client.get_repository(world.name)
    assert caught.value.retry_at is not None
    assert calls(world) == before


def test_loopback_is_refused_unless_the_operator_names_it(world: World, settings: Settings) -> None:
    settings.POWERNODE_EGRESS_ALLOW = ()
    before = calls(world)
    with pytest.raises(HostUnavailable, match="not allowed"):
        world.another_client().get_repository(world.name)
    assert calls(world) == before


def test_an_equal_reading_is_answered_without_a_body(world: World) -> None:
    if not world.rig.has_etags:
        pytest.skip(f"{world.rig.name} sends no ETag")
    first = world.client.get_repository(world.name)
    assert world.client.get_repository(world.name) == first
    last = world.host.requests[-1]
    assert (last.method, last.status) == ("GET", 304)
    world.widgets.description = "Changed"
    assert world.client.get_repository(world.name).description == "Changed"


@pytest.mark.parametrize(
    "body", [b"[]", b'"text"', b"{}", b"null", b'{"id": {"a": [1]}, "name": [], "owner": 7}']
)
def test_json_of_another_shape_is_the_hosts_fault(world: World, body: bytes) -> None:
    world.state.faults.add("status", times=-1, code=200, body=body)
    with pytest.raises(HostError):
        world.client.get_repository(world.name)
