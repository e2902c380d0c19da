"""Hooks at the hosts: set up, checked, repaired, taken away; lost deliveries fetched."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from devops import audit
from devops.access import Actor, system_actor
from devops.errors import DomainError
from gitintegration.clients.errors import HostError, NotFoundOnHost, NotSupported
from gitintegration.clients.host import HostClient, every
from gitintegration.clients.shapes import HookDelivery, HostWebhook
from gitintegration.models import GitRepository, GitWebhookEvent, WebhookEndpoint
from gitintegration.operations.branch_filters import check_filter
from gitintegration.operations.connections import connected_to
from gitintegration.operations.endpoints import (
    configure_webhook,
    remove_webhook,
    reveal_endpoint,
)
from gitintegration.operations.repositories import remember_heads

logger = logging.getLogger(__name__)

MANAGE = "git.repositories.webhooks.manage"
# A host's own list of deliveries is compared with ours this far back.
_LOOK_BACK = timedelta(hours=3)
# Younger ones may still be on their way.
_GRACE = timedelta(seconds=60)
# Branches whose heads are noted when a hook is set up.
_HEADS = 1000
CHECK_EVERY = timedelta(minutes=15)
_REPAIRED = "Repaired at"


@dataclass(frozen=True, slots=True)
class HookOutcome:
    """What came of setting up or taking away a hook; it never raises for the host's refusal."""

    success: bool
    already_configured: bool = False
    error: str = ""


def configure_host_webhook(
    actor: Actor, mirror: GitRepository, *, filter_type: str | None = None, pattern: str = ""
) -> HookOutcome:
    """Have the host deliver to us: our address, our secret, the events that we read.

    An existing hook with our address is taken over instead of doubled.
    """
    actor.require(MANAGE)
    if filter_type is not None:
        set_branch_filter(actor, mirror, filter_type, pattern)
    if mirror.webhook_configured:
        return HookOutcome(success=True, already_configured=True)
    endpoint = _endpoint(mirror)
    try:
        with connected_to(mirror) as client:
            hook = _establish(client, mirror, endpoint)
            branches = every(lambda page: client.list_branches(mirror.full_name, page), _HEADS)
            heads = {branch.name: branch.sha for branch in branches}
    except (HostError, DomainError) as error:
        _note_problem(mirror, str(error))
        return HookOutcome(success=False, error=str(error))
    if mirror.repository is not None:
        remember_heads(mirror.repository, heads)
    _note_hook(mirror, hook)
    _audit(actor, "git.webhook.configure", mirror)
    return HookOutcome(success=True)


def remove_host_webhook(actor: Actor, mirror: GitRepository) -> HookOutcome:
    """Have the host deliver no more; a hook that is gone already is fine."""
    actor.require(MANAGE)
    if not mirror.webhook_id:
        return HookOutcome(success=True)
    try:
        with connected_to(mirror) as client:
            client.delete_webhook(mirror.full_name, mirror.webhook_id)
    except NotFoundOnHost:
        pass  # gone with its repository: what was wanted
    except (HostError, DomainError) as error:
        return HookOutcome(success=False, error=str(error))
    if mirror.repository is not None:
        remove_webhook(system_actor(mirror.account_id, "hooks"), mirror.repository)
    GitRepository.objects.filter(pk=mirror.pk).update(
        webhook_configured=False, webhook_id="", webhook_problem=""
    )
    mirror.refresh_from_db()
    _audit(actor, "git.webhook.remove", mirror)
    return HookOutcome(success=True)


@transaction.atomic(durable=True)
def set_branch_filter(actor: Actor, mirror: GitRepository, filter_type: str, pattern: str) -> None:
    """Say which branches' events start anything.

    Raises:
        Invalid: a pattern is missing or unusable.
    """
    actor.require(MANAGE)
    check_filter(filter_type, pattern)
    GitRepository.objects.filter(pk=mirror.pk).update(
        branch_filter_type=filter_type, branch_filter=pattern if filter_type != "none" else ""
    )
    audit.record(actor, "git.repository.branch_filter", mirror, detail={"type": filter_type})
    mirror.refresh_from_db()


def rotate_hook_secret(actor: Actor, mirror: GitRepository) -> HookOutcome:
    """Give the hook a new address and secret, at the host and here."""
    actor.require(MANAGE)
    removed = remove_host_webhook(actor, mirror)
    return configure_host_webhook(actor, mirror) if removed.success else removed


def check_hooks(limit: int = 50) -> int:
    """Compare hooks with the hosts' and repair what drifted; returns how many were looked at."""
    due = GitRepository.objects.filter(
        webhook_configured=True, gone_at=None, is_active=True, credential__is_active=True,
    ).exclude(webhook_checked_at__gt=timezone.now() - CHECK_EVERY)  # fmt: skip
    mirrors = list(
        due.select_related("credential__provider", "repository").order_by("webhook_checked_at")[
            :limit
        ]
    )
    for mirror in mirrors:
        try:
            check_hook(mirror)
        except (HostError, DomainError) as error:
            _note_problem(mirror, str(error))
    return len(mirrors)


def check_hook(mirror: GitRepository) -> str:
    """Repair the hook where it was deleted, changed or switched off; says what was done.

    Also has the host send again what it says it could not deliver, or never came.

    Raises:
        HostError: the host does not answer.
    """
    endpoint = _endpoint(mirror)
    with connected_to(mirror) as client:
        hooks = client.list_webhooks(mirror.full_name)
        drift = _drift(mirror, endpoint, hooks)
        hook = next((each for each in hooks if each.id == mirror.webhook_id), None)
        if drift:
            hook = _establish(client, mirror, endpoint, hooks)
        if hook is not None:
            _fetch_missed(client, mirror, endpoint, hook)
    if hook is not None:
        _note_hook(
            mirror,
            hook,
            f"{_REPAIRED} {timezone.now():%Y-%m-%d %H:%M} UTC: {drift}" if drift else "",
        )
    return drift


def _drift(mirror: GitRepository, endpoint: WebhookEndpoint, hooks: Sequence[HostWebhook]) -> str:
    hook = next((each for each in hooks if each.id == mirror.webhook_id), None)
    if hook is None:
        return "the hook was deleted at the host."
    if hook.url != _url(mirror, endpoint):
        return "the hook's address was changed at the host."
    if not hook.is_active:
        return "the hook was switched off at the host."
    if endpoint.rejected_count > endpoint.rejected_seen:
        # Hosts never show a secret; deliveries that no longer fit say that it was changed.
        return "deliveries came with another secret."
    return ""


def _establish(
    client: HostClient,
    mirror: GitRepository,
    endpoint: WebhookEndpoint,
    hooks: Sequence[HostWebhook] | None = None,
) -> HostWebhook:
    """One hook with our address and secret, taken over or made; further ones of ours go."""
    url = _url(mirror, endpoint)
    secret = reveal_endpoint(system_actor(mirror.account_id, "hooks"), endpoint).secret
    found = client.list_webhooks(mirror.full_name) if hooks is None else hooks
    ours = [each for each in found if each.url == url or each.id == mirror.webhook_id]
    for spare in ours[1:]:
        client.delete_webhook(mirror.full_name, spare.id)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(rejected_seen=endpoint.rejected_count)
    if ours:
        updated = client.update_webhook(mirror.full_name, ours[0].id, url, secret)
        if updated.is_active:
            return updated
        # A host that switched it off by itself (GitLab) does not switch it on by a change.
        client.delete_webhook(mirror.full_name, updated.id)
    return client.create_webhook(mirror.full_name, url, secret)


def _fetch_missed(
    client: HostClient, mirror: GitRepository, endpoint: WebhookEndpoint, hook: HostWebhook
) -> int:
    """Have the host deliver again what it sent in vain; hosts that cannot are asked for heads."""
    now = timezone.now()
    try:
        listed = [
            each
            for each in every(
                lambda page: client.list_hook_deliveries(mirror.full_name, hook.id, page), 500
            )
            if each.delivered_at is None or now - _LOOK_BACK < each.delivered_at < now - _GRACE
        ]
    except NotSupported:
        return 0
    known = set(
        GitWebhookEvent.objects.filter(
            endpoint=endpoint, delivery_id__in=[each.delivery_id for each in listed]
        ).values_list("delivery_id", flat=True)
    )
    arrived = {each.delivery_id for each in listed if 200 <= each.status_code < 300}
    missed: dict[str, HookDelivery] = {}
    for each in listed:
        if each.delivery_id and each.delivery_id not in known | arrived:
            missed.setdefault(each.delivery_id, each)
    for each in missed.values():
        client.redeliver(mirror.full_name, hook.id, each.id)
    return len(missed)


def _endpoint(mirror: GitRepository) -> WebhookEndpoint:
    actor = system_actor(mirror.account_id, "hooks")
    if mirror.repository is None or mirror.credential is None:
        raise NotFoundOnHost(mirror.full_name, "the mirror is not connected any more.")
    dialect = mirror.credential.provider.provider_type
    existing = WebhookEndpoint.objects.filter(repository=mirror.repository).first()
    if existing is not None and existing.dialect == dialect:
        return existing
    if existing is not None:
        remove_webhook(actor, mirror.repository)
    endpoint = configure_webhook(actor, mirror.repository, dialect)
    endpoint.git_provider = mirror.credential.provider
    endpoint.save(update_fields=["git_provider"])
    return endpoint


def _url(mirror: GitRepository, endpoint: WebhookEndpoint) -> str:
    return reveal_endpoint(system_actor(mirror.account_id, "hooks"), endpoint).url


def _note_hook(mirror: GitRepository, hook: HostWebhook, problem: str = "") -> None:
    # What was repaired may still be read tomorrow; a host's refusal ends with its next answer.
    note = mirror.webhook_problem if mirror.webhook_problem.startswith(_REPAIRED) else ""
    GitRepository.objects.filter(pk=mirror.pk).update(
        webhook_configured=True, webhook_id=hook.id[:255], webhook_checked_at=timezone.now(),
        webhook_problem=(problem or note)[:500],
    )  # fmt: skip
    mirror.refresh_from_db()


def _note_problem(mirror: GitRepository, words: str) -> None:
    GitRepository.objects.filter(pk=mirror.pk).update(
        webhook_problem=words[:500], webhook_checked_at=timezone.now()
    )
    mirror.refresh_from_db()


@transaction.atomic(durable=True)
def _audit(actor: Actor, action: str, mirror: GitRepository) -> None:
    audit.record(actor, action, mirror)
