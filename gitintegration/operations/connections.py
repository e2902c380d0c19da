"""A client for a credential: opened, its tokens renewed in time, its outcome counted."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from devops.connections import release_connection
from devops.errors import DomainError
from gitintegration.choices import AuthType, ProviderType
from gitintegration.clients.errors import (
    AuthenticationFailed,
    Forbidden,
    HostError,
    HostUnavailable,
    RateLimited,
)
from gitintegration.clients.host import HostAccess, HostClient
from gitintegration.clients.hosts import host_client
from gitintegration.clients.oauth import OAuthClient
from gitintegration.models import GitProvider, GitProviderCredential, GitRepository
from gitintegration.operations.credentials import (
    can_be_used,
    record_failure,
    record_success,
    replace_secret,
    secret_of,
)
from gitintegration.operations.providers import (
    effective_api_url,
    effective_web_url,
    oauth_secret,
)

# Tokens are renewed when they would end within this.
_RENEW_BEFORE = timedelta(minutes=5)
# Whoever renews has so long; others wait for the outcome.
_RENEWAL_CLAIM = timedelta(seconds=30)
_RENEWAL_POLL_SECONDS = 0.2
# Tokens of GitHub Apps that this process holds at most.
_MEMORY = 256
_installation_tokens: dict[tuple[str, str], tuple[str, datetime]] = {}
# A credential in constant use is counted as used once in so long.
_COUNT_EVERY = timedelta(seconds=30)


class CredentialUnusable(DomainError):
    """The credential is switched off, or has expired and cannot renew itself."""

    code = "credential-unusable"
    status = 422
    title = "The credential cannot be used"
    remedy = "Test it on the provider's page, renew its token, or choose another one."


@contextmanager
def connected(credential: GitProviderCredential) -> Iterator[HostClient]:
    """A client for one piece of work outside of any transaction; its outcome is counted.

    Raises:
        CredentialUnusable: before anything is asked.
        HostError: what the work raised.
    """
    client = open_client(credential)
    # The host may take its time: no connection of the pool is held meanwhile.
    release_connection()
    try:
        yield client
    except (AuthenticationFailed, Forbidden, RateLimited, HostUnavailable) as error:
        record_failure(credential, error)
        raise
    except HostError:
        _count(credential)
        raise
    else:
        _count(credential)
    finally:
        client.close()


@contextmanager
def connected_to(mirror: GitRepository) -> Iterator[HostClient]:
    """A client for the host of a mirrored repository.

    Raises:
        CredentialUnusable: it has no credential, or one that cannot be used.
    """
    if mirror.credential is None:
        raise CredentialUnusable(f"{mirror} has no credential.")
    with connected(mirror.credential) as client:
        yield client


def open_client(credential: GitProviderCredential) -> HostClient:
    """A client without counting; the caller closes it.

    Raises:
        CredentialUnusable: before anything is asked.
    """
    if not can_be_used(credential):
        why = "is switched off" if not credential.is_active else "has expired"
        raise CredentialUnusable(f"The credential {credential.name} {why}.")
    provider = credential.provider
    access = access_for(credential)
    return host_client(provider.provider_type, access)


def access_for(credential: GitProviderCredential) -> HostAccess:
    """Where and as whom, with tokens that are good for some minutes.

    Raises:
        CredentialUnusable: a key is for git, not for an API.
        HostError: the tokens could not be renewed.
    """
    provider = credential.provider
    secret = secret_of(credential)
    where = HostAccess(
        name=provider.name,
        api_url=effective_api_url(provider),
        web_url=effective_web_url(provider),
        token="",
        username=str(secret.get("username") or ""),
        partition=str(credential.pk),
    )
    if credential.auth_type == AuthType.SSH_KEY:
        raise CredentialUnusable(f"{credential.name} is an SSH key: it serves git alone.")
    if credential.auth_type == AuthType.GITHUB_APP:
        return replace(where, token=_installation_token(credential, secret, where), scheme="bearer")
    if credential.auth_type == AuthType.OAUTH:
        return replace(where, token=_fresh_token(credential), scheme="bearer")
    scheme = "basic" if where.username else "token"
    if scheme == "token" and provider.provider_type == ProviderType.BITBUCKET:
        scheme = "bearer"
    return replace(where, token=str(secret["access_token"]), scheme=scheme)


def _installation_token(
    credential: GitProviderCredential, secret: Mapping[str, Any], where: HostAccess
) -> str:
    """The hourly token of a GitHub App's installation; one per process and hour is asked for."""
    from gitintegration.clients.github.app_auth import installation_token  # noqa: PLC0415

    key = (str(credential.pk), credential.encrypted_credentials)
    known = _installation_tokens.get(key)
    if known is not None and known[1] > timezone.now() + _RENEW_BEFORE:
        return known[0]
    fresh = installation_token(
        where, str(secret["app_id"]), str(secret["private_key"]), str(secret["installation_id"])
    )
    if len(_installation_tokens) >= _MEMORY:
        _installation_tokens.clear()
    _installation_tokens[key] = (fresh.token, fresh.expires_at or timezone.now())
    return fresh.token


def oauth_client(provider: GitProvider) -> OAuthClient:
    """The application of this installation at a host."""
    config = provider.oauth_config
    return OAuthClient(
        provider_type=provider.provider_type,
        host=provider.name,
        web_url=effective_web_url(provider),
        client_id=str(config.get("client_id") or ""),
        client_secret=oauth_secret(provider),
        authorization_url=str(config.get("authorization_url") or ""),
        token_url=str(config.get("token_url") or ""),
    )


def renew_due_tokens() -> int:
    """Renew the OAuth tokens that end soon, so that no work has to wait for it."""
    due = GitProviderCredential.objects.filter(
        auth_type=AuthType.OAUTH, is_active=True,
        expires_at__lt=timezone.now() + 2 * _RENEW_BEFORE,
    ).select_related("provider")  # fmt: skip
    renewed = 0
    for credential in due[:200]:
        try:
            renewed += _renew(credential)
        except HostError as error:
            record_failure(credential, error)
    return renewed


def _fresh_token(credential: GitProviderCredential) -> str:
    """The access token, renewed when it ends within minutes; by one process at a time."""
    until = time.monotonic() + _RENEWAL_CLAIM.total_seconds()
    while True:
        secret = secret_of(credential)
        ends = credential.expires_at
        if (
            ends is None
            or ends > timezone.now() + _RENEW_BEFORE
            or not secret.get("refresh_token")
            or time.monotonic() > until
        ):
            return str(secret["access_token"])
        is_mine = _renew(credential)
        credential.refresh_from_db()
        if not is_mine and credential.expires_at == ends:
            # Another process renews: with the new token the old one may end, so it is waited for.
            time.sleep(_RENEWAL_POLL_SECONDS)


def _renew(credential: GitProviderCredential) -> bool:
    """Claim, ask the host, store; false when somebody else has the claim."""
    now = timezone.now()
    mine = (
        GitProviderCredential.objects.filter(pk=credential.pk, expires_at=credential.expires_at)
        .filter(Q(refresh_claimed_until=None) | Q(refresh_claimed_until__lt=now))
        .update(refresh_claimed_until=now + _RENEWAL_CLAIM)
    )
    if not mine:
        return False
    secret = secret_of(credential)
    if not secret.get("refresh_token"):
        return False
    rows = GitProviderCredential.objects.filter(pk=credential.pk)
    try:
        tokens = oauth_client(credential.provider).refresh(str(secret["refresh_token"]))
    except HostError:
        # Nobody need wait for a renewal that was refused.
        rows.update(refresh_claimed_until=None)
        raise
    names = ("access_token", "refresh_token")
    kept = {str(key): tokens[key] for key in names if key in tokens}
    lifetime = tokens.get("expires_in")
    replace_secret(credential, {**secret, **kept}, int(lifetime) if lifetime else None)
    rows.update(refresh_claimed_until=None)
    return True


def _count(credential: GitProviderCredential) -> None:
    recent = (
        credential.last_used_at is not None
        and credential.last_used_at > timezone.now() - _COUNT_EVERY
        and not credential.consecutive_failures
    )
    if not recent or _is_blamed(credential):
        record_success(credential)


def _is_blamed(credential: GitProviderCredential) -> bool:
    """Whether its page, or the host's, still tells of a failure, whoever noted it."""
    blamed = ~Q(last_error="") | ~Q(provider__last_error="")
    return GitProviderCredential.objects.filter(blamed, pk=credential.pk).exists()
