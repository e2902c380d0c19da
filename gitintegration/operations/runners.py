"""Runners of the hosts' own CI: listed, labelled, registered, removed, and given work."""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import Conflict, DomainError, Invalid
from gitintegration.choices import RunnerScope, RunnerStatus
from gitintegration.clients.errors import Forbidden, HostError, NotFoundOnHost, NotSupported
from gitintegration.clients.host import HostClient
from gitintegration.clients.shapes import HostRunner, RunnerToken, Scope, ScopeKind
from gitintegration.models import (
    GitProviderCredential,
    GitRepository,
    GitRunner,
)
from gitintegration.operations.connections import connected

logger = logging.getLogger(__name__)

READ, MANAGE, TOKEN = "git.runners.read", "git.runners.manage", "git.runners.token"
# A runner that no synchronisation saw for so long counts as offline.
STALE = timedelta(minutes=5)
SYNC_EVERY = timedelta(minutes=2)
MAX_LABELS = 50


def sync_runners(
    actor: Actor,
    credential: GitProviderCredential | None = None,
    mirror: GitRepository | None = None,
) -> tuple[int, list[str]]:
    """Fetch runners of one repository, one credential or all; how many, and what went wrong."""
    actor.require(READ)
    if mirror is not None:
        if mirror.credential is None:
            raise Conflict(f"{mirror} has no credential.")
        return _sync(mirror.credential, [Scope("repository", mirror.full_name)])
    rows = GitProviderCredential.objects.filter(account_id=actor.account_id, is_active=True)
    chosen = [credential] if credential is not None else list(rows.select_related("provider"))
    count, problems = 0, []
    for each in chosen:
        found, words = _sync(each, scopes_of(each))
        count += found
        problems += words
    return count, problems


def sync_due_runners() -> int:
    """Fetch the runners of every credential that has some, well within the staleness limit."""
    now = timezone.now()
    rows = GitProviderCredential.objects.filter(
        is_active=True, runners__isnull=False, runners__last_seen_at__lt=now - SYNC_EVERY
    ).distinct()
    count = 0
    for credential in rows.select_related("provider")[:20]:
        count += _sync(credential, scopes_of(credential))[0]
    return count


def scopes_of(credential: GitProviderCredential) -> list[Scope]:
    """Everywhere a credential may see runners: the instance, its organizations, its mirrors."""
    mirrors = GitRepository.objects.filter(credential=credential, gone_at=None, is_active=True)
    names = list(mirrors.order_by("full_name").values_list("full_name", "owner")[:500])
    owners = sorted({owner for _, owner in names if owner != credential.external_username})
    return [
        Scope("enterprise"),
        *(Scope("organization", owner) for owner in owners),
        *(Scope("repository", name) for name, _ in names),
    ]


def _sync(credential: GitProviderCredential, scopes: Iterable[Scope]) -> tuple[int, list[str]]:
    count, problems = 0, []
    try:
        with connected(credential) as client:
            for scope in scopes:
                found, words = _of_scope(client, credential, scope)
                count += found
                problems += words
    except (HostError, DomainError) as error:
        problems.append(str(error))
    return count, problems


def _of_scope(
    client: HostClient, credential: GitProviderCredential, scope: Scope
) -> tuple[int, list[str]]:
    """One scope; the ones that a token may not see are no error, most tokens see few."""
    try:
        found = client.list_runners(scope)
    except (NotSupported, Forbidden, NotFoundOnHost):
        return 0, []
    except HostError as error:
        logger.warning("runners of %s %s: %s", scope.kind, scope.name, error)
        return 0, [f"{scope.kind} {scope.name}: {error}"]
    _store(credential, scope, found)
    return len(found), []


@transaction.atomic(durable=True)
def _store(credential: GitProviderCredential, scope: Scope, found: Sequence[HostRunner]) -> None:
    mirror = None
    if scope.kind == "repository":
        mirror = GitRepository.objects.filter(credential=credential, full_name=scope.name).first()
    for each in found:
        is_busy = each.is_busy or each.status == "busy"
        status = RunnerStatus.BUSY if is_busy and each.status != "offline" else each.status
        GitRunner.objects.update_or_create(
            credential=credential, external_id=each.id,
            defaults={
                "account_id": credential.account_id, "repository": mirror,
                "name": (each.name or each.id)[:255], "status": status, "busy": is_busy,
                "runner_scope": scope.kind, "scope_name": scope.name[:500],
                "labels": list(each.labels)[:MAX_LABELS], "os": each.os[:50],
                "architecture": each.architecture[:50], "runner_version": each.version[:50],
                "last_seen_at": timezone.now(),
            },
        )  # fmt: skip
    known = [each.id for each in found]
    gone = GitRunner.objects.filter(
        credential=credential, runner_scope=scope.kind, scope_name=scope.name
    ).exclude(external_id__in=known)
    # Removed at the host: nothing will be heard of it again.
    gone.update(status=RunnerStatus.OFFLINE, busy=False)


@transaction.atomic(durable=True)
def mark_stale_runners() -> int:
    """Call runners offline that were not seen for five minutes; when they were seen stays."""
    rows = GitRunner.objects.exclude(status=RunnerStatus.OFFLINE)
    return rows.filter(last_seen_at__lt=timezone.now() - STALE).update(
        status=RunnerStatus.OFFLINE, busy=False
    )


def delete_runner(actor: Actor, runner: GitRunner) -> None:
    """Remove a runner at the host, then here; one that the host does not know is fine.

    Raises:
        HostError: the host refuses.
    """
    actor.require(MANAGE)
    with connected(runner.credential) as client:
        try:
            client.delete_runner(scope_of(runner), runner.external_id)
        except NotFoundOnHost:
            logger.info("runner %s was gone at the host already", runner)
    _forget(actor, runner)


@transaction.atomic(durable=True)
def _forget(actor: Actor, runner: GitRunner) -> None:
    audit.record(actor, "git.runner.delete", runner)
    runner.delete()


def set_labels(actor: Actor, runner: GitRunner, labels: Sequence[str]) -> GitRunner:
    """Replace a runner's labels at the host, then keep what it answers.

    Raises:
        Invalid: a label that no host takes.
        HostError: the host refuses.
    """
    actor.require(MANAGE)
    wanted = list(dict.fromkeys(label.strip() for label in labels))
    if len(wanted) > MAX_LABELS or not all(0 < len(each) <= 100 for each in wanted):
        raise Invalid.field("/labels", f"At most {MAX_LABELS} labels of 1 to 100 characters.")
    with connected(runner.credential) as client:
        answered = list(client.set_runner_labels(scope_of(runner), runner.external_id, wanted))
    _keep_labels(actor, runner, answered)
    runner.refresh_from_db()
    return runner


@transaction.atomic(durable=True)
def _keep_labels(actor: Actor, runner: GitRunner, labels: list[str]) -> None:
    GitRunner.objects.filter(pk=runner.pk).update(labels=labels)
    audit.record(actor, "git.runner.labels", runner, detail={"labels": ", ".join(labels)[:300]})


def registration_token(
    actor: Actor, credential: GitProviderCredential, scope: Scope
) -> RunnerToken:
    """A token that registers a new runner; also where there is none yet.

    Raises:
        HostError: the host refuses or has none.
    """
    actor.require(TOKEN)
    with connected(credential) as client:
        token = client.runner_registration_token(scope)
    _note(actor, "git.runner.registration_token", credential, scope)
    return token


def removal_token(actor: Actor, runner: GitRunner) -> RunnerToken:
    """A token with which a runner takes itself away.

    Raises:
        HostError: the host refuses or has none.
    """
    actor.require(TOKEN)
    scope = scope_of(runner)
    with connected(runner.credential) as client:
        token = client.runner_removal_token(scope)
    _note(actor, "git.runner.removal_token", runner.credential, scope)
    return token


@transaction.atomic(durable=True)
def _note(actor: Actor, action: str, credential: GitProviderCredential, scope: Scope) -> None:
    audit.record(actor, action, credential, detail={"scope": f"{scope.kind} {scope.name}"})


def scope_of(runner: GitRunner) -> Scope:
    """Where a runner belongs."""
    kinds: dict[str, ScopeKind] = {
        RunnerScope.REPOSITORY: "repository",
        RunnerScope.ORGANIZATION: "organization",
        RunnerScope.ENTERPRISE: "enterprise",
    }
    return Scope(kinds[runner.runner_scope], runner.scope_name)
