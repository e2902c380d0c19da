"""Credentials are tested, counted, switched off by their own fault alone, and warned of."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devops.access import Actor
from devops.errors import Conflict, Invalid
from devops.models import WebhookDelivery
from gitintegration.clients.errors import AuthenticationFailed, HostUnavailable
from gitintegration.clients.exchange import forget_hosts
from gitintegration.models import GitProvider, GitProviderCredential
from gitintegration.operations.connections import CredentialUnusable, connected
from gitintegration.operations.credential_checks import check_credential
from gitintegration.operations.credentials import (
    create_credential,
    delete_credential,
    is_healthy,
    make_default,
    record_failure,
    secret_of,
    update_credential,
    warn_of_expiry,
)
from gitintegration.operations.providers import delete_git_provider
from tests.client import ApiClient
from tests.factories.devops import actor_of
from tests.factories.gitintegration import CredentialFactory, GitProviderFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, told

pytestmark = pytest.mark.django_db
TOKEN = "0123456789"


@pytest.fixture
def provider(alice: ApiClient) -> GitProvider:
    return GitProviderFactory.create(account=alice.account)


@pytest.fixture
def actor(alice: ApiClient) -> Actor:
    return actor_of(alice)


def enter(
    actor: Actor, provider: GitProvider, kind: str = "personal_access_token", **secret: str
) -> GitProviderCredential:
    values = {"auth_type": kind, "credentials": secret or {"token": TOKEN}}
    return create_credential(actor, provider, values)


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("personal_access_token", {"token": "123456789"}),
        ("personal_access_token", {"token": "01234 56789"}),
        ("personal_access_token", {"token": TOKEN, "refresh_token": "x"}),
        ("oauth", {"refresh_token": TOKEN}),
        ("ssh_key", {"private_key": "ssh-ed25519 AAAA"}),
        ("github_app", {"app_id": "1", "private_key": "-----BEGIN PRIVATE KEY-----"}),
    ],
)
def test_a_secret_that_is_none_of_its_kind_is_refused(
    actor: Actor, provider: GitProvider, kind: str, secret: dict[str, str]
) -> None:
    with pytest.raises(Invalid):
        enter(actor, provider, kind, **secret)


def test_a_token_of_ten_characters_is_kept_encrypted_under_one_name(
    actor: Actor, provider: GitProvider
) -> None:
    made = enter(actor, provider, token=TOKEN)
    assert secret_of(made) == {"access_token": TOKEN}
    assert TOKEN not in made.encrypted_credentials
    assert made.name == f"{provider.name} - Personal Token"


def test_an_expired_credential_is_not_entered(actor: Actor, provider: GitProvider) -> None:
    values = {
        "auth_type": "personal_access_token", "credentials": {"token": TOKEN},
        "expires_at": timezone.now() - timedelta(seconds=1),
    }  # fmt: skip
    with pytest.raises(Invalid):
        create_credential(actor, provider, values)


def test_the_first_is_the_default_and_one_alone_ever_is(
    actor: Actor, provider: GitProvider
) -> None:
    first, second = enter(actor, provider), enter(actor, provider)
    assert (first.is_default, second.is_default) == (True, False)
    GitProviderCredential.objects.filter(pk=second.pk).update(is_active=False)
    make_default(actor, second)
    assert second.is_active
    rows = GitProviderCredential.objects.filter(provider=provider, is_default=True)
    assert list(rows) == [second]


def test_the_only_credential_goes_with_its_host_alone(actor: Actor, provider: GitProvider) -> None:
    first, second = enter(actor, provider), enter(actor, provider)
    delete_credential(actor, first)
    second.refresh_from_db()
    assert second.is_default
    with pytest.raises(Conflict):
        delete_credential(actor, second)
    delete_git_provider(actor, provider)
    assert not GitProviderCredential.objects.filter(pk=second.pk).exists()


def test_a_test_says_who_it_is_and_is_kept(site: Site) -> None:
    found = check_credential(site.actor, site.credential)
    assert (found["success"], found["username"]) == (True, "ada")
    assert found["provider_type"] == site.kind
    assert site.credential.last_test_status == "success"
    assert site.credential.external_user_id
    assert is_healthy(site.credential)


@pytest.mark.parametrize("check", ["rate_limit", "webhooks", "ci"])
def test_each_further_check_has_its_own_finding(site: Site, check: str) -> None:
    found = check_credential(site.actor, site.credential, check)
    assert found["success"], found
    expected = {"rate_limit": "rate_limit", "webhooks": "webhook_count", "ci": "recent_runs"}
    assert expected[check] in found


def test_the_fifth_failure_in_a_row_switches_it_off_and_says_so_once(site: Site) -> None:
    site.world.state.tokens[site.world.token].is_revoked = True
    site.credential.user_id = site.actor.user_id
    site.credential.save(update_fields=["user"])
    for number in range(1, 6):
        found = check_credential(site.actor, site.credential)
        assert found["error_code"] == "authentication_error"
        assert site.credential.consecutive_failures == number
        assert site.credential.is_active is (number < 5)
        assert is_healthy(site.credential) is (number <= 2)
    with pytest.raises(CredentialUnusable), connected(site.credential):
        pass
    assert len(told("git_credential_disabled")) == 1
    mail = WebhookDelivery.objects.get(kind="email")
    assert "was switched off" in mail.payload["subject"]


@ON_GITEA
def test_one_success_forgives_the_failures_before_it(site: Site) -> None:
    token = site.world.state.tokens[site.world.token]
    token.is_revoked = True
    for _ in range(4):
        with pytest.raises(AuthenticationFailed), connected(site.credential) as client:
            client.current_user()
    token.is_revoked = False
    with connected(site.credential) as client:
        client.current_user()
    site.credential.refresh_from_db()
    assert site.credential.consecutive_failures == 0
    assert (site.credential.failure_count, site.credential.last_error) == (4, "")


@ON_GITEA
def test_a_new_secret_brings_back_what_its_failures_switched_off(site: Site) -> None:
    state = site.world.state
    state.tokens[site.world.token].is_revoked = True
    for _ in range(5):
        check_credential(site.actor, site.credential)
    fresh = state.add_token("ada", ("repo",))
    assert update_credential(site.actor, site.credential, {"credentials": {"token": fresh}})
    assert check_credential(site.actor, site.credential)["success"]


@ON_GITEA
def test_a_new_secret_leaves_off_what_a_person_switched_off(site: Site) -> None:
    update_credential(site.actor, site.credential, {"is_active": False})
    update_credential(site.actor, site.credential, {"credentials": {"token": TOKEN}})
    assert not site.credential.is_active


def test_an_outage_of_the_host_is_not_the_credentials_fault(site: Site) -> None:
    site.world.state.faults.add("status", times=-1, code=503)
    with pytest.raises(HostUnavailable), connected(site.credential) as client:
        client.delete_webhook("acme/widgets", "1")
    site.credential.refresh_from_db()
    assert site.credential.is_active
    assert (site.credential.failure_count, site.credential.consecutive_failures) == (0, 0)
    assert "503" in site.credential.provider.last_error
    site.world.state.faults.clear()
    assert check_credential(site.actor, site.credential)["success"]
    site.provider.refresh_from_db()
    assert site.provider.last_error == ""


@ON_GITEA
def test_the_end_of_an_outage_is_seen_by_the_next_call_and_stays_seen(site: Site) -> None:
    with connected(site.credential) as client:
        client.current_user()
    site.credential.refresh_from_db()
    site.world.state.faults.add("status", times=-1, code=503)
    for _ in range(2):
        with pytest.raises(HostUnavailable), connected(site.credential) as client:
            client.current_user()
    with pytest.raises(HostUnavailable, match="left alone"), connected(site.credential) as client:
        client.current_user()
    site.provider.refresh_from_db()
    assert "503" in site.provider.last_error
    assert site.provider.retry_at is not None
    site.world.state.faults.clear()
    forget_hosts()

    # As another process would, which knows of no failure: it used the credential just before.
    with connected(site.credential) as client:
        client.current_user()
    late = HostUnavailable("Our host", "is left alone", retry_at=timezone.now())
    record_failure(site.credential, late)

    host = GitProvider.objects.get(pk=site.provider.pk)
    site.credential.refresh_from_db()
    assert (host.last_error, host.retry_at, site.credential.last_error) == ("", None, "")


@ON_GITEA
def test_a_rate_limit_is_nobodys_fault_and_its_end_is_known(site: Site) -> None:
    headers = {"retry-after": "120"}
    site.world.state.faults.add("status", times=-1, code=429, headers=headers)
    found = check_credential(site.actor, site.credential)
    assert found["error_code"] == "rate_limit_error"
    assert site.credential.consecutive_failures == 0
    site.provider.refresh_from_db()
    assert site.provider.retry_at is not None
    assert 100 < (site.provider.retry_at - timezone.now()).total_seconds() < 121


@pytest.mark.parametrize(
    ("days", "kind", "warned"),
    [
        (6, "personal_access_token", 1),
        (8, "personal_access_token", 0),
        (6, "oauth", 0),
    ],
)
def test_an_expiry_that_nobody_renews_is_told_once(days: int, kind: str, warned: int) -> None:
    made = CredentialFactory.create(auth_type=kind)
    GitProviderCredential.objects.filter(pk=made.pk).update(
        expires_at=timezone.now() + timedelta(days=days)
    )
    assert warn_of_expiry() == warned
    assert warn_of_expiry() == 0
    assert len(told("git_credential_expiring")) == warned
