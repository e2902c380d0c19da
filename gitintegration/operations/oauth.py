"""A person connects a host by OAuth: the state is theirs, used once, and ends in ten minutes."""

import hashlib
import secrets
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from devops import audit
from devops.access import Actor
from devops.errors import DomainError, Invalid
from devops.safety.encryption import Binding, decrypt, encrypt
from gitintegration.catalogue import HOST_KINDS
from gitintegration.choices import AuthType
from gitintegration.clients.host import HostAccess
from gitintegration.clients.hosts import host_client
from gitintegration.clients.oauth import granted_scopes, new_verifier
from gitintegration.models import GitProvider, GitProviderCredential, OAuthState
from gitintegration.operations.connections import oauth_client
from gitintegration.operations.credentials import CREATE, create_credential, record_success
from gitintegration.operations.providers import effective_api_url, effective_web_url

STATE_LIFETIME = timedelta(minutes=10)


class StateInvalid(DomainError):
    """Unknown, used, expired or somebody else's; the four look alike on purpose."""

    code = "oauth-state-invalid"
    status = 400
    title = "This authorisation was not started here, or is over"
    remedy = "Start the connection again from the provider's page."


def start_authorization(actor: Actor, provider: GitProvider, redirect_uri: str) -> str:
    """Where the person is to be sent.

    Raises:
        Invalid: the host has no OAuth application, or the address to return to is not ours.
    """
    actor.require(CREATE)
    config = provider.oauth_config
    if not config.get("client_id"):
        raise Invalid(
            f"{provider.name} has no OAuth application.",
            remedy="Register Powernode at the host and enter its client id and secret.",
        )
    _check_redirect(redirect_uri, str(config.get("redirect_uri") or ""))
    state, verifier = secrets.token_urlsafe(32), new_verifier()
    _remember(actor, provider, _person(actor), (state, verifier), redirect_uri)
    scopes = config.get("scopes") or HOST_KINDS[provider.provider_type].oauth_scopes
    return oauth_client(provider).authorization(
        redirect_uri, state, verifier, " ".join(str(scope) for scope in scopes)
    )


def finish_authorization(
    actor: Actor, provider: GitProvider, code: str, state: str
) -> GitProviderCredential:
    """Exchange the code for tokens and keep them as a credential.

    Raises:
        StateInvalid: the state is not the person's own, unused and fresh.
        HostError: the host refuses the code.
    """
    actor.require(CREATE)
    started = _use_up(actor, provider, state)
    verifier = decrypt(started.encrypted_verifier, binding=_binding(started)).decode()
    tokens = oauth_client(provider).exchange(code, started.redirect_uri, verifier)
    access = HostAccess(
        provider.name, effective_api_url(provider), effective_web_url(provider),
        str(tokens["access_token"]), scheme="bearer", partition=f"oauth:{started.pk}",
    )  # fmt: skip
    client = host_client(provider.provider_type, access)
    try:
        user = client.current_user()
    finally:
        client.close()
    lifetime = tokens.get("expires_in")
    values = {
        "auth_type": AuthType.OAUTH,
        "name": f"{provider.name} - {user.username}"[:255],
        "scopes": granted_scopes(tokens),
        "expires_at": timezone.now() + timedelta(seconds=int(lifetime)) if lifetime else None,
        "credentials": {
            key: tokens[key] for key in ("access_token", "refresh_token") if tokens.get(key)
        },
    }
    credential = create_credential(actor, provider, values)
    record_success(credential, user)
    credential.refresh_from_db()
    return credential


def host_of_state(actor: Actor, state: str) -> GitProvider:
    """The host for which the person started an authorisation; the state stays unused.

    Raises:
        StateInvalid: the state is not the person's own, unused and fresh.
    """
    rows = _unused(actor, state).select_related("provider")
    if (row := rows.first()) is None:
        raise StateInvalid("The state of this authorisation is not valid.")
    return row.provider


@transaction.atomic(durable=True)
def _remember(
    actor: Actor,
    provider: GitProvider,
    user_id: uuid.UUID,
    secret: tuple[str, str],
    redirect_uri: str,
) -> None:
    state, verifier = secret
    now = timezone.now()
    OAuthState.objects.filter(account_id=actor.account_id, expires_at__lt=now).delete()
    row = OAuthState(
        account_id=actor.account_id, provider=provider, user_id=user_id,
        digest=_digest(state), redirect_uri=redirect_uri, expires_at=now + STATE_LIFETIME,
    )  # fmt: skip
    row.encrypted_verifier = encrypt(verifier.encode(), binding=_binding(row))
    row.save(force_insert=True)
    audit.record(actor, "git.oauth.start", provider)


@transaction.atomic(durable=True)
def _use_up(actor: Actor, provider: GitProvider, state: str) -> OAuthState:
    rows = _unused(actor, state).filter(provider=provider)
    row = rows.first()
    if row is None or rows.update(used_at=timezone.now()) != 1:
        raise StateInvalid("The state of this authorisation is not valid.")
    return row


def _unused(actor: Actor, state: str) -> QuerySet[OAuthState]:
    return OAuthState.objects.filter(
        digest=_digest(state), account_id=actor.account_id, user_id=_person(actor),
        used_at=None, expires_at__gt=timezone.now(),
    )  # fmt: skip


def _person(actor: Actor) -> uuid.UUID:
    if actor.user_id is None:
        raise Invalid("Only a person can authorise; a token cannot.")
    return actor.user_id


def _check_redirect(redirect_uri: str, registered: str) -> None:
    """The exact address that was registered, else one of this installation."""
    ours = urlsplit(settings.SITE_URL)
    given = urlsplit(redirect_uri)
    is_ours = (given.scheme, given.netloc) == (ours.scheme, ours.netloc)
    if (registered and redirect_uri != registered) or not (registered or is_ours):
        raise Invalid.field(
            "/redirect_uri", "The address to return to is not this installation's.",
            remedy=f"Use {registered or settings.SITE_URL + '/git/oauth/callback'}.",
        )  # fmt: skip


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _binding(row: OAuthState) -> Binding:
    return Binding("gitintegration_oauthstate", str(row.account_id), str(row.pk), "verifier")
