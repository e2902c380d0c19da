"""The pages of host repositories: list, hook, filter, code, commits, pull requests."""

from typing import Any

import pytest
from django.test import Client

from devops.models import User
from gitintegration.clients.shapes import FileChange, NewPullRequest
from gitintegration.models import GitRepository
from gitintegration.pages.git_code import shown_files
from tests.client import ApiClient
from tests.factories.gitintegration import (
    CredentialFactory,
    GitProviderFactory,
    GitRepositoryFactory,
)
from tests.gitintegration.hosts.conftest import world
from tests.gitintegration.hosts.rig import World
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, make_site

__all__ = ["world"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def site(world: World, db: None) -> Site:
    return make_site(world)


def browser_of(site: Site) -> Client:
    client = Client()
    assert site.actor.user_id is not None
    user = User.objects.get(pk=site.actor.user_id)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def signed_in(person: ApiClient) -> Client:
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(page: Any) -> str:
    return str(page.content.decode())


def mirror_of(person: ApiClient, **facts: object) -> GitRepository:
    provider = GitProviderFactory.create(account=person.account)
    credential = CredentialFactory.create(provider=provider)
    return GitRepositoryFactory.create(credential=credential, **facts)


def test_branches_commits_and_diffs_are_read_from_every_host(site: Site) -> None:
    mirror = site.mirror()
    browser = browser_of(site)
    site.world.state.push_file(
        site.world.widgets, "main", "src/app.py", "print('<b>x</b>')\n", message="Shout <i>it</i>"
    )

    code = text_of(browser.get(f"/git/repositories/{mirror.pk}/code"))
    assert "Shout &lt;i&gt;it&lt;/i&gt;" in code
    assert "?ref=feature" in code

    commit = browser.get(f"/git/repositories/{mirror.pk}/commits/{site.world.head}")
    assert commit.status_code == 200
    assert "print(&#x27;&lt;b&gt;x&lt;/b&gt;&#x27;)" in text_of(commit)
    assert 'data-line="deletion"' in text_of(commit)
    assert "src/app.py" in text_of(commit)


def test_pull_requests_are_read_from_every_host(site: Site) -> None:
    mirror = site.mirror()
    new = NewPullRequest("Say bye to <b>all</b>", "feature", "main")
    site.world.client.create_pull_request(mirror.full_name, new)
    browser = browser_of(site)

    page = text_of(browser.get(f"/git/repositories/{mirror.pk}/pulls"))
    closed = text_of(browser.get(f"/git/repositories/{mirror.pk}/pulls?state=closed"))

    assert "Say bye to &lt;b&gt;all&lt;/b&gt;" in page
    assert "No pull request here" in closed


def test_the_webhook_is_set_up_repaired_and_removed_with_one_click(site: Site) -> None:
    mirror = site.mirror()
    browser = browser_of(site)
    address = f"/git/repositories/{mirror.pk}"

    page = browser.post(f"{address}/webhook", follow=True)
    assert "attach a pipeline" in text_of(page)
    assert len(site.world.client.list_webhooks(mirror.full_name)) == 1

    site.world.client.delete_webhook(
        mirror.full_name, site.world.client.list_webhooks(mirror.full_name)[0].id
    )
    page = browser.post(f"{address}/webhook", follow=True)
    assert "Repaired: the hook was deleted at the host." in text_of(page)

    browser.post(f"{address}/webhook/remove")
    assert list(site.world.client.list_webhooks(mirror.full_name)) == []
    mirror.refresh_from_db()
    assert not mirror.webhook_configured


@ON_GITEA
def test_a_host_that_does_not_answer_leaves_the_page_standing(site: Site) -> None:
    mirror = site.mirror()
    site.world.state.faults.add("status", times=-1, code=503)
    browser = browser_of(site)
    address = f"/git/repositories/{mirror.pk}"

    for part in ("/code", "/pulls", "/commits/" + "a" * 40):
        page = browser.get(address + part)
        assert page.status_code == 200, part
        assert "Our Gitea did not answer this" in text_of(page)
    page = browser.post(f"{address}/webhook", follow=True)
    assert "The webhook is not set up" in text_of(page)
    page = browser.post(f"{address}/sync", follow=True)
    assert "Our Gitea" in text_of(page)


@ON_GITEA
def test_a_repository_that_is_no_longer_tracked_leaves_its_pipelines_repository(
    site: Site,
) -> None:
    mirror = site.hooked()
    kept = mirror.repository

    page = browser_of(site).post(f"/git/repositories/{mirror.pk}/delete", follow=True)

    assert "no longer tracked" in text_of(page)
    assert not GitRepository.objects.exists()
    assert kept is not None
    kept.refresh_from_db()


def test_the_filters_of_the_list_stand_in_its_address(alice: ApiClient) -> None:
    plain = mirror_of(alice, full_name="acme/plain")
    GitRepositoryFactory.create(
        credential=plain.credential, full_name="acme/closed", is_private=True, is_archived=True,
        webhook_configured=True,
    )  # fmt: skip
    browser = signed_in(alice)

    def names(query: str) -> set[str]:
        page = text_of(browser.get(f"/git/repositories?{query}"))
        return {name for name in ("acme/plain", "acme/closed") if name in page}

    assert names("") == {"acme/plain", "acme/closed"}
    assert names("search=lai") == {"acme/plain"}
    assert names("is_private=true") == {"acme/closed"}
    assert names("webhook_configured=false") == {"acme/plain"}
    assert names("is_archived=false") == {"acme/plain"}
    assert names("provider_id=nonsense") == {"acme/plain", "acme/closed"}
    assert "Clear the filters" in text_of(browser.get("/git/repositories?search=zzz"))


def test_a_branch_filter_is_kept_and_a_broken_one_is_refused_at_its_field(alice: ApiClient) -> None:
    mirror = mirror_of(alice)
    browser = signed_in(alice)
    address = f"/git/repositories/{mirror.pk}/filter"

    refused = browser.post(address, {"branch_filter_type": "regex", "branch_filter": "("})
    assert refused.status_code == 400
    assert "is no regular expression" in text_of(refused)
    assert 'value="("' in text_of(refused)

    browser.post(address, {"branch_filter_type": "wildcard", "branch_filter": "release/**"})
    mirror.refresh_from_db()
    assert (mirror.branch_filter_type, mirror.branch_filter) == ("wildcard", "release/**")
    page = text_of(browser.get(f"/git/repositories/{mirror.pk}"))
    assert 'data-branch="release/1.2" data-status="success"' in page
    assert 'data-branch="main" data-status="skipped"' in page


def test_what_a_host_says_of_itself_is_only_text(alice: ApiClient) -> None:
    evil = "<script>alert(1)</script>"
    mirror = mirror_of(
        alice, description=evil, topics=[evil], languages={evil: "many"}, default_branch=evil
    )
    browser = signed_in(alice)

    pages = text_of(browser.get("/git/repositories"))
    pages += text_of(browser.get(f"/git/repositories/{mirror.pk}"))

    assert evil not in pages
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages


def test_a_developer_reads_but_sets_up_no_webhook(bob: ApiClient) -> None:
    mirror = mirror_of(bob)
    browser = signed_in(bob)

    page = browser.get(f"/git/repositories/{mirror.pk}")

    assert page.status_code == 200
    assert "Set up the webhook" not in text_of(page)
    for verb in ("webhook", "webhook/remove", "webhook/rotate", "filter", "delete"):
        assert browser.post(f"/git/repositories/{mirror.pk}/{verb}").status_code == 403, verb


def test_another_accounts_repository_is_not_found(alice: ApiClient, charlie: ApiClient) -> None:
    mirror = mirror_of(alice, full_name="acme/hidden")
    browser = signed_in(charlie)
    address = f"/git/repositories/{mirror.pk}"

    assert "acme/hidden" not in text_of(browser.get("/git/repositories"))
    for part in ("", "/code", "/pulls", "/commits/" + "a" * 40):
        assert browser.get(address + part).status_code == 404, part
    for verb in ("webhook", "webhook/remove", "webhook/rotate", "filter", "sync", "delete"):
        assert browser.post(f"{address}/{verb}").status_code == 404, verb
    assert GitRepository.objects.filter(pk=mirror.pk).exists()


def test_a_page_draws_so_many_lines_of_a_diff_and_says_where_it_stopped() -> None:
    hunk = "@@ -1,0 +1,1000 @@\n" + "+x\n" * 1000
    long = FileChange("a.txt", "added", 3000, 0, hunk + hunk + hunk)
    files = shown_files((long,) * 10)

    drawn = sum(len(hunk.lines) for file in files for hunk in file.hunks)

    assert drawn == 6000
    assert "too long to be shown" in files[0].note
    assert files[-1].hunks == ()
    assert "too long to be shown" in files[-1].note


def test_characters_that_turn_a_line_around_are_shown_by_their_number() -> None:
    patch = "@@ -0,0 +1 @@\n+if admin: \u202e# neve\n"

    (file,) = shown_files((FileChange("a.py", "added", 1, 0, patch),))

    assert file.hunks[0].lines[0].content == "if admin: \u27e8U+202E\u27e9# neve"


def test_a_repository_kept_in_step_with_its_host_gets_no_secret_of_its_own(
    alice: ApiClient,
) -> None:
    mirror = mirror_of(alice)
    assert mirror.repository is not None

    answer = signed_in(alice).post(f"/repositories/{mirror.repository.pk}/secret")

    assert answer["Location"] == f"/git/repositories/{mirror.pk}"
