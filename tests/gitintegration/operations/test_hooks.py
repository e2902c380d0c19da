"""Hooks at the hosts: set up, adopted, repaired, taken away; lost deliveries come again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gitintegration.clients.errors import HostError
from gitintegration.clients.fakes.model import Hook
from gitintegration.models import GitRepository, GitWebhookEvent, WebhookEndpoint
from gitintegration.operations.endpoints import reveal_endpoint
from gitintegration.operations.hooks import (
    check_hook,
    check_hooks,
    configure_host_webhook,
    remove_host_webhook,
    rotate_hook_secret,
)
from gitintegration.operations.removal import stop_tracking
from gitintegration.operations.repositories import find_missed_pushes
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, told

pytestmark = pytest.mark.django_db


def only_hook(site: Site) -> Hook:
    hooks = list(site.world.widgets.hooks.values())
    assert len(hooks) == 1
    return hooks[0]


def address(site: Site, mirror: GitRepository) -> str:
    endpoint = WebhookEndpoint.objects.get(repository=mirror.repository)
    return reveal_endpoint(site.actor, endpoint).url


def push(site: Site, branch: str = "main", number: int = 1) -> str:
    return site.world.state.push_file(site.world.widgets, branch, f"file-{number}", f"{number}\n")


def test_a_hook_has_our_address_and_its_deliveries_are_accepted(site: Site) -> None:
    mirror = site.hooked()
    assert only_hook(site).url == address(site, mirror)
    assert mirror.webhook_configured
    sha = push(site)
    events = site.receive()
    assert sha in [event.sha for event in events]
    assert {event.status for event in events} <= {"processed", "ignored"}
    assert sha in [payload["sha"] for payload in told("git.push")]


def test_configuring_twice_changes_nothing(site: Site) -> None:
    mirror = site.hooked()
    outcome = configure_host_webhook(site.actor, mirror)
    assert (outcome.success, outcome.already_configured) == (True, True)
    only_hook(site)


def test_an_existing_hook_of_ours_is_taken_over_not_doubled(site: Site) -> None:
    mirror = site.hooked()
    hook = only_hook(site)
    GitRepository.objects.filter(pk=mirror.pk).update(webhook_configured=False, webhook_id="")
    mirror.refresh_from_db()
    assert configure_host_webhook(site.actor, mirror).success
    assert only_hook(site).id == hook.id


def test_somebody_elses_hook_is_left_alone(site: Site) -> None:
    events = ["push", "push_events", "repo:push"]
    url = "https://other.example.com/hook"
    other = site.world.state.add_hook(site.world.widgets, url, "s" * 32, events)
    mirror = site.mirror()
    assert configure_host_webhook(site.actor, mirror).success
    assert remove_host_webhook(site.actor, mirror).success
    assert only_hook(site).id == other.id


@pytest.mark.parametrize("drift", ["deleted", "address", "off"])
def test_what_drifted_at_the_host_is_repaired(site: Site, drift: str) -> None:
    mirror = site.hooked()
    hook = only_hook(site)
    if drift == "deleted":
        site.world.widgets.hooks.clear()
    elif drift == "address":
        hook.url = "https://elsewhere.example.com/"
    else:
        hook.is_active = False
    assert check_hook(mirror)
    assert only_hook(site).url == address(site, mirror)
    assert only_hook(site).is_active
    mirror.refresh_from_db()
    assert "Repaired" in mirror.webhook_problem
    site.collect()
    site.sent.clear()
    push(site)
    assert "processed" in {event.status for event in site.receive()}
    assert check_hook(mirror) == ""


def test_a_changed_secret_shows_by_its_refused_deliveries_and_is_repaired(site: Site) -> None:
    mirror = site.hooked()
    only_hook(site).secret = "somebody changed it here"
    push(site)
    assert {each.arrive() for each in site.collect()} == {401}
    site.sent.clear()
    assert "secret" in check_hook(mirror)
    site.collect()
    site.sent.clear()
    push(site, number=2)
    assert "processed" in {event.status for event in site.receive()}
    assert check_hook(mirror) == ""


def test_a_removed_hook_delivers_no_more_and_its_address_is_closed(site: Site) -> None:
    mirror = site.hooked()
    push(site)
    late = list(site.collect())
    assert remove_host_webhook(site.actor, mirror).success
    assert not site.world.widgets.hooks
    assert {each.arrive() for each in late} == {401}
    mirror.refresh_from_db()
    assert (mirror.webhook_configured, mirror.webhook_id) == (False, "")
    assert remove_host_webhook(site.actor, mirror).success


def test_a_hook_that_is_gone_already_is_removed_all_the_same(site: Site) -> None:
    mirror = site.hooked()
    site.world.widgets.hooks.clear()
    assert remove_host_webhook(site.actor, mirror).success


def test_a_rotated_hook_has_another_address_and_secret(site: Site) -> None:
    mirror = site.hooked()
    before = address(site, mirror)
    assert rotate_hook_secret(site.actor, mirror).success
    assert only_hook(site).url == address(site, mirror) != before


def test_tracking_ends_at_the_host_too_and_pipelines_keep_their_repository(site: Site) -> None:
    mirror = site.hooked()
    assert stop_tracking(site.actor, mirror) == ""
    assert not site.world.widgets.hooks
    assert mirror.repository is not None
    mirror.repository.refresh_from_db()


def test_a_host_that_refuses_is_an_outcome_not_an_error(site: Site) -> None:
    mirror = site.mirror()
    site.world.state.faults.add("status", method="POST", path="hooks", code=403, times=-1)
    outcome = configure_host_webhook(site.actor, mirror)
    assert not outcome.success
    assert "403" in outcome.error
    mirror.refresh_from_db()
    assert "403" in mirror.webhook_problem
    site.world.state.faults.clear()
    assert configure_host_webhook(site.actor, mirror).success
    mirror.refresh_from_db()
    assert mirror.webhook_problem == ""


@ON_GITEA
def test_a_problem_of_an_hour_ago_does_not_stay_for_ever(site: Site) -> None:
    mirror = site.hooked()
    site.world.state.faults.add("status", code=404, path="hooks", times=-1)
    assert check_hooks() == 1 or GitRepository.objects.update(webhook_checked_at=None)
    assert check_hooks() == 1
    mirror.refresh_from_db()
    assert "404" in mirror.webhook_problem
    site.world.state.faults.clear()
    GitRepository.objects.update(webhook_checked_at=None)
    assert check_hooks() == 1
    mirror.refresh_from_db()
    assert mirror.webhook_problem == ""
    assert check_hooks() == 0


@ON_GITEA
def test_one_host_that_is_away_keeps_no_other_hook_from_its_check(site: Site) -> None:
    first = site.hooked()
    second = site.hooked(site.world.state.add_repository("acme/gadgets", files={"a": "b"}))
    site.world.state.faults.add("status", path="widgets/hooks", code=404, times=-1)
    site.world.state.repositories["acme/gadgets"].hooks.clear()
    GitRepository.objects.update(webhook_checked_at=None)
    assert check_hooks() == 2
    assert site.world.state.repositories["acme/gadgets"].hooks
    first.refresh_from_db()
    second.refresh_from_db()
    assert "404" in first.webhook_problem
    assert "Repaired" in second.webhook_problem


def lists_deliveries(site: Site) -> bool:
    return "list_hook_deliveries" not in site.world.rig.unsupported


def test_a_push_whose_delivery_was_lost_is_found(site: Site) -> None:
    """By the host's own list where it has one, else by a look at the heads."""
    mirror = site.hooked()
    push(site, number=0)
    site.receive()
    courier = site.world.state.courier
    courier.drops = lambda _hook, _message: True
    lost = push(site, number=1)
    assert site.collect() == []
    courier.drops = lambda _hook, _message: False
    hook = only_hook(site)
    for delivery in hook.deliveries:
        if delivery.delivered_at is not None:
            delivery.delivered_at -= timedelta(minutes=5)
    if lists_deliveries(site):
        check_hook(mirror)
        events = site.receive()
        assert lost in [event.sha for event in events]
        assert all(not event.is_reconciled for event in events)
        check_hook(mirror)
        assert site.collect() == []
    else:
        check_hook(mirror)
        assert mirror.repository is not None
        assert find_missed_pushes(mirror.repository) >= 1
        assert find_missed_pushes(mirror.repository) == 0
        assert GitWebhookEvent.objects.filter(sha=lost, is_reconciled=True).count() == 1


def test_a_delivery_that_arrived_is_not_asked_for_again(site: Site) -> None:
    mirror = site.hooked()
    push(site)
    site.receive()
    for delivery in only_hook(site).deliveries:
        delivery.delivered_at = timezone.now() - timedelta(minutes=5)
    check_hook(mirror)
    assert site.collect() == []


def test_a_check_of_a_host_that_is_away_raises_and_changes_nothing(site: Site) -> None:
    mirror = site.hooked()
    site.world.state.faults.add("status", path="hooks", code=404, times=-1)
    with pytest.raises(HostError):
        check_hook(mirror)
    mirror.refresh_from_db()
    assert mirror.webhook_configured
