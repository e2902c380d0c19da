"""GitHub Apps: a signed statement of who we are, and the hourly token of one installation.

Source: GitHub documentation, "Generating a JSON Web Token (JWT) for a GitHub App", "Generating an
installation access token for a GitHub App".
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from django.utils import timezone
from github import Auth

from devops.errors import Invalid
from gitintegration.clients.github.connection import Connection, segment
from gitintegration.clients.host import HostAccess
from gitintegration.clients.members import Members

ALGORITHM = "RS256"
# GitHub takes at most ten minutes; the minute before is for clocks that differ.
JWT_SECONDS = 540
CLOCK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class InstallationToken:
    """A token of one installation; it is sent as `bearer`."""

    token: str
    expires_at: datetime | None
    permissions: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"InstallationToken(expires_at={self.expires_at!r})"


def app_token(app_id: str, private_key: str, *, now: datetime | None = None) -> str:
    """The statement that we are this app; good for nine minutes.

    Raises:
        Invalid: the private key is no RSA key in PEM.
    """
    moment = int((now or timezone.now()).timestamp())
    claims = {"iat": moment - CLOCK_SECONDS, "exp": moment + JWT_SECONDS, "iss": app_id}
    try:
        return jwt.encode(claims, private_key, algorithm=ALGORITHM)
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's own words may quote the key.
        raise Invalid.field(
            "/private_key",
            "The app's private key is no RSA key in PEM form.",
            remedy="Paste the whole .pem file that GitHub gave you when the key was made.",
        ) from error


def installation_token(
    access: HostAccess,
    app_id: str,
    private_key: str,
    installation_id: str,
    *,
    repositories: Sequence[str] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> InstallationToken:
    """A fresh token of an installation, for the named repositories or all that it was given.

    `access` says where GitHub is; its own token does not count. Repositories are named without
    their owner.

    Raises:
        HostError: as every call; 401 when GitHub does not know the app or the key.
        Invalid: the private key is none.
    """
    auth = Auth.AppAuthToken(app_token(app_id, private_key))
    api = Connection(replace(access, token=""), sleep=sleep, auth=auth)
    path = f"/app/installations/{segment(installation_id)}/access_tokens"
    body: dict[str, Any] = {"repositories": list(repositories)} if repositories else {}
    try:
        return api.one("POST", path, _token, body)
    finally:
        api.close()


def installation_access(access: HostAccess, token: InstallationToken) -> HostAccess:
    """The access of a client that works with an installation's token."""
    return replace(access, token=token.token, scheme="bearer")


def _token(told: Members) -> InstallationToken:
    permissions = told.inner("permissions")
    named = tuple((name, permissions.text(name)) for name in sorted(permissions.names()))
    return InstallationToken(told.needed("token"), told.moment("expires_at"), named)
