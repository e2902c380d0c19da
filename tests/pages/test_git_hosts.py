"""The pages of hosts and credentials: connecting, importing, refusing."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gitintegration.models import GitProvider, GitProviderCredential, GitRepository, GitSync
from gitintegration.operations.credentials import secret_of
from gitintegration.operations.imports import run_sync
from tests.client import ApiClient
from tests.factories.gitintegration import (
    CredentialFactory,
    GitProviderFactory,
    GitRepositoryFactory,
    GitSyncFactory,
)
from tests.gitintegration.hosts.conftest import world
from tests.gitintegration.hosts.rig import World
from tests.gitintegration.operations.only import ON_GITEA

__all__ = ["world"]
pytestmark = pytest.mark.django_db
TOKEN = "a-token-that-nobody-may-see"
EMPTY_PAGES = {
    "/git": "No git host yet",
    "/git/connect": "Where is your code?",
    "/git/connect/gitea": "Address",
    "/git/import": "Nothing to import with",
    "/git/repositories": "No repositories yet",
}


def signed_in(person: ApiClient, *, checks_csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(page: Any) -> str:
    return str(page.content.decode())


def connected(person: ApiClient, world: World) -> GitProviderCredential:
    """A credential that works, made by the wizard."""
    browser = signed_in(person)
    answer = browser.post(
        "/git/connect/gitea", {"name": "Our Gitea", "web_base_url": world.host.url}
    )
    answer = browser.post(answer["Location"], {"way": "token", "token": world.token})
    credential = GitProviderCredential.objects.get()
    assert answer["Location"] == f"/git/credentials/{credential.pk}/import"
    return credential


@pytest.mark.parametrize("address", EMPTY_PAGES)
def test_an_empty_page_says_what_to_do(alice: ApiClient, address: str) -> None:
    page = signed_in(alice).get(address)

    assert page.status_code == 200
    assert EMPTY_PAGES[address] in text_of(page)


def test_a_hosted_service_needs_no_address_and_is_entered_once(alice: ApiClient) -> None:
    browser = signed_in(alice)

    first = browser.post("/git/connect/github", {"hosted": "1"})
    second = browser.post("/git/connect/github", {"hosted": "1"})

    assert first["Location"] == second["Location"]
    assert GitProvider.objects.get().api_base_url == ""


def test_a_host_of_ones_own_needs_an_address(alice: ApiClient) -> None:
    page = signed_in(alice).post("/git/connect/gitea", {"name": "Ours", "web_base_url": "x:y"})

    assert page.status_code in {400, 422}
    assert "web address without user name" in text_of(page)
    assert 'value="x:y"' in text_of(page)
    assert not GitProvider.objects.exists()


def test_there_is_no_page_for_a_kind_that_does_not_exist(alice: ApiClient) -> None:
    assert signed_in(alice).get("/git/connect/sourceforge").status_code == 404


@ON_GITEA
def test_a_host_is_connected_and_repositories_are_imported(alice: ApiClient, world: World) -> None:
    credential = connected(alice, world)
    browser = signed_in(alice)
    address = f"/git/credentials/{credential.pk}/import"
    assert "acme/widgets" in text_of(browser.get(address))

    answer = browser.post(address, {"chosen": f"{world.widgets.id}\n"})
    sync = GitSync.objects.get()
    assert "every 1s" in text_of(browser.get(answer["Location"]))
    run_sync(str(sync.pk))

    page = text_of(browser.get(f"/git/syncs/{sync.pk}"))
    mirror = GitRepository.objects.get()
    assert "every 1s" not in page
    assert f"/git/repositories/{mirror.pk}/webhook" in page
    known = f'value="{world.widgets.id}" disabled'
    assert known in text_of(browser.get(address + "?search=widgets"))


@ON_GITEA
def test_a_refused_token_keeps_what_was_typed_and_shows_what_the_host_said(
    alice: ApiClient, world: World
) -> None:
    browser = signed_in(alice)
    answer = browser.post("/git/connect/gitea", {"name": "Ours", "web_base_url": world.host.url})
    answer = browser.post(
        answer["Location"], {"way": "token", "name": "Mine", "token": "wrong" * 4}, follow=True
    )
    credential = GitProviderCredential.objects.get()
    assert "answered 401" in text_of(answer)
    assert 'value="Mine"' in text_of(answer)

    answer = browser.post(
        f"/git/credentials/{credential.pk}",
        {"name": "Mine", "token": world.token, "is_active": "on"},
    )
    assert answer["Location"] == f"/git/credentials/{credential.pk}/import"
    assert secret_of(credential) != secret_of(GitProviderCredential.objects.get())


@ON_GITEA
def test_a_credential_is_tested_from_its_card(alice: ApiClient, world: World) -> None:
    credential = connected(alice, world)
    browser = signed_in(alice)

    page = browser.post(f"/git/credentials/{credential.pk}/test", follow=True)
    assert "@ada" in text_of(page)

    world.state.tokens[world.token].is_revoked = True
    page = browser.post(f"/git/credentials/{credential.pk}/test", follow=True)
    assert "does not work" in text_of(page)


@ON_GITEA
def test_a_host_that_does_not_answer_is_named_and_the_page_stays(
    alice: ApiClient, world: World
) -> None:
    credential = connected(alice, world)
    world.state.faults.add("status", times=-1, code=503)

    page = signed_in(alice).get(f"/git/credentials/{credential.pk}/import")

    assert page.status_code == 200
    assert "Our Gitea did not answer this" in text_of(page)
    assert "Choose repositories" in text_of(page)


def test_no_page_shows_a_stored_secret(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    credential = CredentialFactory.create(provider=provider, secret={"access_token": TOKEN})
    browser = signed_in(alice)
    addresses = (
        "/git", f"/git/hosts/{provider.pk}", f"/git/hosts/{provider.pk}/connect",
        f"/git/credentials/{credential.pk}",
    )  # fmt: skip

    pages = [text_of(browser.get(address)) for address in addresses]

    assert [TOKEN in page for page in pages] == [False] * len(addresses)
    refused = browser.post(f"/git/credentials/{credential.pk}", {"name": "", "token": TOKEN})
    assert TOKEN not in text_of(refused)


def test_the_card_warns_before_a_token_ends(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    credential = CredentialFactory.create(provider=provider)
    credential.expires_at = timezone.now() + timedelta(days=3)
    credential.save()

    assert "It ends" in text_of(signed_in(alice).get("/git"))


def test_an_empty_secret_keeps_the_stored_one(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    credential = CredentialFactory.create(provider=provider, secret={"access_token": TOKEN})

    answer = signed_in(alice).post(f"/git/credentials/{credential.pk}", {"name": "Renamed"})

    credential.refresh_from_db()
    assert answer.status_code == 302
    assert (credential.name, credential.is_active) == ("Renamed", False)
    assert secret_of(credential)["access_token"] == TOKEN


def test_the_only_credential_stays_until_its_host_goes(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    credential = CredentialFactory.create(provider=provider)
    browser = signed_in(alice)

    page = browser.post(f"/git/credentials/{credential.pk}/delete", follow=True)
    assert "only credential" in text_of(page)

    browser.post(f"/git/hosts/{provider.pk}/delete")
    assert not GitProviderCredential.objects.exists()


def test_nothing_is_imported_without_a_choice(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    credential = CredentialFactory.create(provider=provider)

    answer = signed_in(alice).post(f"/git/credentials/{credential.pk}/import")

    assert answer["Location"] == f"/git/credentials/{credential.pk}/import"
    assert not GitSync.objects.exists()


def test_a_link_to_a_host_is_a_web_link_or_none(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    GitProvider.objects.filter(pk=provider.pk).update(web_base_url="javascript:alert(1)")
    credential = CredentialFactory.create(provider=provider)
    mirror = GitRepositoryFactory.create(credential=credential, web_url="javascript:alert(2)")
    browser = signed_in(alice)
    addresses = ("/git", f"/git/hosts/{provider.pk}/connect", f"/git/repositories/{mirror.pk}")

    pages = "".join(text_of(browser.get(address)) for address in addresses)

    assert "alert(" not in pages


def test_a_developer_sees_hosts_and_imports_but_touches_no_credential(bob: ApiClient) -> None:
    provider = GitProviderFactory.create(account=bob.account)
    credential = CredentialFactory.create(provider=provider, name="The secret one")
    browser = signed_in(bob)

    assert "The secret one" not in text_of(browser.get("/git"))
    assert browser.get(f"/git/credentials/{credential.pk}").status_code == 403
    assert browser.post(f"/git/hosts/{provider.pk}/delete").status_code == 403
    assert browser.post(f"/git/credentials/{credential.pk}/default").status_code == 403
    assert browser.get("/git/connect").status_code == 403
    assert browser.get("/git/import").status_code == 302


def test_another_accounts_host_is_not_found(alice: ApiClient, charlie: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    credential = CredentialFactory.create(provider=provider)
    sync = GitSyncFactory.create(credential=credential)
    browser = signed_in(charlie)
    gets = (
        f"/git/hosts/{provider.pk}", f"/git/hosts/{provider.pk}/connect",
        f"/git/credentials/{credential.pk}", f"/git/credentials/{credential.pk}/import",
        f"/git/syncs/{sync.pk}",
    )  # fmt: skip
    posts = (
        f"/git/hosts/{provider.pk}/delete", f"/git/hosts/{provider.pk}/oauth",
        f"/git/hosts/{provider.pk}/application",
        *(f"/git/credentials/{credential.pk}/{verb}" for verb in ("test", "default", "delete",
                                                                  "sync", "import")),
    )  # fmt: skip

    found = [browser.get(address).status_code for address in gets]
    found += [browser.post(address, {"repository": "1"}).status_code for address in posts]

    assert set(found) == {404}


def test_a_form_of_another_site_is_refused(alice: ApiClient) -> None:
    provider = GitProviderFactory.create(account=alice.account)

    answer = signed_in(alice, checks_csrf=True).post(f"/git/hosts/{provider.pk}/delete")

    assert answer.status_code == 403
    assert GitProvider.objects.filter(pk=provider.pk).exists()


def test_the_way_to_the_host_is_a_link_and_its_state_is_ones_own(
    alice: ApiClient, charlie: ApiClient
) -> None:
    provider = GitProviderFactory.create(account=alice.account)
    browser = signed_in(alice)
    browser.post(f"/git/hosts/{provider.pk}/application", {"client_id": "us", "client_secret": "s"})

    page = text_of(browser.post(f"/git/hosts/{provider.pk}/oauth"))

    assert 'href="https://git.example.com/login/oauth/authorize?' in page
    state = page.split("state=")[1].split("&amp;")[0]
    stolen = signed_in(charlie).get(
        "/git/oauth/callback", {"state": state, "code": "x"}, follow=True
    )
    assert "Start the connection again" in text_of(stolen)
    refused = browser.get(
        "/git/oauth/callback", {"state": state, "error": "access_denied"}, follow=True
    )
    assert "did not agree: access_denied" in text_of(refused)


def test_a_state_that_nobody_started_is_refused(alice: ApiClient) -> None:
    given = {"state": uuid.uuid4().hex, "code": "x"}
    answer = signed_in(alice).get("/git/oauth/callback", given, follow=True)

    assert answer.redirect_chain == [("/git", 302)]
    assert "Start the connection again" in text_of(answer)
