"""Flaky tests are put aside by a person, with a reason, until somebody or the clock ends it."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor, system_actor
from devops.errors import Conflict, Invalid
from pipelines.filters import holding
from pipelines.models import KnownTest, TestQuarantine
from pipelines.operations.definitions import WRITE

LONGEST_DAYS = 366
REASON_MAX = 500
_EXPIRED = "its end date"


class NotQuarantined(Conflict):
    """The test is not in quarantine."""

    code = "not-quarantined"
    title = "The test is not in quarantine"


class AlreadyQuarantined(Conflict):
    """The test is in quarantine."""

    code = "already-quarantined"
    title = "The test is in quarantine already"


def quarantined_keys(pipeline_id: uuid.UUID) -> frozenset[str]:
    """The keys of a pipeline's tests whose failure fails no step now."""
    rows = TestQuarantine.objects.filter(holding(), pipeline_id=pipeline_id)
    return frozenset(rows.values_list("test__key", flat=True))


@transaction.atomic(durable=True)
def quarantine_test(
    actor: Actor, test: KnownTest, *, reason: str, expires_at: datetime | None = None
) -> TestQuarantine:
    """From now on a failure of the test is shown and counted, but fails no step.

    Raises:
        Invalid: no reason, or an end that is past or more than a year away.
        AlreadyQuarantined: it is aside already.
    """
    actor.require(WRITE)
    words = reason.strip()
    if not words or len(words) > REASON_MAX:
        raise Invalid.field(
            "/reason", f"A reason has 1 to {REASON_MAX} characters.", code="invalid-reason",
            remedy="Say why the test is put aside, best with the address of an issue.",
        )  # fmt: skip
    now = timezone.now()
    if expires_at is not None and not now < expires_at <= now + timedelta(days=LONGEST_DAYS):
        raise Invalid.field(
            "/expires_at", f"The end lies in the future, at most {LONGEST_DAYS} days away.",
            code="invalid-end", remedy="Choose a later date, or leave it out.",
        )  # fmt: skip
    locked = KnownTest.objects.select_for_update().get(pk=test.pk)
    present = TestQuarantine.objects.filter(test=locked, ended_at=None).first()
    if present is not None:
        if present.expires_at is None or present.expires_at > now:
            raise AlreadyQuarantined(
                f"{locked.name} was put into quarantine by {present.begun_by}: {present.reason}",
                remedy="Release it first, to give another reason or end.",
            )
        _expire(present)
    row = TestQuarantine.objects.create(
        account_id=actor.account_id, pipeline_id=locked.pipeline_id, test=locked, reason=words,
        begun_by=actor.label[:200], expires_at=expires_at,
    )  # fmt: skip
    detail = {
        "pipeline": str(locked.pipeline_id), "suite": locked.suite, "reason": words,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }  # fmt: skip
    audit.record(actor, "devops.test.quarantine", locked, detail=detail)
    return row


@transaction.atomic(durable=True)
def release_test(actor: Actor, test: KnownTest) -> None:
    """End a quarantine: a failure of the test fails its step again.

    Raises:
        NotQuarantined: there is none, or its end date has passed.
    """
    actor.require(WRITE)
    rows = TestQuarantine.objects.select_for_update().filter(holding(), test_id=test.pk)
    present = rows.first()
    if present is None:
        raise NotQuarantined(
            f"{test.name} is not in quarantine.", remedy="Nothing is left to be done."
        )
    present.ended_at, present.ended_by = timezone.now(), actor.label[:200]
    present.save(update_fields=["ended_at", "ended_by", "updated_at"])
    audit.record(actor, "devops.test.release", test, detail={"pipeline": str(test.pipeline_id)})


def end_expired_quarantines() -> int:
    """Note the end of quarantines whose date has passed; they held no longer already."""
    due = TestQuarantine.objects.filter(ended_at=None, expires_at__lte=timezone.now())
    return sum(_end_expired(key) for key in due.values_list("pk", flat=True)[:200])


@transaction.atomic(durable=True)
def _end_expired(key: uuid.UUID) -> bool:
    rows = TestQuarantine.objects.select_for_update(of=("self",)).select_related("test")
    row = rows.filter(pk=key, ended_at=None, expires_at__lte=timezone.now()).first()
    if row is not None:
        _expire(row)
    return row is not None


def _expire(row: TestQuarantine) -> None:
    row.ended_at, row.ended_by = row.expires_at, _EXPIRED
    row.save(update_fields=["ended_at", "ended_by", "updated_at"])
    detail = {"pipeline": str(row.pipeline_id), "by": _EXPIRED}
    audit.record(system_actor(row.account_id), "devops.test.release", row.test, detail=detail)
