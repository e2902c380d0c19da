"""Repositories are imported and synchronised, many at a time, by a worker that may die."""

import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, DomainError, Invalid
from gitintegration.choices import SyncKind, SyncStatus
from gitintegration.clients.errors import (
    HostError,
    NotFoundOnHost,
    NotSupported,
    RefusedByHost,
)
from gitintegration.clients.host import HostClient, every
from gitintegration.clients.shapes import HostRepository
from gitintegration.jobs import RUN_SYNC
from gitintegration.models import GitProviderCredential, GitRepository, GitSync
from gitintegration.operations.activity import weekly_commits
from gitintegration.operations.connections import connected
from gitintegration.operations.credentials import note_next_try
from gitintegration.operations.mirrors import is_current, note_gone, take_over
from gitintegration.states import sync_states

logger = logging.getLogger(__name__)

SYNC = "git.repositories.sync"
MAX_IMPORT = 10_000
_MAX_ERRORS = 1000
# Up to so many are asked for one by one; more are picked from the pages of the whole list.
_ONE_BY_ONE = 20
_BATCH = 50
# A worker that took a sync and died is replaced after this.
_CLAIM = timedelta(seconds=60)
_TRIES = 5
_PROGRESS = ("status", "imported_count", "done_count", "error_count", "error_message")


class QuotaExceeded(Conflict):
    """The account may not mirror that many repositories."""

    code = "quota-exceeded"
    title = "The account's quota of repositories is used up"


def usage(account_id: uuid.UUID) -> dict[str, int]:
    """How many mirrors the account has, may have, and has left."""
    limit = settings.POWERNODE_REPOSITORY_LIMIT
    current = GitRepository.objects.filter(account_id=account_id).count()
    return {"current": current, "limit": limit, "available": max(0, limit - current)}


@transaction.atomic(durable=True)
def request_import(
    actor: Actor,
    credential: GitProviderCredential,
    external_ids: Sequence[str],
    *,
    include_forks: bool = False,
    include_archived: bool = False,
) -> GitSync:
    """Have repositories imported in the background.

    Raises:
        Invalid: none or too many are named.
        QuotaExceeded: more new ones than the account has room for.
    """
    actor.require(SYNC)
    wanted = list(dict.fromkeys(external_ids))
    if not 0 < len(wanted) <= MAX_IMPORT:
        raise Invalid.field("/external_ids", f"Name 1 to {MAX_IMPORT} repositories.")
    known = GitRepository.objects.filter(credential=credential, external_id__in=wanted).count()
    room = usage(actor.account_id)
    if len(wanted) - known > room["available"]:
        raise QuotaExceeded(
            f"{len(wanted) - known} new repositories do not fit: {room['current']} of "
            f"{room['limit']} are used.",
            remedy="Remove mirrors that nobody needs, or have POWERNODE_REPOSITORY_LIMIT raised.",
        )
    sync = GitSync(
        account_id=actor.account_id, credential=credential, requested_by_id=actor.user_id,
        kind=SyncKind.IMPORT, external_ids=wanted, total=len(wanted),
        include_forks=include_forks, include_archived=include_archived,
    )  # fmt: skip
    return _request(actor, sync, "git.repositories.import")


@transaction.atomic(durable=True)
def request_sync(actor: Actor, credential: GitProviderCredential) -> GitSync:
    """Have every mirror of a credential brought up to date; a waiting one is not doubled."""
    actor.require(SYNC)
    waiting = GitSync.objects.filter(
        credential=credential, kind=SyncKind.SYNC, status=SyncStatus.PENDING
    ).first()
    if waiting is not None:
        return waiting
    sync = GitSync(
        account_id=actor.account_id, credential=credential, requested_by_id=actor.user_id,
        kind=SyncKind.SYNC, total=GitRepository.objects.filter(credential=credential).count(),
    )  # fmt: skip
    return _request(actor, sync, "git.repositories.sync")


def _request(actor: Actor, sync: GitSync, action: str) -> GitSync:
    sync.next_attempt_at = timezone.now()
    sync.save(force_insert=True)
    sync_states.tell(sync)
    RUN_SYNC.send(sync_id=str(sync.pk))
    audit.record(actor, action, sync.credential)
    return sync


def run_sync(sync_id: str) -> None:
    """Take a sync on from where it stands to its end; safe to run beside itself."""
    sync = _claim(sync_id)
    if sync is None:
        return
    work = _Import(sync) if sync.kind == SyncKind.IMPORT else _Refresh(sync)
    try:
        with connected(sync.credential) as client:
            work.run(client)
    except HostError as error:
        if error.is_transient and sync.attempts < _TRIES:
            _again(sync, error)
        else:
            _end(sync, SyncStatus.FAILED, str(error))
    except DomainError as error:
        _end(sync, SyncStatus.FAILED, str(error))
    else:
        _end(sync, SyncStatus.COMPLETED, "")


def sweep_syncs() -> int:
    """Wake the syncs whose worker died or whose host was away; returns how many."""
    due = GitSync.objects.filter(
        status__in=[SyncStatus.PENDING, SyncStatus.RUNNING], next_attempt_at__lt=timezone.now()
    )
    keys = list(due.values_list("pk", flat=True)[:50])
    for key in keys:
        RUN_SYNC.send_now(sync_id=str(key))
    return len(keys)


def sync_mirror(mirror: GitRepository) -> GitRepository:
    """Bring one mirror up to date at once.

    Raises:
        HostError: the host does not answer; a mirror that is gone is noted as such.
    """
    if mirror.credential is None:
        raise Conflict(f"{mirror} has no credential.")
    with connected(mirror.credential) as client:
        try:
            found = client.get_repository_by_id(mirror.external_id)
        except NotFoundOnHost as error:
            note_gone(mirror, str(error))
            raise
        try:
            languages = dict(client.languages(found.full_name))
        except NotSupported:
            languages = {}
        try:
            weeks, newest = weekly_commits(client, found.full_name, found.default_branch)
        except (NotFoundOnHost, RefusedByHost):
            # A repository without a commit has no branch to count on.
            weeks, newest = [], None
    fresh = take_over(mirror.credential, found)
    _keep_details(fresh, languages, weeks, newest)
    return fresh


@transaction.atomic(durable=True)
def _keep_details(
    mirror: GitRepository, languages: dict[str, int], weeks: list[int], newest: datetime | None
) -> None:
    """What costs calls of its own, so that only the synchronisation of one mirror fetches it."""
    activity = {"weeks": weeks, "as_of": timezone.now().isoformat()}
    changes: dict[str, Any] = {"metadata": {**mirror.metadata, "activity": activity}}
    if languages:
        changes["languages"] = languages
    if newest is not None:
        changes["last_commit_at"] = newest
    GitRepository.objects.filter(pk=mirror.pk).update(**changes)
    mirror.refresh_from_db()


class _Work(ABC):
    """What imports and refreshes share: batches that are committed, and a renewed claim."""

    def __init__(self, sync: GitSync) -> None:
        self.sync = sync
        self.mirrors = GitRepository.objects.filter(credential=sync.credential)
        self.errors: list[dict[str, str]] = list(sync.errors)
        self.error_count = sync.error_count
        self.imported = self.done = 0
        self._stored_errors = len(self.errors)

    @abstractmethod
    def run(self, client: HostClient) -> None:
        """Take everything over that is not settled yet; safe to begin anew after a death."""

    def settled(self, wanted: Iterable[str]) -> set[str]:
        """Which of the ids were brought up to date or refused since the request; counts them."""
        since = self.mirrors.filter(last_synced_at__gte=self.sync.created_at)
        fresh = set(since.values_list("external_id", flat=True)).intersection(wanted)
        refused = {error["external_id"] for error in self.errors}
        self.imported = len(fresh - refused)
        self.done = self.imported + self.error_count
        return fresh | refused

    def take(self, found: Iterable[HostRepository]) -> None:
        """Take repositories over in batches, each with the progress in one transaction."""
        batch: list[HostRepository] = []
        try:
            for each in found:
                batch.append(each)
                if len(batch) == _BATCH:
                    self._commit(batch)
                    batch = []
        except HostError:
            self._commit(batch)
            raise
        self._commit(batch)

    def refuse(self, external_id: str, words: str) -> None:
        """Note what went wrong with one of them."""
        self.error_count += 1
        self.done += 1
        if len(self.errors) < _MAX_ERRORS:
            self.errors.append({"external_id": external_id, "error": words[:300]})

    @transaction.atomic(durable=True)
    def _commit(self, batch: Sequence[HostRepository]) -> None:
        names = [each.id for each in batch]
        rows = self.mirrors.filter(external_id__in=names)
        known = {mirror.external_id: mirror for mirror in rows}
        room = self._room([name for name in names if name not in known])
        current = []
        for each in batch:
            mirror = known.get(each.id)
            if mirror is not None and is_current(mirror, each):
                current.append(mirror.pk)
                self._count()
            else:
                self._take_one(each, has_room=room.get(each.id, True))
        self.mirrors.filter(pk__in=current).update(last_synced_at=timezone.now())
        self._store_progress()

    def _take_one(self, each: HostRepository, *, has_room: bool) -> None:
        try:
            with transaction.atomic():
                if not has_room:
                    raise QuotaExceeded("The account's quota of repositories is used up.")
                take_over(self.sync.credential, each)
        except DomainError as error:
            self.refuse(each.id, str(error))
        else:
            self._count()

    def _count(self) -> None:
        self.imported += 1
        self.done += 1

    def _store_progress(self) -> None:
        changes: dict[str, Any] = {
            "imported_count": self.imported, "done_count": self.done,
            "error_count": self.error_count, "next_attempt_at": timezone.now() + _CLAIM,
        }  # fmt: skip
        # A list of a thousand is not written anew with every batch.
        if len(self.errors) != self._stored_errors:
            changes["errors"] = self.errors
            self._stored_errors = len(self.errors)
        GitSync.objects.filter(pk=self.sync.pk).update(**changes, version=F("version") + 1)
        self.sync.refresh_from_db(fields=[*_PROGRESS, "version"])
        sync_states.tell(self.sync)

    def _room(self, fresh: Sequence[str]) -> dict[str, bool]:
        """Whether each new one has room; several imports may have been let in side by side."""
        left = usage(self.sync.account_id)["available"] if fresh else 0
        return {name: number < left for number, name in enumerate(fresh)}


class _Import(_Work):
    """The named repositories; those that are mirrored since a death are not fetched again."""

    def run(self, client: HostClient) -> None:
        settled = self.settled(self.sync.external_ids)
        wanted = [each for each in self.sync.external_ids if each not in settled]
        self.take(self._accepted(self._found(client, wanted)))

    def _found(self, client: HostClient, wanted: list[str]) -> Iterator[HostRepository]:
        left = dict.fromkeys(wanted)
        if len(wanted) > _ONE_BY_ONE:
            for each in every(client.list_repositories):
                if each.id in left:
                    del left[each.id]
                    yield each
                if not left:
                    return
        for external_id in list(left):
            try:
                yield client.get_repository_by_id(external_id)
            except NotFoundOnHost as error:
                self.refuse(external_id, str(error))

    def _accepted(self, found: Iterable[HostRepository]) -> Iterator[HostRepository]:
        for each in found:
            if each.is_archived and not self.sync.include_archived:
                self.refuse(each.id, f"{each.full_name} is archived; include archived ones.")
            elif each.is_fork and not self.sync.include_forks:
                self.refuse(each.id, f"{each.full_name} is a fork; include forks.")
            else:
                yield each


class _Refresh(_Work):
    """Every mirror of the credential: changed, renamed, moved, or gone."""

    def run(self, client: HostClient) -> None:
        known = set(self.mirrors.values_list("external_id", flat=True))
        seen = self.settled(known)

        def of_ours() -> Iterator[HostRepository]:
            for each in every(client.list_repositories):
                if each.id in known and each.id not in seen:
                    seen.add(each.id)
                    yield each

        self.take(of_ours())
        self.take(self._unlisted(client, [key for key in known if key not in seen]))

    def _unlisted(self, client: HostClient, missing: list[str]) -> Iterator[HostRepository]:
        """Those that the list does not have may still be there, out of the user's own list."""
        for external_id in missing:
            try:
                yield client.get_repository_by_id(external_id)
            except NotFoundOnHost as error:
                mirror = self.mirrors.get(external_id=external_id)
                note_gone(mirror, str(error))
                self.refuse(external_id, f"{mirror.full_name} is gone: {error}")


@transaction.atomic(durable=True)
def _claim(sync_id: str) -> GitSync | None:
    now = timezone.now()
    rows = GitSync.objects.filter(pk=sync_id, next_attempt_at__lte=now)
    mine = rows.filter(Q(status=SyncStatus.PENDING) | Q(status=SyncStatus.RUNNING)).update(
        next_attempt_at=now + _CLAIM, attempts=F("attempts") + 1
    )
    if not mine:
        return None
    sync = GitSync.objects.select_related("credential__provider").get(pk=sync_id)
    if sync.status == SyncStatus.PENDING:
        sync_states.transition(sync, SyncStatus.RUNNING)
    return sync


@transaction.atomic(durable=True)
def _again(sync: GitSync, error: HostError) -> None:
    """Leave it due later: the host said when, or the pauses grow."""
    pause = timedelta(seconds=min(300, 10 * 2**sync.attempts))
    retry_at = getattr(error, "retry_at", None) or timezone.now() + pause
    note_next_try(sync.credential, retry_at)
    GitSync.objects.filter(pk=sync.pk).update(
        next_attempt_at=retry_at,
        error_message=f"{error} Next try at {retry_at:%H:%M:%S} UTC."[:1000],
    )


@transaction.atomic(durable=True)
def _end(sync: GitSync, status: str, words: str) -> None:
    sync.refresh_from_db()
    changes: dict[str, Any] = {"completed_at": timezone.now(), "next_attempt_at": None}
    sync_states.transition(sync, status, error_message=words[:1000], **changes)
