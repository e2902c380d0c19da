"""Repositories are imported and followed through deaths, renames, swaps and deletions."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from devops.errors import Conflict
from devops.models import Repository
from gitintegration.clients.exchange import forget_hosts
from gitintegration.clients.fakes.model import Repo
from gitintegration.models import GitRepository, GitSync
from gitintegration.operations import imports
from gitintegration.operations.available import available_repositories
from gitintegration.operations.imports import (
    QuotaExceeded,
    request_import,
    request_sync,
    run_sync,
    sync_mirror,
    usage,
)
from gitintegration.operations.mirrors import take_over
from tests.factories.gitintegration import CredentialFactory
from tests.gitintegration.operations.only import ON_GITEA
from tests.gitintegration.operations.site import Site, told

pytestmark = pytest.mark.django_db


def add(site: Site, name: str, **facts: Any) -> Repo:
    return site.world.state.add_repository(f"acme/{name}", files={"a": name}, **facts)


def ident(site: Site, repo: Repo) -> str:
    return site.world.client.get_repository(repo.full_name).id


def run(site: Site, sync: GitSync) -> GitSync:
    run_sync(str(sync.pk))
    sync.refresh_from_db()
    return sync


def refresh(site: Site) -> GitSync:
    return run(site, request_sync(site.actor, site.credential))


def by_id(site: Site, external_id: str) -> GitRepository:
    return GitRepository.objects.get(credential=site.credential, external_id=external_id)


def test_what_is_named_is_imported_and_what_cannot_be_is_told(site: Site) -> None:
    fine = ident(site, site.world.widgets)
    archived = ident(site, add(site, "old", is_archived=True))
    fork = ident(site, site.world.state.fork(site.world.widgets, site.world.ada))
    missing = "{00000000-0000-4000-8000-000000000000}" if site.kind == "bitbucket" else "999999"
    wanted = [fine, archived, fork, missing]
    sync = run(site, request_import(site.actor, site.credential, wanted))
    assert sync.status == "completed"
    refused = {error["external_id"]: error["error"] for error in sync.errors}
    unarchived = {"bitbucket"}  # Bitbucket Cloud cannot archive
    expected = {fork, missing} | (set() if site.kind in unarchived else {archived})
    assert set(refused) == expected
    assert "fork" in refused[fork]
    assert (sync.imported_count, sync.error_count) == (4 - len(expected), len(expected))
    assert sync.done_count == sync.total == 4
    mirror = by_id(site, fine)
    assert (mirror.full_name, mirror.owner, mirror.name) == ("acme/widgets", "acme", "widgets")
    assert mirror.repository is not None
    assert mirror.repository.clone_url == mirror.clone_url != ""


@ON_GITEA
def test_forks_and_archived_ones_come_where_they_are_wanted(site: Site) -> None:
    archived = ident(site, add(site, "old", is_archived=True))
    fork = ident(site, site.world.state.fork(site.world.widgets, site.world.ada))
    sync = request_import(
        site.actor, site.credential, [archived, fork], include_forks=True, include_archived=True
    )
    assert run(site, sync).imported_count == 2
    assert by_id(site, archived).is_archived
    assert by_id(site, fork).is_fork


def test_what_can_be_imported_is_listed_with_what_is(site: Site) -> None:
    add(site, "gadgets")
    site.mirror()
    found = available_repositories(site.actor, site.credential)
    known = {each["full_name"]: each["already_imported"] for each in found["repositories"]}
    assert known == {"acme/widgets": True, "acme/gadgets": False}
    found = available_repositories(site.actor, site.credential, search="GADG")
    assert [each["name"] for each in found["repositories"]] == ["gadgets"]


@ON_GITEA
def test_more_than_the_account_has_room_for_is_refused_as_a_whole(
    site: Site, settings: Settings
) -> None:
    settings.POWERNODE_REPOSITORY_LIMIT = 2
    site.mirror()
    others = [ident(site, add(site, name)) for name in ("a", "b")]
    with pytest.raises(QuotaExceeded):
        request_import(site.actor, site.credential, others)
    known = [ident(site, site.world.widgets), others[0]]
    assert run(site, request_import(site.actor, site.credential, known)).imported_count == 2
    assert usage(site.actor.account_id) == {"current": 2, "limit": 2, "available": 0}


@ON_GITEA
def test_two_imports_that_fit_alone_do_not_pass_the_quota_together(
    site: Site, settings: Settings
) -> None:
    settings.POWERNODE_REPOSITORY_LIMIT = 1
    first, second = (
        request_import(site.actor, site.credential, [ident(site, add(site, name))])
        for name in ("a", "b")
    )
    assert run(site, first).imported_count == 1
    late = run(site, second)
    assert (late.imported_count, late.error_count) == (0, 1)
    assert "quota" in late.errors[0]["error"]
    assert usage(site.actor.account_id)["current"] == 1


def import_that_stops(site: Site) -> tuple[GitSync, list[str]]:
    """An import of five whose host hangs up at the fifth."""
    names = [add(site, f"r{number}") for number in range(5)]
    wanted = [ident(site, repo) for repo in names]
    sync = request_import(site.actor, site.credential, wanted)
    site.world.state.faults.add("cut", method="GET", path=_path_of(site, names[4]), times=-1)
    return sync, wanted


def _path_of(site: Site, repo: Repo) -> str:
    return f"{repo.id}|{repo.uuid}|{repo.full_name}"


def test_an_import_goes_on_where_it_was_interrupted(site: Site) -> None:
    sync, wanted = import_that_stops(site)
    run(site, sync)
    assert (sync.status, sync.imported_count) == ("running", 4)
    assert sync.next_attempt_at is not None
    assert "Next try" in sync.error_message
    site.world.state.faults.clear()
    site.world.host.requests.clear()
    run(site, sync)
    assert sync.status == "running", "it is not due yet"
    GitSync.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert imports.sweep_syncs() == 1
    forget_hosts()
    run(site, sync)
    assert (sync.status, sync.imported_count, sync.error_count) == ("completed", 5, 0)
    assert sync.error_message == ""
    asked = [seen for seen in site.world.host.requests if seen.method == "GET"]
    assert len(asked) <= 3, "what was imported before is not fetched again"
    assert GitRepository.objects.filter(external_id__in=wanted).count() == 5


@ON_GITEA
def test_a_worker_that_died_is_replaced_after_its_claim(site: Site) -> None:
    sync = request_import(site.actor, site.credential, [ident(site, site.world.widgets)])
    assert imports._claim(str(sync.pk)) is not None  # all that a dead worker did
    run(site, sync)
    assert sync.status == "running"
    GitSync.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert run(site, sync).status == "completed"
    assert sync.attempts == 2
    last = told("git_sync_updated")[-1]["git_sync"]
    assert (last["status"], last["imported_count"]) == ("completed", 1)


@ON_GITEA
def test_a_host_that_stays_away_ends_the_import_after_its_tries(site: Site) -> None:
    sync = request_import(site.actor, site.credential, [ident(site, site.world.widgets)])
    site.world.state.faults.add("status", code=503, times=-1)
    for _ in range(5):
        GitSync.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        run(site, sync)
    assert sync.status == "failed"
    assert "503" in sync.error_message or "left alone" in sync.error_message


def test_a_rename_and_a_transfer_keep_the_mirror(site: Site) -> None:
    mirror = site.mirror()
    site.world.state.add_organization("umbrella", ada="admin")
    site.world.state.rename(site.world.widgets, "umbrella/parasols")
    assert refresh(site).status == "completed"
    fresh = by_id(site, mirror.external_id)
    assert (fresh.pk, fresh.full_name, fresh.owner) == (mirror.pk, "umbrella/parasols", "umbrella")
    assert fresh.repository is not None
    assert fresh.repository_id == mirror.repository_id
    assert fresh.repository.full_name == "umbrella/parasols"
    assert "parasols" in fresh.repository.clone_url


def test_two_that_swap_their_names_stay_who_they_are(site: Site) -> None:
    other = add(site, "gadgets")
    first, second = site.mirror(), site.mirror(other)
    state = site.world.state
    state.rename(site.world.widgets, "acme/between")
    state.rename(other, "acme/widgets")
    state.rename(site.world.widgets, "acme/gadgets")
    state.moved.clear()
    assert refresh(site).error_count == 0
    names = {mirror.pk: mirror.full_name for mirror in GitRepository.objects.all()}
    assert names == {first.pk: "acme/gadgets", second.pk: "acme/widgets"}
    links = {row.pk: row.full_name for row in Repository.objects.all()}
    assert links == {
        first.repository_id: "acme/gadgets", second.repository_id: "acme/widgets",
    }  # fmt: skip


@ON_GITEA
def test_an_archived_repository_is_shown_as_such(site: Site) -> None:
    mirror = site.mirror()
    site.world.widgets.is_archived = True
    refresh(site)
    assert by_id(site, mirror.external_id).is_archived


def test_what_was_deleted_is_gone_here_and_comes_back_with_the_host(site: Site) -> None:
    mirror = site.mirror()
    state = site.world.state
    state.delete(site.world.widgets)
    sync = refresh(site)
    assert (sync.status, sync.error_count) == ("completed", 1)
    gone = by_id(site, mirror.external_id)
    assert gone.gone_at is not None
    assert gone.sync_error
    state.repositories["acme/widgets"] = site.world.widgets
    forget_hosts()
    refresh(site)
    assert by_id(site, mirror.external_id).gone_at is None


@ON_GITEA
def test_one_that_another_credential_mirrors_is_refused_by_name(site: Site) -> None:
    site.mirror()
    other = CredentialFactory.create(
        provider=site.provider, is_default=False, secret={"access_token": site.world.token}
    )
    found = site.world.client.get_repository("acme/widgets")
    with pytest.raises(Conflict, match="another credential"):
        take_over(other, found)


def test_one_mirror_is_brought_up_to_date_at_once_with_its_languages(site: Site) -> None:
    mirror = site.mirror()
    site.world.widgets.description = "Other words"
    sync_mirror(mirror)
    mirror.refresh_from_db()
    assert mirror.description == "Other words"
    if "languages" not in site.world.rig.unsupported:
        assert max(mirror.languages, key=mirror.languages.__getitem__) == "Python"


@ON_GITEA
def test_a_waiting_synchronisation_is_not_doubled(site: Site) -> None:
    assert (
        request_sync(site.actor, site.credential).pk == request_sync(site.actor, site.credential).pk
    )
