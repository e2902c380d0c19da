"""What a crash left in the blob store: bytes without a row, rows that nothing names."""

import itertools
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet, RestrictedError
from django.utils import timezone

from devops.ids import first_uuid7
from devops.models import Blob
from devops.storage import blobs

logger = logging.getLogger(__name__)

# Nobody needs this long between the bytes, their row, and the row that names it.
GRACE = timedelta(days=1)
_BATCH = 500


def remove_orphans() -> int:
    """Remove rows of blobs that nothing refers to, and stored bytes that have no row.

    Both are left by a process that died in the middle; what is younger than a day may still be
    on its way and stays.
    """
    return _remove_rows() + _remove_bytes()


def _remove_rows() -> int:
    removed, after = 0, uuid.UUID(int=0)
    while batch := list(_unnamed().filter(pk__gt=after).order_by("pk")[:_BATCH]):
        removed += sum(map(_remove_row, batch))
        after = batch[-1].pk
    return removed


def _unnamed() -> QuerySet[Blob]:
    """Old rows that no foreign key of any model refers to."""
    rows = Blob.objects.filter(pk__lt=first_uuid7(timezone.now() - GRACE))
    for relation in Blob._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and relation.one_to_many):
            continue
        model = relation.related_model
        naming = model._base_manager.filter(**{relation.field.attname: OuterRef("pk")})  # type: ignore[union-attr]
        rows = rows.filter(~Exists(naming))
    return rows


def _remove_row(blob: Blob) -> bool:
    """Whether it could go: a row that names it after all keeps it."""
    try:
        with transaction.atomic(durable=True):
            Blob.objects.filter(pk=blob.pk).delete()
    except (RestrictedError, IntegrityError):
        return False
    blobs.forget(blob)
    logger.info("removed blob %s, which nothing named", blob.pk)
    return True


def _remove_bytes() -> int:
    removed = 0
    backend = blobs.backend()
    for keys in _batches(backend.keys(older_than=timezone.now() - GRACE)):
        known = set(Blob.objects.filter(path__in=keys).values_list("path", flat=True))
        for key in set(keys) - known:
            backend.delete(key)
            logger.info("removed stored bytes %s, which had no row", key)
            removed += 1
    return removed


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(itertools.islice(keys, _BATCH)):
        yield batch
