"""What hosts are told stands there exactly once, whatever becomes of the answers."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.model import Pull
from gitintegration.clients.shapes import CommitStatus, StatusState
from gitintegration.models import GitRepository, HostWrite
from gitintegration.operations.host_writes import (
    credentials_due,
    mark,
    send_host_writes,
    want_comment,
    want_status,
)
from tests.factories.gitintegration import CredentialFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site
from tests.pipelines.conftest import in_threads, wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def mirror(site: Site) -> GitRepository:
    return site.mirror()


def say(
    site: Site, mirror: GitRepository, state: StatusState, context: str = "powernode/ci",
    key: str = "",
) -> HostWrite | None:  # fmt: skip
    status = CommitStatus(context, state, "Words", "https://powernode.example.com/runs/1")
    name = key or f"{state}:{context}:{HostWrite.objects.count()}"
    return want_status(mirror.repository_id, site.world.head, status, key=name)


def standing(site: Site, mirror: GitRepository) -> list[tuple[str, str]]:
    """What the host shows for the head."""
    found = site.world.client.list_statuses(mirror.full_name, site.world.head)
    return [(status.context, status.state) for status in found]


def made(site: Site) -> int:
    """How many statuses the host has ever stored."""
    return len(site.world.widgets.statuses)


def open_pull(site: Site) -> Pull:
    world = site.world
    return world.state.talk.open_pull(world.widgets, "feature", user=world.ada)


def again() -> int:
    """Send what waits, as if its pause were over and in a new process."""
    forget_hosts()
    HostWrite.objects.filter(status="pending").update(
        next_attempt_at=timezone.now() - timedelta(seconds=1)
    )
    return send_host_writes()


def test_a_status_stands_at_the_host(site: Site, mirror: GitRepository) -> None:
    say(site, mirror, "success")
    assert send_host_writes() == 1
    assert standing(site, mirror) == [("powernode/ci", "success")]
    row = HostWrite.objects.get()
    assert (row.status, row.attempts, row.next_attempt_at) == ("sent", 1, None)
    assert send_host_writes() == 0


def test_a_key_is_wanted_once(site: Site, mirror: GitRepository) -> None:
    assert say(site, mirror, "success", key="k") is not None
    assert say(site, mirror, "success", key="k") is None
    send_host_writes()
    assert made(site) == 1


def test_of_what_waits_for_one_context_the_newest_is_sent(
    site: Site, mirror: GitRepository
) -> None:
    say(site, mirror, "pending")
    say(site, mirror, "running", "other")
    say(site, mirror, "success")
    assert send_host_writes() == 2
    found = dict(standing(site, mirror))
    assert found["powernode/ci"] == "success"
    assert made(site) == 2
    assert HostWrite.objects.filter(status="superseded").count() == 1


def test_a_status_whose_answer_was_lost_is_not_set_twice(site: Site, mirror: GitRepository) -> None:
    site.world.state.faults.add("lost_reply", method="POST", path="status")
    say(site, mirror, "failure")
    assert send_host_writes() == 0
    row = HostWrite.objects.get()
    assert (row.status, row.attempts) == ("pending", 1)
    assert row.last_error
    assert again() == 1
    assert standing(site, mirror) == [("powernode/ci", "failure")]
    assert made(site) == 1


def test_the_newest_status_decides_not_an_older_equal_one(
    site: Site, mirror: GitRepository
) -> None:
    """success, failure, success: the third is lost before it arrives, the first must not count."""
    for state in ("success", "failure"):
        say(site, mirror, state)
        assert again() == 1
    site.world.state.faults.add("cut", method="POST", path="status")
    say(site, mirror, "success")
    assert again() == 0
    assert again() == 1
    assert standing(site, mirror)[0] == ("powernode/ci", "success")


def test_a_comment_whose_answer_was_lost_is_not_made_twice(
    site: Site, mirror: GitRepository
) -> None:
    pull = open_pull(site)
    site.world.state.faults.add("lost_reply", method="POST", path="comments|notes")
    want_comment(mirror.repository_id, pull.number, "run", "All is well", key="c1")
    assert send_host_writes() == 0
    assert len(pull.comments) == 1
    assert again() == 1
    (comment,) = pull.comments
    assert comment.body == f"{mark('run')}\nAll is well"


def test_a_comment_is_edited_instead_of_said_again(site: Site, mirror: GitRepository) -> None:
    pull = open_pull(site)
    site.world.state.talk.comment(site.world.widgets, pull, "Nice", site.world.bob)
    for number, words in enumerate(("Running", "Passed", "Passed")):
        want_comment(mirror.repository_id, pull.number, "run", words, key=f"c{number}")
        assert send_host_writes() == 1
    want_comment(mirror.repository_id, pull.number, "other", "Apart", key="d")
    assert send_host_writes() == 1
    assert [comment.body for comment in pull.comments] == [
        "Nice", f"{mark('run')}\nPassed", f"{mark('other')}\nApart",
    ]  # fmt: skip


def test_a_refusal_is_final_and_says_why(site: Site, mirror: GitRepository) -> None:
    site.world.state.faults.add("status", method="POST", path="status", code=403)
    say(site, mirror, "success")
    assert send_host_writes() == 0
    row = HostWrite.objects.get()
    assert (row.status, "403" in row.last_error) == ("failed", True)


@ON_GITEA
def test_a_host_that_is_away_for_an_hour_loses_nothing(site: Site, mirror: GitRepository) -> None:
    site.world.state.faults.add("status", method="POST", path="status", code=503, times=7)
    say(site, mirror, "success")
    for _ in range(7):
        assert again() == 0
    assert again() == 1
    assert standing(site, mirror) == [("powernode/ci", "success")]


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_say_it_once(site: Site, mirror: GitRepository) -> None:
    say(site, mirror, "success")
    assert sum(in_threads(3, lambda _: send_host_writes())) == 1
    assert made(site) == 1


@ON_GITEA
@pytest.mark.django_db(transaction=True)
def test_what_is_said_later_never_arrives_earlier(site: Site, mirror: GitRepository) -> None:
    """While `pending` is on its way, `success` waits: the host must not end with the former."""
    say(site, mirror, "pending")
    sent: list[int] = []

    def send() -> None:
        sent.append(send_host_writes())
        connection.close()

    first = threading.Thread(target=send)
    # Whoever holds its lock keeps the host from answering.
    with site.world.state.lock:
        first.start()
        wait_until(lambda: HostWrite.objects.exclude(claimed_until=None).exists())
        say(site, mirror, "success")
        assert send_host_writes() == 0, "it overtook what is on its way"
    first.join(60)
    assert sent == [1]
    assert again() == 1
    assert standing(site, mirror)[0] == ("powernode/ci", "success")
    assert made(site) == 2


@ON_GITEA
def test_what_is_due_goes_out_through_each_credential_apart(
    site: Site, mirror: GitRepository
) -> None:
    other = site.mirror(site.world.state.add_repository("acme/gadgets", files={"a": "b"}))
    second = CredentialFactory.create(
        provider=site.provider, is_default=False, secret={"access_token": site.world.token}
    )
    GitRepository.objects.filter(pk=other.pk).update(credential=second)
    head = site.world.client.get_branch("acme/gadgets", "main").sha
    say(site, mirror, "success")
    status = CommitStatus("powernode/ci", "success", "Words", "https://powernode.example.com/r/1")
    want_status(other.repository_id, head, status, key="other")
    assert set(credentials_due()) == {site.credential.pk, second.pk}

    assert send_host_writes(second.pk) == 1

    assert credentials_due() == [site.credential.pk]
    assert made(site) == 0
    assert send_host_writes(site.credential.pk) == 1
    assert credentials_due() == []
