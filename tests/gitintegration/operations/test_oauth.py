"""Connecting by OAuth: the state is one person's and one use's, and tokens are renewed once."""

import dataclasses
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.access import Actor
from devops.errors import Invalid
from gitintegration.clients.errors import AuthenticationFailed, HostError
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.oauth import challenge
from gitintegration.models import GitProvider, GitProviderCredential, OAuthState
from gitintegration.operations.connections import connected, renew_due_tokens
from gitintegration.operations.credentials import secret_of
from gitintegration.operations.oauth import (
    StateInvalid,
    finish_authorization,
    start_authorization,
)
from gitintegration.operations.providers import update_git_provider
from tests.factories.devops import actor_of, client_for
from tests.gitintegration.hosts.rig import World, load, rigs, world_of
from tests.gitintegration.operations.oauth_host import (
    CLIENT_ID,
    CLIENT_SECRET,
    Grants,
    with_oauth,
)
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def grants() -> Grants:
    made = Grants()
    made.holds.set()
    return made


@pytest.fixture(params=rigs(), ids=lambda name: name.rsplit(".", 1)[-1].removesuffix("_rig"))
def world(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Settings, grants: Grants
) -> Iterator[World]:
    settings.POWERNODE_EGRESS_ALLOW = ("127.0.0.1",)
    forget_hosts()
    rig = load(request.param)
    with_grants = dataclasses.replace(rig, create_app=with_oauth(rig.create_app, grants))
    with world_of(with_grants, tmp_path) as made:
        yield made
    forget_hosts()


@pytest.fixture
def back(settings: Settings) -> str:
    return f"{settings.SITE_URL}/git/oauth/callback"


@pytest.fixture
def provider(site: Site) -> GitProvider:
    config = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return update_git_provider(site.actor, site.provider, {"oauth_config": config})


def connect(site: Site, provider: GitProvider, grants: Grants, back: str) -> GitProviderCredential:
    code, state = grants.grant(start_authorization(site.actor, provider, back))
    return finish_authorization(site.actor, provider, code, state)


def age(credential: GitProviderCredential, **left: int) -> GitProviderCredential:
    """Let a token have so long left."""
    GitProviderCredential.objects.filter(pk=credential.pk).update(
        expires_at=timezone.now() + timedelta(**left)
    )
    return GitProviderCredential.objects.select_related("provider").get(pk=credential.pk)


def test_a_yes_at_the_host_becomes_a_credential(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    made = connect(site, provider, grants, back)
    assert made.name == f"{provider.name} - ada"
    assert (made.auth_type, made.external_username) == ("oauth", "ada")
    assert made.expires_at is not None
    assert 7000 < (made.expires_at - timezone.now()).total_seconds() <= 7200
    with connected(made) as client:
        assert client.current_user().username == "ada"


def test_the_clients_secret_is_not_kept_in_the_open(provider: GitProvider) -> None:
    provider.refresh_from_db()
    assert CLIENT_SECRET not in str(provider.oauth_config) + provider.encrypted_oauth_secret


def test_the_challenge_is_that_of_the_rfc() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def another(site: Site, who: str) -> Actor:
    """Somebody else: of the account, or of another one."""
    if who == "colleague":
        account = site.provider.account
        return actor_of(client_for("carol", role="owner", account=account))
    return actor_of(client_for("charlie", role="owner"))


@ON_GITEA
@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_somebody_elses_state_is_refused(
    site: Site, provider: GitProvider, grants: Grants, back: str, who: str
) -> None:
    code, state = grants.grant(start_authorization(site.actor, provider, back))
    with pytest.raises(StateInvalid):
        finish_authorization(another(site, who), provider, code, state)
    assert finish_authorization(site.actor, provider, code, state).external_username == "ada"


def test_a_state_is_good_once_whatever_came_of_it(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    code, state = grants.grant(start_authorization(site.actor, provider, back))
    with pytest.raises(HostError):
        finish_authorization(site.actor, provider, "another code", state)
    with pytest.raises(StateInvalid):
        finish_authorization(site.actor, provider, code, state)


def test_a_replayed_code_is_refused_by_the_host_under_a_fresh_state(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    code, state = grants.grant(start_authorization(site.actor, provider, back))
    finish_authorization(site.actor, provider, code, state)
    _, fresh = grants.grant(start_authorization(site.actor, provider, back))
    with pytest.raises(HostError):
        finish_authorization(site.actor, provider, code, fresh)
    assert grants.refused == 1


@ON_GITEA
def test_a_code_of_another_flow_fails_by_its_verifier(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    stolen, _ = grants.grant(start_authorization(site.actor, provider, back))
    _, own = grants.grant(start_authorization(site.actor, provider, back))
    with pytest.raises(HostError):
        finish_authorization(site.actor, provider, stolen, own)


@ON_GITEA
def test_a_state_ends_after_ten_minutes(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    code, state = grants.grant(start_authorization(site.actor, provider, back))
    OAuthState.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(StateInvalid):
        finish_authorization(site.actor, provider, code, state)


@ON_GITEA
def test_the_way_back_leads_here_only(site: Site, provider: GitProvider) -> None:
    for address in ("https://evil.example.com/git/oauth/callback", "http://127.0.0.1:8000.evil/"):
        with pytest.raises(Invalid):
            start_authorization(site.actor, provider, address)


def test_a_token_that_ends_soon_is_renewed_before_it_is_used(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    made = age(connect(site, provider, grants, back), minutes=2)
    old = secret_of(made)["access_token"]
    with connected(made) as client:
        assert client.current_user().username == "ada"
    assert grants.refreshed == 1
    made.refresh_from_db()
    assert secret_of(made)["access_token"] != old


@ON_GITEA
def test_the_tender_renews_what_ends_soon_and_nothing_else(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    soon = age(connect(site, provider, grants, back), minutes=8)
    connect(site, provider, grants, back)
    assert renew_due_tokens() == 1
    assert renew_due_tokens() == 0
    soon.refresh_from_db()
    assert soon.expires_at is not None
    assert soon.expires_at > timezone.now() + timedelta(hours=1)


@ON_GITEA
def test_a_refused_renewal_counts_on_the_credential(
    site: Site, provider: GitProvider, grants: Grants, back: str
) -> None:
    made = age(connect(site, provider, grants, back), minutes=-1)
    grants.renewals.clear()
    assert renew_due_tokens() == 0
    made.refresh_from_db()
    assert made.consecutive_failures == 1


@ON_GITEA
@pytest.mark.parametrize("left", [120, -1])
@pytest.mark.django_db(transaction=True)
def test_two_at_once_renew_once_and_both_get_the_new_token(
    site: Site, provider: GitProvider, grants: Grants, back: str, left: int
) -> None:
    made = age(connect(site, provider, grants, back), seconds=left)
    grants.holds.clear()
    grants.arrived.clear()
    found: list[str] = []

    def use() -> None:
        try:
            row = GitProviderCredential.objects.select_related("provider").get(pk=made.pk)
            with connected(row) as client:
                found.append(client.current_user().username)
        except AuthenticationFailed as error:
            found.append(str(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(2)]
    threads[0].start()
    assert grants.arrived.wait(20)
    threads[1].start()
    grants.holds.set()
    for thread in threads:
        thread.join(30)
    assert found == ["ada", "ada"]
    assert (grants.refreshed, grants.refused) == (1, 0)
