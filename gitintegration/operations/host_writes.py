"""What we tell the hosts: statuses and comments, written with their cause, sent until they stand.

A POST whose answer was lost may have been obeyed: before anything is repeated, the host is asked.
"""

import logging
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from devops.errors import DomainError
from gitintegration.choices import HostWriteKind, HostWriteStatus
from gitintegration.clients.errors import HostError, RefusedByHost
from gitintegration.clients.host import HostClient, every
from gitintegration.clients.shapes import Comment, CommitStatus
from gitintegration.jobs import HOST_WRITES
from gitintegration.models import GitRepository, HostWrite
from gitintegration.operations.connections import connected_to
from gitintegration.operations.credentials import note_next_try

logger = logging.getLogger(__name__)

_CLAIM = timedelta(seconds=90)
# Seconds before the second, third, … try; a host that is down for an hour loses nothing.
_PAUSES = (2, 10, 30, 60, 300, 900, 1800, 3600)
_READ_BACK = {"running": "pending", "cancelled": "failure", "error": "failure"}
# How each of our comments begins; whoever reads one knows that nobody wrote it.
COMMENT_MARK = "<!-- powernode:"
# Comments of a pull request that are looked through for one of ours.
_COMMENTS = 1000


@transaction.atomic
def want_status(
    repository_id: uuid.UUID | None, sha: str, status: CommitStatus, *, key: str
) -> HostWrite | None:
    """Have a commit's status set, in the caller's transaction; None when the key was used.

    Of several for one commit and context the newest counts. A repository without a host is told
    nothing.
    """
    mirror = _mirror_of(repository_id)
    if mirror is None:
        return None
    payload = {
        "sha": sha, "state": status.state, "context": status.context[:255],
        "description": status.description[:140], "target_url": status.target_url[:500],
    }  # fmt: skip
    target = f"status:{sha}:{status.context}"[:300]
    return _want(mirror, HostWriteKind.STATUS, target, payload, key)


@transaction.atomic
def want_comment(
    repository_id: uuid.UUID | None, number: int, marker: str, body: str, *, key: str
) -> HostWrite | None:
    """Have a comment stand on a pull request: the one with the marker is edited, or one made."""
    mirror = _mirror_of(repository_id)
    if mirror is None:
        return None
    payload = {"number": number, "marker": marker, "body": body[:60_000]}
    return _want(mirror, HostWriteKind.COMMENT, f"comment:{number}:{marker}"[:300], payload, key)


@transaction.atomic
def want_approval(
    mirror: GitRepository, run_id: str, *, approve: bool, key: str
) -> HostWrite | None:
    """Have a run of the host's own CI go on or be stopped, as a person answered."""
    payload = {"run_id": run_id, "approve": approve}
    return _want(mirror, HostWriteKind.APPROVAL, f"approval:{run_id}"[:300], payload, key)


def _mirror_of(repository_id: uuid.UUID | None) -> GitRepository | None:
    if repository_id is None:
        return None
    rows = GitRepository.objects.filter(repository_id=repository_id, gone_at=None)
    return rows.exclude(credential=None).first()


def _want(
    mirror: GitRepository, kind: str, target: str, payload: Mapping[str, Any], key: str
) -> HostWrite | None:
    if HostWrite.objects.filter(key=key).exists():
        return None
    _waiting(mirror.pk, target).exclude(claimed_until__gt=timezone.now()).update(
        status=HostWriteStatus.SUPERSEDED, next_attempt_at=None
    )
    write = HostWrite.objects.create(
        account_id=mirror.account_id, repository=mirror, kind=kind, target=target, key=key,
        payload=dict(payload), next_attempt_at=timezone.now(),
    )  # fmt: skip
    HOST_WRITES.send()
    return write


def _waiting(mirror_id: uuid.UUID, target: str) -> QuerySet[HostWrite]:
    """What is still to be said of a target; one of them may be on its way."""
    return HostWrite.objects.filter(
        repository_id=mirror_id, target=target, status=HostWriteStatus.PENDING
    )


def sweep_writes() -> int:
    """Wake the sending of what is due; returns for how many credentials something is."""
    waiting = len(credentials_due())
    if waiting:
        HOST_WRITES.send_now()
    return waiting


def credentials_due() -> list[uuid.UUID]:
    """The credentials through which something is to be said now; each goes its own way."""
    return list(_due().order_by().values_list("repository__credential_id", flat=True).distinct())


def send_host_writes(credential_id: uuid.UUID | None = None) -> int:
    """Send what is due, through one credential or all; returns how many the hosts have now.

    Safe to run beside itself.
    """
    due = _due()
    if credential_id is not None:
        due = due.filter(repository__credential=credential_id)
    keys = list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:50])
    return sum(_send(key) for key in keys)


def _due() -> QuerySet[HostWrite]:
    return HostWrite.objects.filter(
        status=HostWriteStatus.PENDING, next_attempt_at__lte=timezone.now()
    ).exclude(repository__credential=None)


def _send(key: uuid.UUID) -> bool:
    write = _claim(key)
    if write is None:
        return False
    try:
        with connected_to(write.repository) as client:
            _make(client, write)
    except (HostError, DomainError) as error:
        _record_failure(write, error)
        return False
    _record_success(write)
    return True


def _make(client: HostClient, write: HostWrite) -> None:
    name, payload = write.repository.full_name, write.payload
    if write.kind == HostWriteKind.COMMENT:
        upsert_comment(client, name, payload["number"], payload["marker"], payload["body"])
        return
    if write.kind == HostWriteKind.APPROVAL:
        _answer(client, name, payload["run_id"], approve=payload["approve"])
        return
    wanted = CommitStatus(
        payload["context"], payload["state"], payload["description"], payload["target_url"]
    )
    # The first try asks nobody; a repeated one may have been heard.
    if write.attempts > 1 and stands(client, name, payload["sha"], wanted):
        return
    client.create_status(name, payload["sha"], wanted)


def _answer(client: HostClient, repository: str, run_id: str, *, approve: bool) -> None:
    """Approve a run that still waits, or stop one that has not ended."""
    if not approve:
        try:
            client.cancel_workflow_run(repository, run_id)
        except RefusedByHost:
            # What waits at GitHub counts as ended: it stays where it is, which was wanted.
            logger.info("run %s of %s had nothing to stop", run_id, repository)
    elif client.get_workflow_run(repository, run_id).conclusion == "action_required":
        client.approve_workflow_run(repository, run_id)


def stands(client: HostClient, repository: str, sha: str, wanted: CommitStatus) -> bool:
    """Whether the newest status of that context says what we want to say."""
    found = [
        each for each in client.list_statuses(repository, sha) if each.context == wanted.context
    ]
    if not found:
        return False
    return _told(found[0]) == _told(wanted)


def _told(status: CommitStatus) -> tuple[str, str, str]:
    """What of a status every host gives back: some have no word for running or cancelled."""
    state = _READ_BACK.get(status.state, status.state)
    return state, status.description.strip(), status.target_url


def find_marked(client: HostClient, repository: str, number: int, marker: str) -> Comment | None:
    """Our comment with a marker."""
    wanted = mark(marker)
    pages = every(lambda page: client.list_comments(repository, number, page), _COMMENTS)
    return next((each for each in pages if each.body.lstrip().startswith(wanted)), None)


def upsert_comment(
    client: HostClient, repository: str, number: int, marker: str, body: str
) -> Comment:
    """Edit the comment that carries the marker, or make it."""
    text = f"{mark(marker)}\n{body}"
    known = find_marked(client, repository, number, marker)
    if known is None:
        return client.create_comment(repository, number, text)
    if known.body.strip() == text.strip():
        return known
    return client.update_comment(repository, number, known.id, text)


def mark(marker: str) -> str:
    """The hidden first line by which we find our comment again."""
    return f"{COMMENT_MARK}{marker} -->"


@transaction.atomic(durable=True)
def _claim(key: uuid.UUID) -> HostWrite | None:
    """Take one; None when somebody has it, or an older one of its target is on its way."""
    now = timezone.now()
    on_its_way = HostWrite.objects.filter(
        repository=OuterRef("repository"), target=OuterRef("target"),
        status=HostWriteStatus.PENDING, claimed_until__gt=now,
    ).exclude(pk=OuterRef("pk"))  # fmt: skip
    due = HostWrite.objects.filter(pk=key, status=HostWriteStatus.PENDING, next_attempt_at__lte=now)
    mine = due.filter(~Exists(on_its_way)).update(
        next_attempt_at=now + _CLAIM, claimed_until=now + _CLAIM, attempts=F("attempts") + 1
    )
    if not mine:
        return None
    return HostWrite.objects.select_related("repository__credential__provider").get(pk=key)


@transaction.atomic(durable=True)
def _record_success(write: HostWrite) -> None:
    HostWrite.objects.filter(pk=write.pk).update(
        status=HostWriteStatus.SENT, sent_at=timezone.now(), next_attempt_at=None,
        claimed_until=None, last_error="",
    )  # fmt: skip
    _let_newer_go(write)


def _let_newer_go(write: HostWrite) -> bool:
    """Wake what waited for this one; false when nothing newer of its target does."""
    newer = _waiting(write.repository_id, write.target).filter(pk__gt=write.pk).exists()
    if newer:
        HOST_WRITES.send()
    return newer


@transaction.atomic(durable=True)
def _record_failure(write: HostWrite, error: Exception) -> None:
    is_transient = getattr(error, "is_transient", False)
    is_final = not is_transient or write.attempts > len(_PAUSES)
    again = None
    if not is_final:
        again = getattr(error, "retry_at", None) or (
            timezone.now() + timedelta(seconds=_PAUSES[write.attempts - 1])
        )
    else:
        logger.warning("%s of %s given up: %s", write, write.repository, error)
    status = HostWriteStatus.FAILED if is_final else HostWriteStatus.PENDING
    if _let_newer_go(write) and not is_final:
        status, again = HostWriteStatus.SUPERSEDED, None
    if write.repository.credential is not None:
        note_next_try(write.repository.credential, again)
    HostWrite.objects.filter(pk=write.pk, status=HostWriteStatus.PENDING).update(
        status=status, next_attempt_at=again, claimed_until=None, last_error=str(error)[:1000]
    )
