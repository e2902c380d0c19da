"""What a host says of a repository, taken over; and the repository that pipelines attach to."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from devops.errors import Conflict
from devops.models import Provider, Repository
from gitintegration.choices import RepositoryOrigin
from gitintegration.clients.protocol import TriggerEvent
from gitintegration.clients.shapes import HostRepository
from gitintegration.models import GitProviderCredential, GitRepository
from gitintegration.operations.providers import effective_web_url


@transaction.atomic
def take_over(credential: GitProviderCredential, found: HostRepository) -> GitRepository:
    """Create or update the mirror of a repository, and what pipelines attach to.

    Renames and transfers keep the mirror: the host's own id tells it.

    Raises:
        Conflict: another mirror of the account has the name, through another credential.
    """
    mirror = GitRepository.objects.filter(
        credential=credential, external_id=found.id
    ).select_related("repository").first()  # fmt: skip
    is_new = mirror is None
    if mirror is None:
        mirror = GitRepository(
            account_id=credential.account_id, credential=credential, external_id=found.id,
            origin=RepositoryOrigin.GIT,
        )  # fmt: skip
    if is_new or mirror.full_name != found.full_name:
        _free_name(mirror, found.full_name)
    changed = _apply(mirror, found)
    if mirror.repository is None:
        mirror.repository = _attachable(credential, found)
        changed.append("repository")
    elif changed:
        _rename(mirror.repository, found)
    mirror.last_synced_at = timezone.now()
    mirror.gone_at = None
    mirror.sync_error = ""
    if is_new:
        mirror.save(force_insert=True)
    else:
        always = ["last_synced_at", "gone_at", "sync_error", "updated_at"]
        mirror.save(update_fields=[*changed, *always])
    return mirror


def is_current(mirror: GitRepository, found: HostRepository) -> bool:
    """Whether a mirror says already what its host says, and nothing stands against it."""
    is_whole = mirror.repository_id is not None and mirror.gone_at is None and not mirror.sync_error
    return is_whole and not _changes(mirror, found)


@transaction.atomic
def note_gone(mirror: GitRepository, words: str) -> None:
    """The host does not know it any more, or does not show it to the credential."""
    GitRepository.objects.filter(pk=mirror.pk, gone_at=None).update(gone_at=timezone.now())
    GitRepository.objects.filter(pk=mirror.pk).update(
        sync_error=words[:1000], last_synced_at=timezone.now()
    )


@transaction.atomic
def note_names(mirror: GitRepository, event: TriggerEvent) -> None:
    """A delivery names its repository as it is called now: a rename shows here first."""
    name = event.repository_full_name
    if not name or name == mirror.full_name or event.repository_id != mirror.external_id:
        return
    if GitRepository.objects.filter(account_id=mirror.account_id, full_name=name).exists():
        # The next synchronisation sorts out who is who.
        GitRepository.objects.filter(pk=mirror.pk).update(last_synced_at=None)
        return
    owner, _, short = name.rpartition("/")
    mirror.full_name, mirror.owner, mirror.name = name[:500], owner[:255], short[:255]
    mirror.save(update_fields=["full_name", "owner", "name", "updated_at"])
    if mirror.repository_id:
        Repository.objects.filter(pk=mirror.repository_id).update(
            full_name=mirror.full_name, name=mirror.name
        )


def link_of(credential: GitProviderCredential) -> Provider:
    """The account's connection that pipelines see for a credential, made when there is none."""
    if credential.provider_link is not None:
        return credential.provider_link
    host = credential.provider
    link, _ = Provider.objects.get_or_create(
        account_id=credential.account_id, name=host.name[:120],
        defaults={
            "provider_type": host.provider_type, "base_url": effective_web_url(host),
            "created_by_id": credential.user_id,
        },
    )  # fmt: skip
    GitProviderCredential.objects.filter(pk=credential.pk).update(provider_link=link)
    credential.provider_link = link
    return link


def _apply(mirror: GitRepository, found: HostRepository) -> list[str]:
    """Take the host's facts over; returns the columns that changed."""
    changes = _changes(mirror, found)
    for name, value in changes.items():
        setattr(mirror, name, value)
    return list(changes)


def _changes(mirror: GitRepository, found: HostRepository) -> dict[str, Any]:
    """The host's facts that the mirror does not have, by column."""
    facts: dict[str, Any] = {
        "name": found.name[:255],
        "full_name": found.full_name[:500],
        "owner": found.owner[:255],
        "description": found.description[:10_000],
        "default_branch": (found.default_branch or "main")[:255],
        "clone_url": found.clone_url[:500],
        "ssh_url": found.ssh_url[:500],
        "web_url": found.web_url[:500],
        "is_private": found.is_private,
        "is_fork": found.is_fork,
        "is_archived": found.is_archived,
        "stars_count": max(0, found.stars_count),
        "forks_count": max(0, found.forks_count),
        "open_issues_count": max(0, found.open_issues_count),
        "topics": list(found.topics)[:100],
        "has_issues": found.has_issues,
        "has_pull_requests": found.has_pull_requests,
        "has_wiki": found.has_wiki,
        "provider_created_at": found.created_at,
        "provider_updated_at": found.updated_at,
        "last_commit_at": found.pushed_at or mirror.last_commit_at,
    }
    if found.language and found.language not in mirror.languages:
        facts["languages"] = {found.language: 100}
    return {name: value for name, value in facts.items() if getattr(mirror, name) != value}


def _free_name(mirror: GitRepository, full_name: str) -> None:
    """A name that another mirror still holds: after a swap of names that one is out of date."""
    holder = (
        GitRepository.objects.filter(account_id=mirror.account_id, full_name=full_name)
        .exclude(pk=mirror.pk)
        .first()
    )
    if holder is None:
        return
    if holder.credential_id != mirror.credential_id:
        raise Conflict(
            f"{full_name} is mirrored already, through another credential.",
            remedy="Remove that mirror first, or leave this one out.",
        )
    stale = f"{full_name[:400]}~{holder.external_id}"
    GitRepository.objects.filter(pk=holder.pk).update(full_name=stale, last_synced_at=None)
    if holder.repository_id:
        Repository.objects.filter(pk=holder.repository_id).update(full_name=stale)


def _attachable(credential: GitProviderCredential, found: HostRepository) -> Repository:
    """The repository for pipelines: one of that name that has no mirror, else a new one."""
    name = found.full_name[:500]
    same = Repository.objects.filter(account_id=credential.account_id, full_name=name)
    row = same.filter(mirror=None).first()
    if row is None and same.exists():
        raise Conflict(f"{name} is connected already, through another mirror.")
    if row is None:
        row = Repository(account_id=credential.account_id, full_name=name)
    row.provider = link_of(credential)
    row.external_id = found.id[:255]
    row.name = found.name[:255]
    _set_addresses(row, found)
    row.save()
    return row


def _rename(row: Repository, found: HostRepository) -> None:
    row.name, row.full_name = found.name[:255], found.full_name[:500]
    _set_addresses(row, found)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(f"Another repository is called {found.full_name} already.") from error


def _set_addresses(row: Repository, found: HostRepository) -> None:
    row.clone_url = found.clone_url[:500]
    row.web_url = found.web_url[:500]
    row.default_branch = (found.default_branch or "main")[:255]
