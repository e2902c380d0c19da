"""Webhook endpoints are set up, renewed and taken away."""

import base64
import hashlib
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from devops import audit
from devops.access import Actor
from devops.errors import Conflict
from devops.models import Repository
from devops.safety.encryption import Binding, decrypt, encrypt
from gitintegration.choices import Dialect
from gitintegration.clients.git.hook import render_hook
from gitintegration.models import WebhookEndpoint

MANAGE = "git.webhooks.manage"


@dataclass(frozen=True, slots=True)
class EndpointSecrets:
    """What the sender needs to know: where to deliver, and what to sign with."""

    url: str
    secret: str


@transaction.atomic(durable=True)
def configure_webhook(
    actor: Actor, repository: Repository, dialect: str = Dialect.GIT
) -> WebhookEndpoint:
    """Give a repository an address for its deliveries.

    Raises:
        Conflict: it has one.
    """
    actor.require(MANAGE)
    if WebhookEndpoint.objects.filter(repository=repository).exists():
        raise Conflict(
            f"{repository} has a webhook address already.",
            remedy="Remove it first to get a new address and secret.",
        )
    endpoint = WebhookEndpoint(
        account_id=repository.account_id, repository=repository, dialect=dialect
    )
    token = secrets.token_urlsafe(24)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    endpoint.token_digest = digest_token(token)
    endpoint.encrypted_token = encrypt(token.encode(), binding=_binding(endpoint, "token"))
    endpoint.encrypted_secret = encrypt(secret.encode(), binding=_binding(endpoint, "secret"))
    endpoint.save(force_insert=True)
    audit.record(actor, "git.webhook.configure", repository)
    return endpoint


@transaction.atomic(durable=True)
def remove_webhook(actor: Actor, repository: Repository) -> bool:
    """Close a repository's address; false when it had none."""
    actor.require(MANAGE)
    gone, _ = WebhookEndpoint.objects.filter(repository=repository).delete()
    if gone:
        audit.record(actor, "git.webhook.remove", repository)
    return bool(gone)


def reveal_endpoint(actor: Actor, endpoint: WebhookEndpoint) -> EndpointSecrets:
    """The address and secret, for whoever may manage webhooks."""
    actor.require(MANAGE)
    token = decrypt(endpoint.encrypted_token, binding=_binding(endpoint, "token")).decode()
    return EndpointSecrets(
        f"{settings.SITE_URL}/api/v1/webhooks/git/{token}", endpoint_secret(endpoint)
    )


def hook_script(actor: Actor, endpoint: WebhookEndpoint) -> str:
    """The `post-receive` hook for a plain git repository."""
    revealed = reveal_endpoint(actor, endpoint)
    return render_hook(revealed.url, revealed.secret)


def endpoint_secret(endpoint: WebhookEndpoint) -> str:
    """What deliveries are signed with."""
    return decrypt(endpoint.encrypted_secret, binding=_binding(endpoint, "secret")).decode()


def digest_token(token: str) -> str:
    """What we keep of an address' token."""
    return hashlib.sha256(token.encode()).hexdigest()


def _binding(endpoint: WebhookEndpoint, field: str) -> Binding:
    table = "gitintegration_webhookendpoint"
    return Binding(table, str(endpoint.account_id), str(endpoint.pk), field)
