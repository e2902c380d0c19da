"""Caches are found, kept once per key, and taken away by people, by age and by size."""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.models import Blob
from devops.storage import blobs
from pipelines.models import PipelineRun, StepCache

WRITE_CACHES = "devops.pipelines.write"
_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class CacheName:
    """Where a cache belongs and what it is called."""

    account_id: uuid.UUID
    scope: str
    paths: tuple[str, ...]
    key: str

    @property
    def paths_digest(self) -> str:
        """The same key with other paths is another cache."""
        return hashlib.sha256("\0".join(self.paths).encode()).hexdigest()


def scope_of(run: PipelineRun) -> str:
    """Runs of one repository share their caches; without one, those of one pipeline."""
    return (run.repository_id or run.pipeline_id).hex


def find_cache(name: CacheName, restore_keys: Sequence[str] = ()) -> StepCache | None:
    """The cache of the key, else the newest whose key begins with one of the others, in order."""
    rows = StepCache.objects.select_related("blob").filter(
        account_id=name.account_id, scope=name.scope, paths_digest=name.paths_digest
    )
    found = rows.filter(key=name.key).first()
    for beginning in restore_keys:
        found = found or rows.filter(key__startswith=beginning).order_by("-id").first()
    if found is not None:
        StepCache.objects.filter(pk=found.pk).update(last_used_at=timezone.now())
    return found


def has_cache(name: CacheName) -> bool:
    """Whether the key is taken."""
    return StepCache.objects.filter(
        scope=name.scope, paths_digest=name.paths_digest, key=name.key
    ).exists()


def keep_cache(name: CacheName, run: PipelineRun, blob: Blob, file_count: int) -> bool:
    """Name stored bytes; false, and the bytes are gone, when another run was first."""
    try:
        _insert(name, run, blob, file_count)
    except IntegrityError:
        blobs.delete(blob)
        return False
    return True


@transaction.atomic(durable=True)
def _insert(name: CacheName, run: PipelineRun, blob: Blob, file_count: int) -> None:
    StepCache.objects.create(
        account_id=name.account_id, pipeline_id=run.pipeline_id,
        repository_id=run.repository_id, scope=name.scope, paths=list(name.paths),
        paths_digest=name.paths_digest, key=name.key, blob=blob, size_bytes=blob.size_bytes,
        file_count=file_count, last_used_at=timezone.now(), made_by=run,
    )  # fmt: skip


def delete_cache(actor: Actor, cache: StepCache) -> None:
    """Take a cache away; the next run that asks for its key makes it anew."""
    _forget(_delete(actor, cache))


@transaction.atomic(durable=True)
def _delete(actor: Actor, cache: StepCache) -> list[Blob]:
    actor.require(WRITE_CACHES)
    gone = _remove_rows([cache.pk])
    audit.record(actor, "devops.cache.delete", cache, detail={"key": cache.key})
    return gone


def remove_old_caches() -> int:
    """Remove what was not used for long, and of each account what is beyond its size."""
    limit = timezone.now() - timedelta(days=settings.POWERNODE_CACHE_RETENTION_DAYS)
    old = StepCache.objects.filter(last_used_at__lt=limit).order_by("last_used_at")
    removed = _remove(list(old.values_list("pk", flat=True)[:_WINDOW]))
    return removed + _remove(_beyond_size())


def _beyond_size() -> list[uuid.UUID]:
    """The caches that were not used for the longest time, where an account has too many bytes."""
    kept: dict[uuid.UUID, int] = defaultdict(int)
    surplus = []
    rows = StepCache.objects.order_by("-last_used_at", "-id")
    for key, account_id, size in rows.values_list("pk", "account_id", "size_bytes").iterator():
        kept[account_id] += size
        if kept[account_id] > settings.POWERNODE_CACHE_TOTAL_BYTES:
            surplus.append(key)
    return surplus[:_WINDOW]


def _remove(keys: list[uuid.UUID]) -> int:
    if not keys:
        return 0
    _forget(_remove_all(keys))
    return len(keys)


@transaction.atomic(durable=True)
def _remove_all(keys: list[uuid.UUID]) -> list[Blob]:
    return _remove_rows(keys)


def _remove_rows(keys: list[uuid.UUID]) -> list[Blob]:
    """Delete rows with the rows of their blobs; the bytes go after the commit."""
    rows = list(StepCache.objects.select_for_update(of=("self",)).filter(pk__in=keys))
    gone = list(Blob.objects.filter(pk__in=[row.blob_id for row in rows]))
    StepCache.objects.filter(pk__in=[row.pk for row in rows]).delete()
    Blob.objects.filter(pk__in=[blob.pk for blob in gone]).delete()
    return gone


def _forget(gone: list[Blob]) -> None:
    for blob in gone:
        blobs.forget(blob)
