"""Who is asking: a bearer token, or the browser's session with its CSRF token."""

import ipaddress
import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request
from typing_extensions import override

from devops.access import Actor, member_actor, membership_of, token_actor
from devops.errors import FieldProblem, Invalid, NotFound, PermissionDenied
from devops.models import ApiToken, Membership, User
from devops.tokens import find_token

ACCOUNT_HEADER = "X-Powernode-Account"
SESSION_KEY = "account_id"
# `last_used_at` costs a write, so it is at most this exact.
USE_NOTED_EVERY = timedelta(minutes=1)
_QUERY_TOKENS = frozenset({"token", "access_token", "api_token", "api_key", "apikey", "bearer"})


class NoAccount(PermissionDenied):
    """The person is known but belongs to no account."""

    code = "no-account"
    title = "No account"
    remedy = "Ask an administrator for an invitation."


class TokenInAddress(Invalid):
    """A query parameter is called like a token; it was not looked at."""

    code = "token-in-query"
    title = "A token in the address"
    remedy = "Send it as `Authorization: Bearer …`, and revoke the one that was sent here."


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer pn_…`; `request.auth` becomes the Actor."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """The token's owner, acting within the token's scopes.

        Raises:
            AuthenticationFailed: a token was sent that is not, or no longer, valid.
        """
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise exceptions.AuthenticationFailed("Only the scheme `Bearer` is understood.")
        token = find_token(text.strip())
        membership = membership_of(token.user, token.account_id) if token else None
        if token is None or membership is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked.")
        _note_use(token)
        return token.user, _located(token_actor(token, membership), request)

    @override
    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401."""
        return 'Bearer realm="powernode"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session; the account is named by a header or remembered in the session."""

    def authenticate(self, request: Request) -> tuple[User, Actor] | None:
        """The person, acting in the named account, else in the remembered or oldest one.

        Raises:
            NotFound: the header names an account that the person does not belong to.
            NoAccount: there is no account to act in.
        """
        user: Any = getattr(request._request, "user", None)  # noqa: SLF001  (as DRF itself does)
        if user is None or not user.is_authenticated or not user.is_active:
            return None
        self.enforce_csrf(request)
        return user, _located(member_actor(_membership(user, request)), request)


def refuse_query_tokens(request: HttpRequest | Request) -> None:
    """Addresses end up in logs and histories, so a token there is refused and never tried.

    Raises:
        TokenInAddress: a parameter is called like a token.
    """
    found = _QUERY_TOKENS.intersection(name.lower() for name in request.GET)
    if found:
        name = min(found)
        raise TokenInAddress(
            "A token does not belong into an address.",
            errors=[FieldProblem(f"?{name}", "token-in-query", "Tokens are sent as a header.")],
        )


def _membership(user: User, request: Request) -> Membership:
    named = request.headers.get(ACCOUNT_HEADER, "")
    if named:
        wanted = _uuid(named)
        membership = membership_of(user, wanted) if wanted else None
        if membership is None:
            raise NotFound(f"`{ACCOUNT_HEADER}` names no account of yours.")
        return membership
    remembered = _uuid(str(request.session.get(SESSION_KEY, "")))
    membership = membership_of(user, remembered) if remembered else None
    membership = membership or membership_of(user)
    if membership is None:
        raise NoAccount(f"{user} belongs to no account.")
    return membership


def _note_use(token: ApiToken) -> None:
    stale = timezone.now() - USE_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at < stale:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=timezone.now())


def _located(actor: Actor, request: Request) -> Actor:
    address: str | None = request.META.get("REMOTE_ADDR", "")
    try:
        ipaddress.ip_address(address or "")
    except ValueError:
        # A unix socket has no address.
        address = None
    return actor.seen_from(address, request.headers.get("User-Agent", ""))


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
