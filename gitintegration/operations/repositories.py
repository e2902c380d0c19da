"""Repositories are connected, changed and disconnected; missed pushes are looked for."""

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, RestrictedError
from django.utils import timezone

from devops import audit
from devops.access import Actor, is_operator
from devops.errors import Conflict, InUse, Invalid
from devops.models import Provider, Repository
from gitintegration.choices import Dialect, WebhookEventStatus
from gitintegration.clients.git.program import (
    GitFailedError,
    GitRefusedError,
    allowed_protocols,
    check_ref,
)
from gitintegration.clients.git.repository import list_heads
from gitintegration.jobs import PROCESS_DELIVERY
from gitintegration.models import GitWebhookEvent, WebhookEndpoint
from gitintegration.operations.git_access import git_auth

logger = logging.getLogger(__name__)

WRITE = "devops.repositories.write"
SYNC = "git.repositories.sync"
CHANGEABLE = (
    "name",
    "full_name",
    "clone_url",
    "web_url",
    "default_branch",
    "is_active",
    "settings",
)
_ZERO = "0" * 40
# Repositories that a round looks at, and the seconds that one silent server may cost it.
_ROUND = 500
_PATIENCE_SECONDS = 20.0
# What the dialects call a push.
_PUSHES = ("push", "tag_push", "repo:push")


@transaction.atomic(durable=True)
def create_repository(
    actor: Actor,
    *,
    full_name: str,
    clone_url: str,
    name: str = "",
    default_branch: str = "main",
    web_url: str = "",
    provider: Provider | None = None,
) -> Repository:
    """Enter a repository by its clone URL.

    Raises:
        Invalid: the URL or the branch is not one that we hand to git.
        Conflict: the account has a repository of that name.
    """
    actor.require(WRITE)
    _check(actor, clone_url, default_branch)
    repository = Repository(
        account_id=actor.account_id, provider=provider, name=name or full_name.rsplit("/", 1)[-1],
        full_name=full_name, clone_url=clone_url, default_branch=default_branch, web_url=web_url,
    )  # fmt: skip
    _save(repository)
    audit.record(actor, "devops.repository.create", repository)
    return repository


@transaction.atomic(durable=True)
def update_repository(
    actor: Actor, repository: Repository, changes: Mapping[str, Any]
) -> Repository:
    """Change what is known of a repository.

    Raises:
        Invalid: the URL or the branch is not one that we hand to git.
        Conflict: the new name is taken.
    """
    actor.require(WRITE)
    for name in CHANGEABLE:
        if name in changes:
            setattr(repository, name, changes[name])
    _check(actor, repository.clone_url, repository.default_branch)
    _save(repository)
    audit.record(actor, "devops.repository.update", repository, detail={"fields": sorted(changes)})
    return repository


@transaction.atomic(durable=True)
def delete_repository(actor: Actor, repository: Repository) -> None:
    """Forget a repository and its webhook address; runs keep what they did.

    Raises:
        InUse: pipelines are attached; they would never start again.
    """
    actor.require(WRITE)
    audit.record(actor, "devops.repository.delete", repository)
    try:
        with transaction.atomic():
            repository.delete()
    except RestrictedError as error:
        raise InUse(
            f"{repository} is still used by {len(error.restricted_objects)} pipeline link(s).",
            remedy="Detach its pipelines, or delete those that it defines, then try again.",
        ) from error


def sync_repository(actor: Actor, repository: Repository) -> int:
    """Look for pushes that no delivery announced, and start what they start; returns how many.

    Raises:
        Conflict: the repository cannot be read; its words are in the message.
    """
    actor.require(SYNC)
    try:
        return find_missed_pushes(repository)
    except (GitFailedError, GitRefusedError) as error:
        raise Conflict(
            f"{repository} could not be read: {error}",
            remedy="Check the clone URL and that this server may read it.",
        ) from error


def find_missed_pushes(repository: Repository) -> int:
    """Compare the heads with what was announced; the first look takes the default branch alone.

    Raises:
        GitFailedError: the repository does not answer.
        GitRefusedError: its URL is not allowed any more.
    """
    heads = list_heads(repository.clone_url, git_auth(repository.pk))
    return _enter_missed(repository, heads)


def reconcile(limit: int = _ROUND, patience: float = _PATIENCE_SECONDS) -> int:
    """Look for missed pushes of the repositories with a webhook that were looked at longest ago.

    Each look is a process of git, so a round has an end however many there are. A server whose
    failures have cost more seconds than the patience is left alone until the next round: its
    silence must not keep the others' pushes waiting.
    """
    found = 0
    lost: dict[str, float] = {}
    endpoints = WebhookEndpoint.objects.filter(is_active=True, repository__is_active=True)
    oldest_first = F("heads_checked_at").asc(nulls_first=True)
    chosen = list(endpoints.select_related("repository").order_by(oldest_first, "id")[:limit])
    for endpoint in chosen:
        server = urlsplit(endpoint.repository.clone_url).netloc
        if lost.get(server, 0.0) > patience:
            continue
        began = time.monotonic()
        try:
            found += find_missed_pushes(endpoint.repository)
        except GitRefusedError as error:
            logger.warning("%s could not be reconciled: %s", endpoint.repository, error)
        except GitFailedError as error:
            lost[server] = lost.get(server, 0.0) + time.monotonic() - began
            logger.warning("%s could not be reconciled: %s", endpoint.repository, error)
    looked_at = [endpoint.pk for endpoint in chosen]
    endpoints.filter(pk__in=looked_at).update(heads_checked_at=timezone.now())
    return found


@transaction.atomic(durable=True)
def _enter_missed(repository: Repository, heads: Mapping[str, str]) -> int:
    known = _pushes_of(repository)
    is_first = not known.exists()
    entered = 0
    for branch, sha in heads.items():
        ref = f"refs/heads/{branch}"
        if is_first and branch != repository.default_branch:
            continue
        if known.filter(ref=ref, sha=sha).exists():
            continue
        before = known.filter(ref=ref).order_by("-id").values_list("sha", flat=True).first()
        entered += _enter(repository, ref, before or _ZERO, sha)
    Repository.objects.filter(pk=repository.pk).update(last_synced_at=timezone.now())
    return entered


@transaction.atomic(durable=True)
def remember_heads(repository: Repository, heads: Mapping[str, str]) -> int:
    """Note where the branches stood when a webhook was set up: only what moves starts anything."""
    known = set(
        _pushes_of(repository)
        .filter(ref__startswith="refs/heads/")
        .values_list("ref", flat=True)
        .distinct()
    )
    endpoint = WebhookEndpoint.objects.filter(repository=repository).first()
    rows = []
    for branch, sha in heads.items():
        ref = f"refs/heads/{branch}"[:300]
        if ref in known:
            continue
        key = f"head-{uuid.uuid5(repository.pk, f'{ref}:{sha}')}"
        rows.append(
            GitWebhookEvent(
                account_id=repository.account_id, endpoint=endpoint, repository=repository,
                dialect=Dialect.GIT, event_type="push", delivery_id=key, body_digest=key, ref=ref,
                sha=sha, status=WebhookEventStatus.IGNORED, is_reconciled=True,
                result="The branch stood here when the webhook was set up.",
            )
        )  # fmt: skip
    GitWebhookEvent.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _pushes_of(repository: Repository) -> QuerySet[GitWebhookEvent]:
    """The pushes that are known; other deliveries name branches too, and build none."""
    return GitWebhookEvent.objects.filter(repository=repository, event_type__in=_PUSHES)


def _enter(repository: Repository, ref: str, before: str, sha: str) -> int:
    """Store the push as if it had been delivered."""
    key = str(uuid.uuid5(repository.pk, f"{ref}:{before}:{sha}"))
    payload = {"event": "push", "ref": ref, "before": before, "after": sha, "commits": []}
    endpoint = WebhookEndpoint.objects.filter(repository=repository).first()
    event = GitWebhookEvent(
        account_id=repository.account_id, endpoint=endpoint, repository=repository,
        dialect=Dialect.GIT, event_type="push", delivery_id=f"reconciled-{key}",
        body_digest=f"reconciled-{key}", payload=payload, ref=ref, sha=sha,
        is_reconciled=True, next_attempt_at=timezone.now(),
    )  # fmt: skip
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError:
        return 0
    PROCESS_DELIVERY.send(event_id=str(event.pk))
    return 1


def _check(actor: Actor, clone_url: str, default_branch: str) -> None:
    try:
        protocol = allowed_protocols(clone_url)
    except GitRefusedError as error:
        raise Invalid.field("/clone_url", str(error)) from error
    if protocol == "file" and not is_operator(actor):
        # The local roots hold repositories of every account; an account could name another's.
        raise Invalid.field("/clone_url", "Only an operator may connect a path of this server.")
    try:
        check_ref(default_branch)
    except GitRefusedError as error:
        raise Invalid.field("/default_branch", str(error)) from error


def _save(repository: Repository) -> None:
    try:
        with transaction.atomic():
            repository.save()
    except IntegrityError as error:
        raise Conflict(
            f"The account has a repository {repository.full_name!r} already.",
            remedy="Choose another name.",
        ) from error
